// See engine.h.
#include "engine/engine.h"

#include <algorithm>
#include <cmath>

namespace bitnet {

const char* finish_reason_name(FinishReason reason) noexcept {
  switch (reason) {
  case FinishReason::kNone: return "none";
  case FinishReason::kEnd: return "end";
  case FinishReason::kStop: return "stop";
  case FinishReason::kLength: return "length";
  case FinishReason::kContext: return "context";
  }
  return "none";
}

Result<SessionOptions> resolve_options(const Config& config,
                                       const SessionOptions& options) noexcept {
  constexpr std::uint32_t kDefaultContext = 2048;
  SessionOptions resolved = options;
  if (resolved.context == 0)
    resolved.context = std::min(config.context, kDefaultContext);
  if (resolved.context > config.context)
    return Error(ErrorCode::InvalidArgument)
           << "context " << resolved.context << " exceeds the model's " << config.context;
  if (resolved.batch < 1 || resolved.batch > 512)
    return Error(ErrorCode::InvalidArgument) << "batch " << resolved.batch << " is not 1 to 512";
  if (resolved.kv_type != KvType::kF32 && resolved.kv_type != KvType::kF16)
    return Error(ErrorCode::InvalidArgument) << "kv_type";
  resolved.batch = std::min(resolved.batch, resolved.context);
  return resolved;
}

Result<Engine> Engine::make(const Network& network, const Tokenizer& tokenizer,
                            const SessionOptions& options, Parallel& parallel) noexcept {
  auto state = State::make(network.config, options, network.weights.small_head.type);
  BITNET_TRY(state);
  Engine engine(network, tokenizer, parallel, std::move(*state));
  BITNET_TRY(engine.history_.reserve(options.context));
  return engine;
}

Status Engine::check_ids(std::span<const TokenId> ids) const noexcept {
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || static_cast<std::uint32_t>(ids[i]) >= network_->config.vocabulary)
      return Error(ErrorCode::BadToken) << "id " << ids[i] << " at position " << std::uint64_t{i}
                                        << ", vocabulary of " << network_->config.vocabulary;
  return {};
}

std::span<const float> Engine::logits() const noexcept {
  if (!has_logits_)
    return {};
  return {state_.a.logits.data(), network_->config.vocabulary};
}

void Engine::truncate(std::uint32_t size) noexcept {
  history_.truncate(size);
  has_logits_ = false;
  phase_ = Phase::kIdle;
}

Status Engine::evaluate(std::span<const TokenId> ids, Sink sink, void* context) noexcept {
  phase_ = Phase::kIdle; // the cache no longer holds a part of the prompt and what followed it
  return extend(ids, sink, context, false);
}

LogitsNeeded Engine::sampled() const noexcept {
  const Sampler::Reads reads = sampler_->reads(history_.size());
  return {.best = reads.best, .ids = history_.span().last(reads.recent)};
}

Status Engine::extend(std::span<const TokenId> ids, Sink sink, void* context,
                      bool to_sample) noexcept {
  BITNET_TRY(check_ids(ids));
  if (ids.size() > state_.kv.capacity - history_.size())
    return Error(ErrorCode::ContextFull)
           << std::uint64_t{history_.size()} << " tokens and " << std::uint64_t{ids.size()}
           << " more, context of " << capacity();
  while (!ids.empty()) {
    const auto batch = ids.first(std::min(ids.size(), state_.batch));
    ids = ids.subspan(batch.size());
    forward(*network_, state_, batch, history_.size(), *parallel_);
    const std::uint32_t position = size();
    BITNET_TRY(history_.append(batch));
    for (std::size_t i = 0; sink != nullptr && i < batch.size(); ++i) {
      bitnet::logits(*network_, state_, i, *parallel_);
      has_logits_ = true;
      BITNET_TRY(sink(context, position + static_cast<std::uint32_t>(i), logits()));
    }
    if (sink == nullptr && ids.empty()) {
      bitnet::logits(*network_, state_, batch.size() - 1, *parallel_,
                     to_sample ? sampled() : LogitsNeeded{});
      has_logits_ = true;
    }
  }
  return {};
}

Status Engine::embed(std::span<const TokenId> ids, const EmbedOptions& options,
                     std::span<float> out) noexcept {
  if (ids.empty())
    return Error(ErrorCode::EmptyPrompt);
  if (out.size() != network_->config.hidden)
    return Error(ErrorCode::InvalidArgument) << "room for " << std::uint64_t{out.size()}
                                             << " floats, hidden size " << network_->config.hidden;
  if (ids.size() > state_.kv.capacity)
    return Error(ErrorCode::ContextFull)
           << std::uint64_t{ids.size()} << " tokens, context of " << capacity();
  BITNET_TRY(check_ids(ids));
  auto sums = Buffer<double>::make(out.size(), "embedding");
  BITNET_TRY(sums);
  truncate(0);
  const bool all = options.pooling == Pooling::kMean;
  const std::size_t count = all ? ids.size() : 1;
  while (!ids.empty()) {
    if (options.go_on != nullptr && !options.go_on(options.context))
      return Error(ErrorCode::Aborted);
    const auto batch = ids.first(std::min(ids.size(), state_.batch));
    ids = ids.subspan(batch.size());
    forward(*network_, state_, batch, history_.size(), *parallel_);
    BITNET_TRY(history_.append(batch));
    for (std::size_t i = all ? 0 : batch.size() - 1; (all || ids.empty()) && i < batch.size();
         ++i) {
      const auto state = hidden(*network_, state_, i, *parallel_);
      for (std::size_t d = 0; d < state.size(); ++d)
        (*sums)[d] += static_cast<double>(state[d]);
    }
  }
  double squares = 0.0;
  for (double& value : *sums) {
    value /= static_cast<double>(count);
    squares += value * value;
  }
  const double length = options.normalize && squares > 0.0 ? std::sqrt(squares) : 1.0;
  for (std::size_t d = 0; d < out.size(); ++d)
    out[d] = static_cast<float>((*sums)[d] / length);
  return {};
}

