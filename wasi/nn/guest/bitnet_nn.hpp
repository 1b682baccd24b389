// WASI-NN for guests: a language model on the host, from a C++20 program that runs as WebAssembly. One header, no library.
//
//   namespace nn = bitnet::guest;
//   auto graph = nn::Graph::load("default", {.max_tokens = 100});
//   if (!graph)
//     return fail(graph.error().text());
//   auto context = graph->context();
//   if (!context)
//     return fail(context.error().text());
//   auto end = context->generate("Once upon a time", [](std::string_view piece) { print(piece); });
//
// Graph and Context use the standard's functions and WasmEdge's beside them: names with options, streaming, and handles
// that are given back. StandardGraph and StandardContext use the standard's six alone, so that a program of theirs
// starts on every host; what needs more does not compile with them. The module imports what the program calls and
// nothing else. wasi/nn/guest/README.md goes from the compiler's line to the running program.
//
// Errors are values. Text is UTF-8. Objects are moved, never copied, and give their handles back when they end.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace bitnet::guest {

// --- errors ---

/// What the host answers: 0 to 8 are the standard's, 100 to 103 WasmEdge's.
enum class Errno : std::uint32_t {
  kSuccess = 0,
  kInvalidArgument = 1,
  kInvalidEncoding = 2,
  kMissingMemory = 3,
  kBusy = 4,
  kRuntimeError = 5,
  kUnsupportedOperation = 6,
  kTooLarge = 7,
  kNotFound = 8,
  kEndOfSequence = 100,
  kContextFull = 101,
  kPromptTooLong = 102,
  kModelNotFound = 103,
};

inline const char* errno_name(Errno code) {
  switch (code) {
  case Errno::kSuccess: return "Success";
  case Errno::kInvalidArgument: return "InvalidArgument";
  case Errno::kInvalidEncoding: return "InvalidEncoding";
  case Errno::kMissingMemory: return "MissingMemory";
  case Errno::kBusy: return "Busy";
  case Errno::kRuntimeError: return "RuntimeError";
  case Errno::kUnsupportedOperation: return "UnsupportedOperation";
  case Errno::kTooLarge: return "TooLarge";
  case Errno::kNotFound: return "NotFound";
  case Errno::kEndOfSequence: return "EndOfSequence";
  case Errno::kContextFull: return "ContextFull";
  case Errno::kPromptTooLong: return "PromptTooLong";
  case Errno::kModelNotFound: return "ModelNotFound";
  }
  return "Unknown";
}

struct Error {
  Errno code;
  const char* call; ///< the function of the interface that failed

  /// "load_by_name: NotFound"
  std::string text() const { return std::string(call) + ": " + errno_name(code); }
};

