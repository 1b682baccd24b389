// An engine over a network made in memory, and a model whose answers are known: it says a script, byte by byte.
#pragma once

#include "core/model/model_support.h"
#include "engine/engine.h"

#include <optional>
#include <string>
#include <vector>

namespace bitnet::test {

using Ids = std::vector<TokenId>;

/// Network, tokenizer and one engine. Not to be moved.
struct Rig {
  std::unique_ptr<LoadedNetwork> loaded;
  std::optional<Tokenizer> tokenizer;
  Serial serial;
  std::optional<Engine> engine;

  explicit Rig(ByteVector file, const SessionOptions& options = {}, std::string_view isa = {},
               HeadType head = HeadType::kFile)
      : loaded(load_network(std::move(file), isa, false, head)) {
    auto made = Tokenizer::make(loaded->gguf.metadata);
    REQUIRE(made);
    tokenizer = std::move(*made);
    reset(options);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  /// A fresh engine.
  void reset(const SessionOptions& options = {}) {
    const auto resolved = resolve_options(loaded->network.config, options);
    REQUIRE(resolved);
    auto made = Engine::make(loaded->network, *tokenizer, *resolved, serial);
    REQUIRE(made);
    engine.emplace(std::move(*made));
  }
};

struct Generated {
  Ids ids{};
  std::vector<std::string> texts{};                   ///< of each token, then of the end
  std::vector<float> logprobs{};                      ///< of each token
  std::vector<std::pair<TokenId, float>> likeliest{}; ///< of all tokens, one after the other
  std::size_t shifts = 0;                             ///< prefill steps between tokens
  FinishReason finish = FinishReason::kNone;
  std::size_t prefills = 0;
  std::optional<ErrorCode> error{};
  std::string text() const {
    std::string all;
    for (const auto& piece : texts)
      all += piece;
    return all;
  }
};

/// Steps until the end, an error or `most` tokens.
inline Generated steps(Engine& engine, std::size_t most = 10'000) {
  Generated g;
  while (g.ids.size() < most) {
    const auto step = engine.next();
    if (!step) {
      g.error = step.error().code();
      return g;
    }
    if (step->kind == Step::Kind::kPrefill) {
      CHECK(step->text.empty());
      ++(g.ids.empty() ? g.prefills : g.shifts);
      continue;
    }
    CHECK(step->prefilled == step->prompt);
    g.texts.emplace_back(step->text);
    if (step->kind == Step::Kind::kEnd) {
      CHECK(step->id == kNoToken);
      g.finish = step->finish;
      return g;
    }
    CHECK(step->finish == FinishReason::kNone);
    g.ids.push_back(step->id);
    g.logprobs.push_back(step->logprob);
    for (const TokenLogprob& entry : step->top_logprobs)
      g.likeliest.emplace_back(entry.id, entry.logprob);
  }
  return g;
}

inline Generated generate(Engine& engine, const Ids& prompt, const GenerateOptions& options = {}) {
  const Status started = engine.start(prompt, options);
  if (!started)
    return {.error = started.error().code()};
  return steps(engine);
}

/// A model that after each byte of `script` says the next one, and after the last `last` (any id). Bytes must differ
/// from each other. Its layers add nothing to the residual stream, so the next id depends on the newest alone: the
/// head's row of an id is the embedding of the id before it.
inline GgufBuilder script_model(const std::string& script, TokenId last) {
  TinyOptions options;
  options.architecture = "bitnet-b1.58";
  options.layers = 1;
  options.ffn = 256;
  options.embedding = DType::kF32;
  options.tied = false;
  options.context = 64;
  GgufBuilder file = tiny_model(options);
  for (auto& tensor : file.tensors)
    if (tensor.type == static_cast<std::uint32_t>(DType::kI2_S))
      std::fill_n(tensor.data.begin(), weights_of(tensor) / 4, std::uint8_t{0x55}); // all weights 0
  const ByteVector& embedding = file.find_tensor("token_embd.weight")->data;
  ByteVector& head = file.find_tensor("output.weight")->data;
  std::fill(head.begin(), head.end(), std::uint8_t{0});
  constexpr std::size_t kRow = 256 * sizeof(float);
  for (std::size_t i = 0; i < script.size(); ++i) {
    const std::size_t from = static_cast<std::uint8_t>(script[i]);
    const std::size_t to = i + 1 < script.size() ? static_cast<std::uint8_t>(script[i + 1])
                                                 : static_cast<std::size_t>(last);
    std::memcpy(head.data() + to * kRow, embedding.data() + from * kRow, kRow);
  }
  return file;
}

/// The id of a byte in the vocabulary of tiny_model: the byte.
inline TokenId byte_id(char c) { return static_cast<std::uint8_t>(c); }

/// Id of <|begin_of_text|> and its like in the vocabulary of tiny_model.
inline TokenId named(const char* text) {
  static const Rig rig(make_tiny_model({.layers = 1, .hidden = 64, .ffn = 128}));
  return rig.tokenizer->find(text);
}
inline TokenId end_of_text() { return named("<|end_of_text|>"); }

/// For script_model: 'a', then every byte once, then the end.
inline const std::string kScript = "abcd\xc3\xa9"
                                   "fgh\xe2\x82\xac"
                                   "ijkl";

/// A small model with random weights, and a sampler that wanders.
inline ByteVector wandering() {
  TinyOptions options;
  options.hidden = 64;
  options.ffn = 128;
  options.context = 96;
  return make_tiny_model(options);
}
inline GenerateOptions wander(std::uint64_t seed, std::uint32_t most) {
  GenerateOptions options;
  options.sampler.temperature = 3.0F;
  options.sampler.seed = seed;
  options.max_tokens = most;
  options.ignore_end = true;
  return options;
}
inline const Ids kPrompt{10, 20, 30, 40, 50, 60, 70};

} // namespace bitnet::test
