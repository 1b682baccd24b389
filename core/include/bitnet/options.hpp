// The plain structs that callers fill in or read. Defaults are the ones every face shows; no face has its own.
#pragma once

#include "types.hpp"

#include <optional>
#include <string_view>

namespace bitnet {

using TokenId = std::int32_t;
inline constexpr TokenId kNoToken = -1;

/// What reads the output head for each generated token. The small ones are made at load beside the file's matrix, cost
/// memory for speed, and choose among rows; what they choose is scored by the file's. So they change no id that is
/// sampled greedily or among top_k (with or without penalties), by statistics and not by proof; sampling without top_k
/// takes the file's. Session::logits() while generating are exact where they mattered and the small head's elsewhere;
/// after evaluate() they are exact.
enum class HeadType : std::uint8_t {
  kFile, ///< the file's own matrix
  kInt8, ///< seven bits and a scale for each row
  kInt4, ///< four
};

/// By the name that command lines use: "file", "int8" or "int4".
std::optional<HeadType> head_type(std::string_view name) noexcept;

enum class KvType : std::uint8_t { kF32, kF16 };

struct SessionOptions {
  /// Tokens the KV cache holds; 0: the model's context length, at most 2048.
  std::uint32_t context = 0;
  KvType kv_type = KvType::kF32;
  /// Tokens evaluated together in prefill, 1 to 512. Changes speed and memory, never a bit of the result.
  std::uint32_t batch = 64;
};

struct LoadOptions {
  /// Kernels by name ("scalar", "avx2", "wasm_simd128", "wasm_relaxed"); empty: the best this machine runs.
  std::string_view isa;
  /// Ternary layers take float activations instead of int8 ones. Slow; the reference to judge quantisation by.
  bool float_activations = false;
  HeadType head = HeadType::kFile;
  /// Bytes that the model, with a session, may take at most: more is MemoryLimit, before memory for weights is taken.
  /// 0: no limit.
  std::uint64_t memory_limit = 0;
  /// The session that memory_limit is to leave room for.
  SessionOptions session = {};
};

struct SamplerOptions {
  float temperature = 0.0F;        ///< 0 = greedy (arg-max, lowest id on ties); at most 100
  std::uint32_t top_k = 0;         ///< 0 = off
  float top_p = 1.0F;              ///< (0, 1]; 1 = off
  float min_p = 0.0F;              ///< [0, 1); 0 = off: drop tokens below min_p times the likeliest
  float repetition_penalty = 1.0F; ///< [0.1, 10]; 1 = off
  float presence_penalty =
      0.0F; ///< [-100, 100]; 0 = off: taken from the logit of an id that occurred
  float frequency_penalty = 0.0F; ///< [-100, 100]; 0 = off: taken once for each time it occurred
  std::uint32_t repetition_window = 64; ///< how many recent ids the penalties look at
  std::uint64_t seed = 0;
};

/// What next() does when a token was generated and the context has no place for it.
enum class ContextPolicy : std::uint8_t {
  kStop,  ///< the generation ends with FinishReason::kContext
  kError, ///< next() answers with ContextFull
  /// The older half of what follows the first `keep` tokens is forgotten and the rest evaluated anew where it now
  /// stands, batch by batch (kPrefill steps): the same bits as a fresh session given the ids that stay. Stop strings,
  /// characters, penalties, max_tokens and the sampler's numbers go on as if nothing had been.
  kShift,
};
/// By the name that command lines use: "stop", "error" or "shift".
std::optional<ContextPolicy> context_policy(std::string_view name) noexcept;

inline constexpr std::uint32_t kMostTopLogprobs = 20;
inline constexpr std::uint32_t kMostDraft = 16;

struct GenerateOptions {
  SamplerOptions sampler;
  /// Tokens to generate; 0: until an end token, a stop string or the end of the context.
  std::uint32_t max_tokens = 0;
  /// Go on through end-of-text tokens (benchmarks, parity tests).
  bool ignore_end = false;
  /// Generation ends before the first of these in the text; at most 16 of at most 256 bytes each, none empty.
  std::span<const std::string_view> stop;
  /// Tell each token's log-probability (Step::logprob). Reads every logit, exactly: a small head is not used.
  bool logprobs = false;
  /// And those of so many of the likeliest tokens, 0 to kMostTopLogprobs; more than 0 only with `logprobs`.
  std::uint32_t top_logprobs = 0;
  ContextPolicy context_policy = ContextPolicy::kStop;
  /// Tokens at the front of the context that kShift never forgets, below its capacity.
  std::uint32_t keep = 0;
  /// Prompt-lookup decoding: at most so many tokens are guessed from what the context says already, and evaluated together;
  /// 0 to kMostDraft, 0 is off. Changes speed (where memory bounds it, text that repeats itself comes faster and other text
  /// hardly slower) and never a token, a log-probability or a text. May take memory for draft + 1 rows of logits.
  std::uint32_t draft = 0;
  /// What the generated text must be, as a grammar in GBNF or a JSON schema; at most one of both, empty: anything. The
  /// text is whole when generation ends by itself, by max_tokens or by the context (not when a stop string ends it).
  /// BadGrammar says what is wrong and where, and names what of a schema cannot be enforced; docs/grammars.md.
  std::string_view grammar;
  std::string_view json_schema;
};

/// How the hidden states of all positions become the one vector of an embedding.
enum class Pooling : std::uint8_t { kLast, kMean };

struct EmbedOptions {
  Pooling pooling = Pooling::kLast;
  /// Divide by the Euclidean length (a vector of zeros stays so).
  bool normalize = true;
  /// Asked before each batch: false ends it with Aborted. Null: never asked.
  bool (*go_on)(void* context) noexcept = nullptr;
  void* context = nullptr;
};

struct ChatMessage {
  std::string_view role; ///< "system", "user" or "assistant"
  std::string_view content;
};

enum class FinishReason : std::uint8_t {
  kNone,    ///< not finished
  kEnd,     ///< the model ended its turn
  kStop,    ///< a stop string
  kLength,  ///< max_tokens
  kContext, ///< the context is full
};
const char* finish_reason_name(FinishReason reason) noexcept;

/// A token and the natural logarithm of its probability.
struct TokenLogprob {
  TokenId id = kNoToken;
  float logprob = 0.0F;
};

/// One step of a generation.
struct Step {
  enum class Kind : std::uint8_t { kPrefill, kToken, kEnd };
  Kind kind = Kind::kPrefill;
  TokenId id = kNoToken; ///< kToken: the id generated
  std::string_view text; ///< whole UTF-8 characters, perhaps none; valid until the next call
  FinishReason finish = FinishReason::kNone; ///< kEnd: why
  std::uint32_t prefilled = 0; ///< prompt tokens evaluated so far, cached ones included
  /// Prompt tokens in all; after a shift of the context, tokens that it holds anew.
  std::uint32_t prompt = 0;
  /// kToken, when GenerateOptions::logprobs: natural logarithm of the softmax of the model's own logits, before
  /// penalties, temperature and truncation; the same bits on every engine. 0 when not asked for.
  float logprob = 0.0F;
  /// The likeliest tokens by that measure, best first, the lower id first on ties; valid until the next call.
  std::span<const TokenLogprob> top_logprobs;
};

/// What a loaded model is. The views live as long as the model.
struct ModelInfo {
  std::string_view name;          ///< general.name, may be empty
  std::string_view architecture;  ///< general.architecture
  std::string_view isa;           ///< kernels in use
  std::string_view tokenizer;     ///< rule set: "llama-bpe", "gpt-2", "spm"
  bool tokenizer_guessed = false; ///< the file did not name its rules
  std::string_view chat_template; ///< "bitnet", "llama3", ...; "none" or "unknown": chat is refused
  std::string_view
      weight_type; ///< type of the ternary matrices ("I2_S"); the last one's when mixed
  std::uint64_t parameters = 0;
  std::uint64_t ternary_parameters = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t weight_bytes = 0; ///< memory the packed weights take; a small output head's too
  std::uint32_t layers = 0, hidden = 0, ffn = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::uint32_t vocabulary = 0;
  std::uint32_t context = 0; ///< the model's own limit
  TokenId bos = kNoToken, eos = kNoToken;
};

/// What a model will take, told by its header alone. Bytes.
struct Estimate {
  ModelInfo model; ///< weight_bytes: what follows; the views live as long as the loader
  /// Memory of the packed weights, exact where each row has one scale, as in trained models and always in I2_S;
  std::uint64_t weight_bytes = 0;
  /// and what it is when each block of a TQ1_0 or TQ2_0 matrix has a scale of its own, which the header does not tell.
  std::uint64_t weight_bytes_most = 0;
  std::uint64_t session_bytes = 0; ///< Model::session_bytes
  /// The most memory at a time: header, weights and scratch memory while loading, then weights, tokenizer and session.
  std::uint64_t peak_bytes = 0;
};

} // namespace bitnet