/// A T, or why there is none.
template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, error) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return *std::get_if<0>(&state_); }
  const T& operator*() const { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  /// Only when there is no T.
  const Error& error() const { return *std::get_if<1>(&state_); }

private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;

// --- the interface as it is ---

/// The functions of `wasi_ephemeral_nn`. A module imports those of them that it calls.
namespace raw {

struct Tensor {
  const std::uint32_t* dimensions;
  std::uint32_t dimensions_length;
  std::uint8_t type;
  const std::uint8_t* data;
  std::uint32_t data_length;
};
struct Builder {
  const std::uint8_t* data;
  std::uint32_t length;
};
static_assert(sizeof(void*) != 4 || (sizeof(Tensor) == 20 && sizeof(Builder) == 8));

#define BITNET_NN_IMPORT(function)                                                                 \
  __attribute__((import_module("wasi_ephemeral_nn"), import_name(#function)))
extern "C" {
BITNET_NN_IMPORT(load)
std::uint32_t bitnet_nn_load(const Builder* builders, std::uint32_t count, std::uint32_t encoding,
                             std::uint32_t target, std::uint32_t* graph);
BITNET_NN_IMPORT(load_by_name)
std::uint32_t bitnet_nn_load_by_name(const char* name, std::uint32_t length, std::uint32_t* graph);
BITNET_NN_IMPORT(init_execution_context)
std::uint32_t bitnet_nn_init_execution_context(std::uint32_t graph, std::uint32_t* context);
BITNET_NN_IMPORT(set_input)
std::uint32_t bitnet_nn_set_input(std::uint32_t context, std::uint32_t index, const Tensor* tensor);
BITNET_NN_IMPORT(compute)
std::uint32_t bitnet_nn_compute(std::uint32_t context);
BITNET_NN_IMPORT(get_output)
std::uint32_t bitnet_nn_get_output(std::uint32_t context, std::uint32_t index, char* buffer,
                                   std::uint32_t size, std::uint32_t* written);
// WasmEdge's.
BITNET_NN_IMPORT(load_by_name_with_config)
std::uint32_t bitnet_nn_load_by_name_with_config(const char* name, std::uint32_t length,
                                                 const char* config, std::uint32_t config_length,
                                                 std::uint32_t* graph);
BITNET_NN_IMPORT(compute_single)
std::uint32_t bitnet_nn_compute_single(std::uint32_t context);
BITNET_NN_IMPORT(get_output_single)
std::uint32_t bitnet_nn_get_output_single(std::uint32_t context, std::uint32_t index, char* buffer,
                                          std::uint32_t size, std::uint32_t* written);
BITNET_NN_IMPORT(fini_single)
std::uint32_t bitnet_nn_fini_single(std::uint32_t context);
BITNET_NN_IMPORT(unload)
std::uint32_t bitnet_nn_unload(std::uint32_t graph);
BITNET_NN_IMPORT(finalize_execution_context)
std::uint32_t bitnet_nn_finalize_execution_context(std::uint32_t context);
}
#undef BITNET_NN_IMPORT

} // namespace raw

// --- options ---

/// What the model is told. What is not set is the host's to choose; hosts ignore what they do not know.
struct Options {
  std::optional<std::uint32_t> max_tokens = {}; ///< tokens of an answer
  std::optional<float> temperature = {};        ///< 0: the likeliest token each time
  std::optional<std::uint32_t> top_k = {};
  std::optional<float> top_p = {};
  std::optional<float> min_p = {};
  std::optional<float> repeat_penalty = {};
  std::optional<std::uint32_t> seed = {};
  std::optional<std::uint32_t> context = {}; ///< tokens of prompt and answer together
  std::optional<std::uint32_t> batch = {};   ///< prompt tokens evaluated together
  std::optional<std::uint32_t> threads = {};
  std::optional<bool> ignore_end = {};  ///< go on through end-of-text tokens
  std::optional<bool> embedding = {};   ///< the output is a vector: Context::embed()
  std::optional<std::string> stop = {}; ///< the answer ends where this text would stand
  /// May the text of a prompt become control tokens, as the framing that guests write themselves needs (hosts' default)?
  /// Only BitNet Edge's hosts can be told no.
  std::optional<bool> parse_special = {};
  /// More members of the JSON object: `"logits-hash":true,"pooling":"mean"`.
  std::string more = {};
};

/// `text` as a JSON string. What is not UTF-8 becomes U+FFFD.
inline std::string json_string(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  // Bytes of the character at i, 0 where there is none: no overlong form, no surrogate, nothing beyond U+10FFFF.
  const auto length = [&byte](std::size_t i) -> std::size_t {
    const unsigned lead = byte(i);
    const unsigned second = byte(i + 1);
    if (lead < 0x80)
      return 1;
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (lead == 0xE0 && second < 0xA0) ||
        (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F))
      return 0;
    for (std::size_t k = 1; k < bytes; ++k)
      if ((byte(i + k) & 0xC0U) != 0x80)
        return 0;
    return bytes;
  };
  constexpr char kHex[] = "0123456789abcdef";
  std::string json = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = length(i);
    const unsigned lead = byte(i);
    if (bytes == 0) {
      json += "\\ufffd";
    } else if (lead < 0x20) {
      json += "\\u00";
      json += kHex[lead >> 4U];
      json += kHex[lead & 15U];
    } else {
      if (lead == '"' || lead == '\\')
        json += '\\';
      json += text.substr(i, bytes);
    }
    i += bytes == 0 ? 1 : bytes;
  }
  return json + '"';
}

/// Options as the host reads them: {"n-predict":100}
inline std::string to_json(const Options& options) {
  std::string members;
  const auto member = [&members](const char* name, std::string_view value) {
    members += std::string(members.empty() ? "" : ",") + '"' + name + "\":";
    members += value;
  };
  const auto number = [&member](const char* name, const auto& value) {
    if (!value)
      return;
    char digits[32];
    const auto written = std::to_chars(digits, digits + sizeof digits, *value);
    member(name, {digits, written.ptr});
  };
  const auto truth = [&member](const char* name, std::optional<bool> value) {
    if (value)
      member(name, *value ? "true" : "false");
  };
  number("n-predict", options.max_tokens);
  number("temp", options.temperature);
  number("top-k", options.top_k);
  number("top-p", options.top_p);
  number("min-p", options.min_p);
  number("repeat-penalty", options.repeat_penalty);
  number("seed", options.seed);
  number("ctx-size", options.context);
  number("batch-size", options.batch);
  number("threads", options.threads);
  truth("ignore-eos", options.ignore_end);
  truth("embedding", options.embedding);
  truth("parse-special", options.parse_special);
  if (options.stop)
    member("reverse-prompt", json_string(*options.stop));
  if (!options.more.empty())
    members += (members.empty() ? "" : ",") + options.more;
  return "{" + members + "}";
}

enum class Encoding : std::uint32_t { kAutodetect = 5, kGgml = 6, kBitNet = 14 };

/// Why a generation ended.
enum class Finish : std::uint8_t {
  kEnd,         ///< the model ended its text
  kLimit,       ///< max_tokens
  kContextFull, ///< prompt and answer fill the context
  kStopped,     ///< on_piece answered false
};

struct Generation {
  Finish finish = Finish::kEnd;
  std::uint32_t tokens = 0; ///< generated
  std::string
      details; ///< output 1, JSON: {"input_tokens":4,"output_tokens":100,...}; empty where there is none
};

struct Message {
  std::string role; ///< "system", "user" or "assistant"
  std::string content;
};

// --- how handles end, and which functions there are ---

/// The standard's six functions. It has none that gives a handle back: they live as long as the program.
struct Standard {
  static constexpr bool kExtended = false;
  static void unload(std::uint32_t /*graph*/) {}
  static void finalize(std::uint32_t /*context*/) {}
};
/// WasmEdge's beside them.
struct Extended {
  static constexpr bool kExtended = true;
  static void unload(std::uint32_t graph) { raw::bitnet_nn_unload(graph); }
  static void finalize(std::uint32_t context) {
    raw::bitnet_nn_finalize_execution_context(context);
  }
};

namespace detail {

/// A handle that is given back once.
template <void (*kEnd)(std::uint32_t)> class Handle {
public:
  explicit Handle(std::uint32_t value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, std::nullopt)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_)
      kEnd(*value_);
  }
  std::uint32_t operator*() const { return *value_; }

private:
  std::optional<std::uint32_t> value_;
};

inline Status status(std::uint32_t code, const char* call) {
  if (code == 0)
    return Done{};
  return Error{static_cast<Errno>(code), call};
}

using Get = std::uint32_t (*)(std::uint32_t, std::uint32_t, char*, std::uint32_t, std::uint32_t*);

/// An output of any size. Hosts differ when the buffer is too small: the size needed with TooLarge, TooLarge alone, or
/// as much as fits and success.
inline Result<std::string> output(Get get, const char* call, std::uint32_t context,
                                  std::uint32_t index, std::uint32_t guess) {
  constexpr std::uint32_t kMost = 64U << 20U;
  std::string text;
  for (std::uint32_t size = guess;;) {
    text.resize(size);
    std::uint32_t written = 0;
    const auto code = static_cast<Errno>(get(context, index, text.data(), size, &written));
    if (code == Errno::kSuccess && written < size) {
      text.resize(written);
      return text;
    }
    if (code != Errno::kSuccess && code != Errno::kTooLarge)
      return Error{code, call};
    if (size == kMost || written > kMost)
      return Error{Errno::kTooLarge, call};
    // One more than the size needed, so that a full buffer always means that there may be more.
    const std::uint32_t twice = size < kMost / 2 ? 2 * size : kMost;
    size = code == Errno::kTooLarge && written >= size ? written + 1 : twice;
  }
}

/// Bytes at the end of `text` that begin a character whose rest is missing.
inline std::size_t open_end(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0U) == 0x80)
      continue;
    const std::size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return whole > back ? back : 0;
  }
  return 0;
}

