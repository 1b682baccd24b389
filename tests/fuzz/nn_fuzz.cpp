// Any sequence of WASI-NN calls with any arguments on any memory. Whatever a guest does, it gets an errno of the table, and
// nothing outside its memory is read or written (which the address sanitizer sees: the memory is an allocation of its own).
//
// An input is a script: one byte chooses a function (or a poke into the memory), one byte per argument chooses how the
// argument is made, so that a mutation of one byte is a change of one thing.
#include "nn/host.h"
#include "support/tiny_gguf.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

using namespace bitnet;

namespace {

void require(bool promise) {
  if (!promise)
    __builtin_trap();
}

constexpr std::uint32_t kMemory = 64 << 10;
constexpr unsigned kComputations = 6; ///< that an input may run: they are what costs time

/// What is useful in a guest's memory, so that the fuzzer need not find it: strings, and tensors that point to them.
constexpr std::string_view kStrings[] = {
    "default",
    "Hello the world<|eot_id|> and",
    "{\"n-predict\": 3, \"ignore-eos\": true, \"temp\": 0.7}",
    "{\"embedding\": true, \"pooling\": \"mean\"}",
    "{\"messages\": true, \"ctx-size\": 24, \"stream-stdout\": true, \"enable-log\": true}",
    "[{\"role\": \"user\", \"content\": \"Hello \\u00e9\"}, {\"role\": \"assistant\", \"content\": "
    "\"\"}]",
    "{\"reverse-prompt\": \"e\", \"logits-hash\": true, \"presence-penalty\": 1.5}",
    "GGUF",
};
constexpr std::uint32_t kTensors = 4096;
constexpr std::uint32_t kModel = 8192; ///< the model's own bytes

struct World {
  Serial serial;
  nn::Models models{nullptr, {}, serial};
  test::ByteVector file;
  std::vector<std::uint8_t> memory;
  std::array<std::uint32_t, std::size(kStrings)> strings{};

  World() : memory(kMemory) {
    test::TinyOptions options;
    options.hidden = 32;
    options.heads = 2;
    options.ffn = 32;
    options.layers = 1;
    options.context = 48;
    options.chat_template = "{{ capitalize }}<|eot_id|>Assistant: ";
    file = test::make_tiny_model(options);
    MemorySource source(file);
    const auto model = Model::load(source);
    require(model && models.add("default", *model));
    std::uint32_t at = 64;
    for (std::size_t i = 0; i < std::size(kStrings); ++i) {
      strings[i] = at;
      std::ranges::copy(kStrings[i], memory.begin() + at);
      const std::uint32_t tensor[] = {0, 1, 3, at, static_cast<std::uint32_t>(kStrings[i].size())};
      std::memcpy(memory.data() + kTensors + i * 32, tensor, sizeof tensor);
      at += static_cast<std::uint32_t>(kStrings[i].size()) + 8;
    }
    const std::uint32_t builders[] = {kModel, static_cast<std::uint32_t>(file.size()), strings[2],
                                      static_cast<std::uint32_t>(kStrings[2].size())};
    std::memcpy(memory.data() + kTensors + 1024, builders, sizeof builders);
    require(file.size() <= kMemory - kModel);
    std::ranges::copy(file, memory.begin() + kModel);
  }
};

class Script {
public:
  Script(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ == size_; }
  std::uint8_t byte() { return empty() ? std::uint8_t{0} : data_[at_++]; }
  std::uint32_t word() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
      value = value << 8 | byte();
    return value;
  }
  std::uint32_t argument(const World& world) {
    const std::uint8_t how = byte();
    const std::uint8_t low = how & 0x0f;
    switch (how >> 4) {
    case 0:
    case 1: return low; // handles, indices, counts, encodings
    case 2: return world.strings[low % std::size(kStrings)];
    case 3: return static_cast<std::uint32_t>(kStrings[low % std::size(kStrings)].size());
    case 4: return kTensors + low * 32;
    case 5: return kTensors + 1024;           // the builders
    case 6: return kTensors + 2048 + low * 4; // places for results
    case 7: return kMemory - low;
    case 8: return ~std::uint32_t{low};
    case 9: return 1U << (low + 8);
    case 10: return low * 64U;
    default: return word();
    }
  }

private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

bool is_errno(nn::Errno code) {
  const auto number = static_cast<std::uint32_t>(code);
  return number <= 8 || (number >= 100 && number <= 103);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world; // one for all inputs, as in a process that serves many guests
  Script script(data, size);
  // A new allocation of exactly the memory's size: the next byte is the sanitizer's.
  const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[kMemory]);
  std::ranges::copy(world.memory, bytes.get());
  nn::LinearMemory memory(bytes.get(), kMemory);

  nn::HostOptions options;
  const std::uint8_t first = script.byte();
  options.output_rule = static_cast<nn::OutputRule>(first % 3);
  options.max_session_bytes = first & 0x80 ? 1 << 20 : 128 << 10;
  std::uint64_t told = 0;
  options.hooks = {.context = &told,
                   .print =
                       [](void* context, std::string_view text) noexcept {
                         *static_cast<std::uint64_t*>(context) += text.size();
                         return true;
                       },
                   .log =
                       [](void* context, std::string_view line) noexcept {
                         *static_cast<std::uint64_t*>(context) += line.size();
                         for (const char c : line)
                           require(c >= ' ' && c < 127);
                       }};
  nn::Host host(world.models, options);
  for (unsigned computations = 0; !script.empty();) {
    const std::uint8_t choice = script.byte() % 14;
    if (choice >= nn::functions().size()) { // the guest writes into its memory
      const std::uint32_t at = script.argument(world) % (kMemory - 3);
      const std::uint32_t value = script.argument(world);
      std::memcpy(bytes.get() + at, &value, sizeof value);
      continue;
    }
    const nn::Function& function = nn::functions()[choice];
    if (function.name.starts_with("compute") && ++computations > kComputations)
      continue;
    std::uint32_t arguments[nn::kMostParameters] = {};
    for (std::uint32_t i = 0; i < function.parameters; ++i)
      arguments[i] = script.argument(world);
    require(is_errno((host.*function.call)(memory, arguments)));
  }
  return 0;
}
