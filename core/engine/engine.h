// The one generate loop: prompt, prefill, decode, stop. A pull machine: each next() is one bounded step, so a caller
// that must stay responsive (a worker with a message queue) simply calls less often, and abort means not calling.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "engine/lookup.h"
#include "engine/saved.h"
#include "engine/stop_filter.h"
#include "grammar/constraint.h"
#include "model/forward.h"
#include "sample/sampler.h"
#include "text/tokenizer.h"
#include "text/utf8_stream.h"

#include <array>
#include <optional>

namespace bitnet {

class Engine {
public:
  /// Options must be resolved (resolve_options); the network, tokenizer and parallel must outlive the engine.
  static Result<Engine> make(const Network& network, const Tokenizer& tokenizer,
                             const SessionOptions& options, Parallel& parallel) noexcept;

  Status start(std::span<const TokenId> prompt, const GenerateOptions& options) noexcept;
  Result<Step> next() noexcept;

  using Sink = Status (*)(void* context, std::uint32_t position,
                          std::span<const float> logits) noexcept;
  /// Evaluate and keep ids; with a sink, the logits of each position go to it, otherwise only the last's are computed.
  /// Ends a generation under way.
  Status evaluate(std::span<const TokenId> ids, Sink sink, void* context) noexcept;
  std::span<const float> logits() const noexcept;
  Status embed(std::span<const TokenId> ids, const EmbedOptions& options,
               std::span<float> out) noexcept;

  std::span<const TokenId> tokens() const noexcept { return history_.span(); }
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(history_.size()); }
  std::uint32_t capacity() const noexcept { return static_cast<std::uint32_t>(state_.kv.capacity); }
  void truncate(std::uint32_t size) noexcept;

  /// Another engine that holds the same ids, and no generation.
  Result<Engine> fork(Parallel& parallel) const noexcept;

  /// Saving and restoring, piece by piece (saved.h). Whatever changes the context ends them: InvalidState then.
  std::uint64_t save_begin() noexcept;
  Result<Bytes> save_piece() noexcept;
  /// Empties the context, which stays empty unless the last piece is accepted.
  Status restore_begin(std::uint64_t size) noexcept;
  MutableBytes restore_wanted() noexcept;
  Status restore_accept() noexcept;
  Parallel& parallel() const noexcept { return *parallel_; }

private:
  enum class Phase : std::uint8_t { kIdle, kPrefill, kDecode, kFinished };

  Engine(const Network& network, const Tokenizer& tokenizer, const SessionOptions& options,
         Parallel& parallel, State state) noexcept
      : network_(&network), tokenizer_(&tokenizer), parallel_(&parallel), options_(options),
        state_(std::move(state)) {}

  /// Ends what is under way: a generation, saving, restoring.
  void settle() noexcept;
  /// Of the logits that were computed together.
  std::span<const float> row(std::size_t index) const noexcept;
  Status check_ids(std::span<const TokenId> ids) const noexcept;
  Status extend(std::span<const TokenId> ids, Sink sink, void* context) noexcept;
  /// The logits that the sampler will look at.
  LogitsNeeded sampled() const noexcept;
  /// May the small head answer, where there is one?
  bool suits_small_head(const LogitsNeeded& needed) const noexcept;
  /// The logits that choose() looks at.
  Status score() noexcept;
  /// The one place where a token is chosen, from logits() and the ids before it.
  Result<TokenId> choose() noexcept;
  void measure(TokenId id) noexcept;
  Result<Step> advance() noexcept;
  Result<Step> prefill_step() noexcept;
  Result<Step> decode_step() noexcept;
  Status take(TokenId id) noexcept;
  Status shift() noexcept;
  /// Tokens that may still come, at most, when so many are in the cache.
  std::uint64_t tokens_left(std::size_t evaluated) const noexcept;
  Result<Step> end_step() noexcept;
  Step step(Step::Kind kind, TokenId id) const noexcept;

  const Network* network_;
  const Tokenizer* tokenizer_;
  Parallel* parallel_;
  SessionOptions options_;
  State state_;
  Vec<TokenId> history_;       ///< ids whose keys and values are in the cache
  std::size_t logits_row_ = 0; ///< of state_.a.logits
  std::size_t logits_of_ = 0; ///< which token of the last batch these are of, when there is one row
  std::optional<Saver> saver_;
  std::optional<Restorer> restorer_;

  // The generation under way.
  Vec<TokenId> prompt_;
  std::optional<Sampler> sampler_;
  Drafts drafts_; ///< evaluated behind the context, whatever comes true of them
  grammar::Constraint constraint_;
  std::span<const std::uint64_t> mask_; ///< of the next token, when score() has asked for it
  StopFilter stops_;
  Utf8Stream utf8_;
  Text piece_;
  Text characters_;
  Text out_;
  std::size_t most_likeliest_ = 0; ///< how many are wanted
  std::size_t likeliest_count_ = 0;
  std::array<TokenLogprob, kMostTopLogprobs> likeliest_{};
  float logprob_ = 0.0F;       ///< of the newest token
  TokenId pending_ = kNoToken; ///< generated, not yet in the context
  std::uint32_t generated_ = 0;
  std::uint32_t max_tokens_ = 0;
  std::uint32_t keep_ = 0;
  Phase phase_ = Phase::kIdle;
  FinishReason finish_ = FinishReason::kNone;
  ContextPolicy policy_ = ContextPolicy::kStop;
  bool ignore_end_ = false;
  bool logprobs_ = false;
  bool has_logits_ = false;
  bool rows_ = false; ///< the logits of each draft are there
};

/// Defaults filled in and every option checked; InvalidArgument names the one that is wrong.
Result<SessionOptions> resolve_options(const Config& config,
                                       const SessionOptions& options) noexcept;

} // namespace bitnet