/// What follows `"name":` in a JSON object of the host's; empty where there is none.
inline std::string_view member_of(std::string_view json, std::string_view name) {
  const std::string key = '"' + std::string(name) + '"';
  const std::size_t at = json.find(key);
  const std::size_t value = at == json.npos ? at : json.find_first_not_of(" :", at + key.size());
  return value == json.npos ? std::string_view() : json.substr(value);
}

inline std::optional<std::uint32_t> number_in(std::string_view json, std::string_view name) {
  const std::string_view text = member_of(json, name);
  std::uint32_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

/// Why the host ended, in its own word; nothing while it goes on, and on hosts that do not tell.
inline std::optional<Finish> finish_in(std::string_view json) {
  const std::string_view reason = member_of(json, "finish_reason");
  if (reason.starts_with("\"end\"") || reason.starts_with("\"stop\""))
    return Finish::kEnd;
  if (reason.starts_with("\"length\""))
    return Finish::kLimit;
  if (reason.starts_with("\"context\""))
    return Finish::kContextFull;
  return std::nullopt;
}

} // namespace detail

// --- contexts and graphs ---

/// One conversation or text at a time.
template <class Abi> class BasicContext {
public:
  /// Other options from now on; what is not set stays as it was.
  Status set(const Options& options) {
    if (options.max_tokens)
      max_tokens_ = *options.max_tokens;
    return set_input(1, to_json(options));
  }

  /// One shot: the whole answer to a prompt that is passed on as it is.
  Result<std::string> complete(std::string_view prompt) {
    if (const Status status = set_input(0, prompt); !status)
      return status.error();
    if (const Status status = compute(); !status)
      return status.error();
    return get_output(0);
  }

  /// The same, piece by piece: `on_piece(std::string_view)` gets whole characters as they come; where it answers bool,
  /// false ends the generation.
  template <class F>
    requires(Abi::kExtended)
  Result<Generation> generate(std::string_view prompt, F&& on_piece) {
    if (const Status status = set_input(0, prompt); !status)
      return status.error();
    Generation generation;
    const Status status = stream(on_piece, generation);
    generation.details = details(); // before fini_single, which forgets it
    raw::bitnet_nn_fini_single(*handle_);
    if (!status)
      return status.error();
    return generation;
  }

  /// The vector of a text. Wants a graph with the option `embedding`.
  Result<std::vector<float>> embed(std::string_view text) {
    const auto json = complete(text);
    if (!json)
      return json.error();
    std::vector<float> vector;
    std::size_t at = json->find("\"embedding\"");
    at = at == std::string::npos ? at : json->find('[', at);
    while (at != std::string::npos && (*json)[at] != ']') {
      const char* from = json->c_str() + at + 1;
      char* end = nullptr;
      const float value = std::strtof(from, &end);
      if (end == from)
        break;
      vector.push_back(value);
      at = json->find_first_of(",]", static_cast<std::size_t>(end - json->c_str()));
    }
    if (vector.empty() || vector.size() != detail::number_in(*json, "n_embedding"))
      return Error{Errno::kInvalidEncoding, "get_output"};
    return vector;
  }

  // The functions themselves.

  /// Input 0 is the prompt, input 1 options as JSON.
  Status set_input(std::uint32_t index, std::string_view bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const raw::Tensor tensor{&size, 1, 3, // u8
                             reinterpret_cast<const std::uint8_t*>(bytes.data()), size};
    return detail::status(raw::bitnet_nn_set_input(*handle_, index, &tensor), "set_input");
  }
  Status compute() { return detail::status(raw::bitnet_nn_compute(*handle_), "compute"); }
  /// Output 0 is the text, output 1 JSON about it.
  Result<std::string> get_output(std::uint32_t index) const {
    // WasmEdge's GGML backend up to 0.17.1 writes past the end of a buffer that is too small: this one hardly ever is.
    return detail::output(raw::bitnet_nn_get_output, "get_output", *handle_, index, 64U << 10U);
  }

private:
  template <class> friend class BasicGraph;
  BasicContext(std::uint32_t handle, std::optional<std::uint32_t> max_tokens)
      : handle_(handle), max_tokens_(max_tokens) {}

  Result<std::string> get_single(std::uint32_t index, std::uint32_t guess) const {
    return detail::output(raw::bitnet_nn_get_output_single, "get_output_single", *handle_, index,
                          guess);
  }
  /// Output 1. A host that has none is forgiven.
  std::string details() const {
    auto json = get_single(1, 512);
    return json ? std::move(*json) : std::string();
  }

  template <class F> Status stream(F& on_piece, Generation& generation) {
    std::string text; // what has come of characters not yet handed on
    const auto hand_on = [&](std::size_t bytes) {
      const std::string whole = text.substr(0, bytes);
      text.erase(0, bytes);
      if constexpr (std::is_void_v<std::invoke_result_t<F&, std::string_view>>) {
        on_piece(std::string_view(whole));
        return true;
      } else {
        return static_cast<bool>(on_piece(std::string_view(whole)));
      }
    };
    const auto count = [&] { // a piece may be of several tokens
      generation.tokens = detail::number_in(details(), "output_tokens").value_or(generation.tokens);
    };
    for (;;) {
      const auto code = static_cast<Errno>(raw::bitnet_nn_compute_single(*handle_));
      if (code == Errno::kEndOfSequence || code == Errno::kContextFull) {
        const bool none = max_tokens_ == 0U;
        generation.finish =
            detail::finish_in(details()).value_or(code == Errno::kContextFull ? Finish::kContextFull
                                                  : none                      ? Finish::kLimit
                                                                              : Finish::kEnd);
        count();
        break;
      }
      if (code != Errno::kSuccess)
        return Error{code, "compute_single"};
      // Some hosts do not count while they stream. One that does may have a last piece: what it held back till the end.
      if (max_tokens_ && generation.tokens >= *max_tokens_ && !detail::finish_in(details())) {
        generation.finish = Finish::kLimit;
        break;
      }
      auto piece = get_single(0, 256);
      if (!piece)
        return piece.error();
      ++generation.tokens;
      text += *piece;
      const std::size_t whole = text.size() - detail::open_end(text);
      if (whole > 0 && !hand_on(whole)) {
        generation.finish = Finish::kStopped;
        count();
        return Done{};
      }
    }
    if (!text.empty())
      hand_on(text.size());
    return Done{};
  }

  detail::Handle<Abi::finalize> handle_;
  std::optional<std::uint32_t> max_tokens_;
};

