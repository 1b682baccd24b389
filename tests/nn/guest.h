// A guest without a runtime: a linear memory that a test fills, and the twelve functions by name.
#pragma once

#include "core/api/api_support.h"
#include "nn/host.h"

#include <catch_amalgamated.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace bitnet::test {

using nn::Errno;

constexpr std::uint32_t kGgml = 6;
constexpr std::uint32_t kMemory = 1 << 20;

/// The 20 bytes of a tensor whose type and dimensions say nothing, as guests send them.
struct TensorWords {
  std::uint32_t dimensions = 0, dimension_count = 1, type = 3, data = 0, size = 0;
};

class Guest {
public:
  explicit Guest(nn::Models& models, nn::HostOptions options = {})
      : host(models, with_hooks(options, *this)), bytes_(kMemory, 0xee) {}

  nn::Host host;
  std::string printed;
  std::vector<std::string> log;
  bool reader = true; ///< does anybody read what is printed?
  std::function<void()> on_print;

  Errno call(std::string_view name, std::vector<std::uint32_t> arguments) {
    nn::LinearMemory memory(bytes_.data(), bytes_.size());
    for (const nn::Function& function : nn::functions())
      if (function.name == name) {
        CHECK(arguments.size() == function.parameters);
        return (host.*function.call)(memory, arguments.data());
      }
    FAIL("no function " << name);
    return Errno::kRuntimeError;
  }

  /// Puts bytes somewhere and says where.
  std::uint32_t put(std::string_view data) {
    const std::uint32_t at = next_;
    next_ += static_cast<std::uint32_t>((data.size() + 16) / 8 * 8);
    REQUIRE(next_ < kResult);
    std::memcpy(bytes_.data() + at, data.data(), data.size());
    return at;
  }
  template <class T> std::uint32_t put_object(const T& object) {
    return put({reinterpret_cast<const char*>(&object), sizeof object});
  }
  std::uint32_t word(std::uint32_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  std::string_view text(std::uint32_t at, std::uint32_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, size};
  }
  std::vector<std::uint8_t>& bytes() { return bytes_; }

  // The calls with arguments as a guest's library would spell them.
  Errno load(std::string_view name, std::string_view config, std::uint32_t& graph) {
    const auto errno_ = call("load_by_name_with_config",
                             {put(name), size(name), put(config), size(config), kResult});
    graph = word(kResult);
    return errno_;
  }
  Errno load_bytes(std::string_view model, std::string_view metadata, std::uint32_t& graph) {
    const std::uint32_t builders[] = {put(model), size(model), put(metadata), size(metadata)};
    const auto errno_ = call("load", {put_object(builders), 2, kGgml, 0, kResult});
    graph = word(kResult);
    return errno_;
  }
  Errno init(std::uint32_t graph, std::uint32_t& context) {
    const auto errno_ = call("init_execution_context", {graph, kResult});
    context = word(kResult);
    return errno_;
  }
  Errno set_input(std::uint32_t context, std::uint32_t index, std::string_view data) {
    const TensorWords tensor{.data = put(data), .size = size(data)};
    return call("set_input", {context, index, put_object(tensor)});
  }
  Errno output(std::uint32_t context, std::uint32_t index, std::string& into,
               const char* function = "get_output") {
    const auto errno_ = call(function, {context, index, kOutput, kOutputRoom, kResult});
    into = errno_ == Errno::kSuccess ? std::string(text(kOutput, word(kResult))) : std::string();
    return errno_;
  }
  /// A whole computation; the text.
  std::string computed(std::uint32_t context, std::string_view prompt) {
    CHECK(set_input(context, 0, prompt) == Errno::kSuccess);
    CHECK(call("compute", {context}) == Errno::kSuccess);
    std::string out;
    CHECK(output(context, 0, out) == Errno::kSuccess);
    return out;
  }
  std::string metadata(std::uint32_t context) {
    std::string out;
    CHECK(output(context, 1, out) == Errno::kSuccess);
    return out;
  }

  static constexpr std::uint32_t kOutputRoom = 64 << 10;
  static constexpr std::uint32_t kOutput = kMemory - kOutputRoom - 16;
  static constexpr std::uint32_t kResult = kOutput - 8;

private:
  static std::uint32_t size(std::string_view text) {
    return static_cast<std::uint32_t>(text.size());
  }
  static nn::HostOptions with_hooks(nn::HostOptions options, Guest& guest) {
    options.hooks = {.context = &guest,
                     .print =
                         [](void* context, std::string_view piece) noexcept {
                           auto& guest = *static_cast<Guest*>(context);
                           guest.printed += piece;
                           if (guest.on_print)
                             guest.on_print();
                           return guest.reader;
                         },
                     .log =
                         [](void* context, std::string_view line) noexcept {
                           auto& guest = *static_cast<Guest*>(context);
                           const std::lock_guard lock(guest.log_mutex_); // tests use threads
                           guest.log.emplace_back(line);
                         }};
    return options;
  }

  std::mutex log_mutex_;
  std::vector<std::uint8_t> bytes_;
  std::uint32_t next_ = 64;
};

/// A small model under the name "default", framed as 2B-4T is.
struct World {
  Serial serial;
  nn::Models models{nn::open_model, {}, serial};
  Model model;

  World() : model(load_model(file())) { CHECK(models.add("default", model)); }

  static ByteVector file() {
    TinyOptions options;
    options.hidden = 64;
    options.ffn = 128;
    options.context = 64;
    options.chat_template = "{{ capitalize }}<|eot_id|>Assistant: ";
    return make_tiny_model(options);
  }
};

/// A graph and a context on it.
struct Ready {
  World world;
  Guest guest;
  std::uint32_t graph = ~0U, context = ~0U;

  explicit Ready(std::string_view config = "{\"ignore-eos\": true, \"n-predict\": 12}",
                 nn::HostOptions options = {})
      : guest(world.models, options) {
    CHECK(guest.load("default", config, graph) == Errno::kSuccess);
    CHECK(guest.init(graph, context) == Errno::kSuccess);
  }
};

} // namespace bitnet::test