Status Engine::start(std::span<const TokenId> prompt, const GenerateOptions& options) noexcept {
  phase_ = Phase::kIdle;
  if (prompt.empty())
    return Error(ErrorCode::EmptyPrompt);
  if (prompt.size() >= state_.kv.capacity)
    return Error(ErrorCode::ContextFull)
           << "prompt of " << std::uint64_t{prompt.size()} << " tokens, context of " << capacity();
  BITNET_TRY(check_ids(prompt));
  auto sampler = Sampler::make(options.sampler, network_->config.vocabulary);
  BITNET_TRY(sampler);
  BITNET_TRY(stops_.set(options.stop));
  prompt_.clear();
  BITNET_TRY(prompt_.append(prompt));

  // Keep what the cache already holds, but evaluate at least one token: its logits choose the first new one.
  std::size_t common = 0;
  while (common < history_.size() && common + 1 < prompt.size() &&
         history_[common] == prompt[common])
    ++common;
  truncate(static_cast<std::uint32_t>(common));

  sampler_ = std::move(*sampler);
  utf8_.reset();
  pending_ = kNoToken;
  generated_ = 0;
  max_tokens_ = options.max_tokens;
  ignore_end_ = options.ignore_end;
  finish_ = FinishReason::kNone;
  phase_ = Phase::kPrefill;
  return {};
}

Step Engine::step(Step::Kind kind, TokenId id) const noexcept {
  return {.kind = kind,
          .id = id,
          .text = view(out_),
          .finish = kind == Step::Kind::kEnd ? finish_ : FinishReason::kNone,
          .prefilled = static_cast<std::uint32_t>(std::min(history_.size(), prompt_.size())),
          .prompt = static_cast<std::uint32_t>(prompt_.size())};
}

Result<Step> Engine::next() noexcept {
  auto step = advance();
  if (!step) // text or a token may be lost: go on only from a new start
    phase_ = Phase::kIdle;
  return step;
}

Result<Step> Engine::advance() noexcept {
  out_.clear();
  switch (phase_) {
  case Phase::kIdle: return Error(ErrorCode::InvalidState) << "no generation has been started";
  case Phase::kPrefill: return prefill_step();
  case Phase::kDecode: return finish_ == FinishReason::kNone ? decode_step() : end_step();
  case Phase::kFinished: return step(Step::Kind::kEnd, kNoToken);
  }
  return Error(ErrorCode::InvalidState);
}

Result<Step> Engine::prefill_step() noexcept {
  const std::size_t left = prompt_.size() - history_.size();
  const std::size_t count = std::min(left, state_.batch);
  forward(*network_, state_, prompt_.span().subspan(history_.size(), count), history_.size(),
          *parallel_);
  BITNET_TRY(history_.append(prompt_.span().subspan(history_.size(), count)));
  if (count == left) {
    bitnet::logits(*network_, state_, count - 1, *parallel_, sampled());
    has_logits_ = true;
    phase_ = Phase::kDecode;
  }
  return step(Step::Kind::kPrefill, kNoToken);
}

Result<Step> Engine::decode_step() noexcept {
  if (pending_ != kNoToken) {
    const TokenId id = pending_;
    pending_ = kNoToken;
    BITNET_TRY(extend({&id, 1}, nullptr, nullptr, true));
  }
  const auto id = sampler_->sample(logits(), history_.span());
  BITNET_TRY(id);
  if (!ignore_end_ && tokenizer_->ends_generation(*id)) {
    finish_ = FinishReason::kEnd;
    return end_step();
  }
  pending_ = *id;
  ++generated_;

  piece_.clear();
  characters_.clear();
  if (tokenizer_->valid(*id))
    BITNET_TRY(tokenizer_->decode(*id, piece_));
  BITNET_TRY(utf8_.push(view(piece_), characters_));
  const auto stopped = stops_.push(view(characters_), out_);
  BITNET_TRY(stopped);
  if (*stopped)
    finish_ = FinishReason::kStop;
  else if (max_tokens_ != 0 && generated_ >= max_tokens_)
    finish_ = FinishReason::kLength;
  else if (history_.size() == state_.kv.capacity)
    finish_ = FinishReason::kContext;
  return step(Step::Kind::kToken, *id);
}

Result<Step> Engine::end_step() noexcept {
  phase_ = Phase::kFinished;
  if (finish_ != FinishReason::kStop) {
    characters_.clear();
    BITNET_TRY(utf8_.finish(characters_));
    const auto stopped = stops_.push(view(characters_), out_);
    BITNET_TRY(stopped);
    if (!*stopped)
      BITNET_TRY(stops_.finish(out_));
  }
  return step(Step::Kind::kEnd, kNoToken);
}

} // namespace bitnet