/// A model on the host. Its contexts may outlive it.
template <class Abi> class BasicGraph {
public:
  /// A model that the host knows by name ("default" as a rule).
  static Result<BasicGraph> load(std::string_view name, Options options = {}) {
    const std::string json = to_json(options);
    const auto length = static_cast<std::uint32_t>(name.size());
    std::uint32_t handle = 0;
    Status status = Done{};
    if constexpr (Abi::kExtended)
      status = detail::status(
          raw::bitnet_nn_load_by_name_with_config(name.data(), length, json.data(),
                                                  static_cast<std::uint32_t>(json.size()), &handle),
          "load_by_name_with_config");
    else
      status =
          detail::status(raw::bitnet_nn_load_by_name(name.data(), length, &handle), "load_by_name");
    if (!status)
      return status.error();
    return BasicGraph(handle, std::move(options));
  }

  /// A model that the guest has in its own memory, as the bytes of a GGUF file.
  static Result<BasicGraph> load(std::span<const std::uint8_t> file, Options options = {},
                                 Encoding encoding = Encoding::kGgml) {
    const std::string json = to_json(options);
    const raw::Builder builders[] = {{file.data(), static_cast<std::uint32_t>(file.size())},
                                     {reinterpret_cast<const std::uint8_t*>(json.data()),
                                      static_cast<std::uint32_t>(json.size())}};
    std::uint32_t handle = 0;
    const Status status = detail::status(
        raw::bitnet_nn_load(builders, 2, static_cast<std::uint32_t>(encoding), 0, &handle), "load");
    if (!status)
      return status.error();
    return BasicGraph(handle, std::move(options));
  }

  Result<BasicContext<Abi>> context() const {
    std::uint32_t handle = 0;
    const Status status = detail::status(raw::bitnet_nn_init_execution_context(*handle_, &handle),
                                         "init_execution_context");
    if (!status)
      return status.error();
    BasicContext<Abi> context(handle, options_.max_tokens);
    // A name that is loaded already keeps its first options, and the standard's load_by_name takes none.
    if (const std::string json = to_json(options_); json != "{}")
      if (const Status set = context.set_input(1, json); !set)
        return set.error();
    return context;
  }

  const Options& options() const { return options_; }

private:
  BasicGraph(std::uint32_t handle, Options options)
      : handle_(handle), options_(std::move(options)) {}

  detail::Handle<Abi::unload> handle_;
  Options options_;
};

using Graph = BasicGraph<Extended>;
using Context = BasicContext<Extended>;
using StandardGraph = BasicGraph<Standard>;
using StandardContext = BasicContext<Standard>;

// --- conversations ---

/// A conversation that the host frames with the model's own chat template: whatever a message says, it stays text. Only
/// BitNet Edge's hosts do that (option "messages"); start() answers UnsupportedOperation where it is not so.
class Chat {
public:
  static Result<Chat> start(const Graph& graph, std::string_view system = {}) {
    auto context = graph.context();
    if (!context)
      return context.error();
    if (const Status status = context->set_input(1, R"({"messages":true})"); !status)
      return status.error();
    // Another host would take the list for a prompt, and its model would answer that.
    const auto details = context->get_output(1);
    if (!details || details->find("bitnet-edge") == std::string::npos)
      return Error{Errno::kUnsupportedOperation, "set_input"};
    Chat chat(std::move(*context));
    if (!system.empty())
      chat.messages_.push_back({"system", std::string(system)});
    return chat;
  }

  /// Say something; the answer comes piece by piece as from Context::generate(). What failed is not in messages().
  template <class F> Result<Generation> say(std::string_view text, F&& on_piece) {
    messages_.push_back({"user", std::string(text)});
    std::string answer;
    auto end = context_.generate(to_json(messages_), [&](std::string_view piece) {
      answer += piece;
      if constexpr (std::is_void_v<std::invoke_result_t<F&, std::string_view>>) {
        on_piece(piece);
        return true;
      } else {
        return static_cast<bool>(on_piece(piece));
      }
    });
    if (end)
      messages_.push_back({"assistant", std::move(answer)});
    else
      messages_.pop_back();
    return end;
  }

  /// Forget everything but the system message.
  void reset() {
    const bool system = !messages_.empty() && messages_[0].role == "system";
    messages_.resize(system ? 1 : 0);
  }
  const std::vector<Message>& messages() const { return messages_; }

  /// [{"role":"user","content":"Hello"}]
  static std::string to_json(const std::vector<Message>& messages) {
    std::string json;
    for (const Message& message : messages)
      json += (json.empty() ? "[" : ",") + ("{\"role\":" + json_string(message.role)) +
              ",\"content\":" + json_string(message.content) + "}";
    return json.empty() ? "[]" : json + "]";
  }

private:
  explicit Chat(Context context) : context_(std::move(context)) {}
  Context context_;
  std::vector<Message> messages_;
};

} // namespace bitnet::guest
