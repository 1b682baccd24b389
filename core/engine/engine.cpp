// See engine.h.
#include "engine/engine.h"

#include "sample/logprobs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

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

std::optional<ContextPolicy> context_policy(std::string_view name) noexcept {
  constexpr std::string_view kNames[] = {"stop", "error", "shift"};
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name)
      return static_cast<ContextPolicy>(i);
  return std::nullopt;
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
  Engine engine(network, tokenizer, options, parallel, std::move(*state));
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
  settle();
}

void Engine::settle() noexcept {
  phase_ = Phase::kIdle;
  saver_.reset();
  restorer_.reset();
}

Status Engine::evaluate(std::span<const TokenId> ids, Sink sink, void* context) noexcept {
  settle(); // the cache no longer holds a part of the prompt and what followed it
  return extend(ids, sink, context, false);
}

LogitsNeeded Engine::sampled() const noexcept {
  if (logprobs_)
    return {};
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

namespace {

/// Those that no other part looks after.
Status check_options(const GenerateOptions& options, std::uint32_t capacity) noexcept {
  const Error error(ErrorCode::InvalidArgument);
  if (options.top_logprobs > kMostTopLogprobs)
    return Error(error) << "top_logprobs " << options.top_logprobs << " is not 0 to "
                        << kMostTopLogprobs;
  if (options.top_logprobs > 0 && !options.logprobs)
    return Error(error) << "top_logprobs without logprobs";
  if (options.context_policy > ContextPolicy::kShift)
    return Error(error) << "context_policy";
  if (options.keep >= capacity)
    return Error(error) << "keep " << options.keep << " of a context of " << capacity;
  return {};
}

} // namespace

Status Engine::start(std::span<const TokenId> prompt, const GenerateOptions& options) noexcept {
  settle();
  if (prompt.empty())
    return Error(ErrorCode::EmptyPrompt);
  if (prompt.size() >= state_.kv.capacity)
    return Error(ErrorCode::ContextFull)
           << "prompt of " << std::uint64_t{prompt.size()} << " tokens, context of " << capacity();
  BITNET_TRY(check_ids(prompt));
  BITNET_TRY(check_options(options, capacity()));
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
  policy_ = options.context_policy;
  keep_ = options.keep;
  logprobs_ = options.logprobs;
  most_likeliest_ = options.top_logprobs;
  finish_ = FinishReason::kNone;
  phase_ = Phase::kPrefill;
  return {};
}

Step Engine::step(Step::Kind kind, TokenId id) const noexcept {
  const bool measured = kind == Step::Kind::kToken && logprobs_;
  return {.kind = kind,
          .id = id,
          .text = view(out_),
          .finish = kind == Step::Kind::kEnd ? finish_ : FinishReason::kNone,
          .prefilled = static_cast<std::uint32_t>(std::min(history_.size(), prompt_.size())),
          .prompt = static_cast<std::uint32_t>(prompt_.size()),
          .logprob = measured ? logprob_ : 0.0F,
          .top_logprobs = {likeliest_.data(), measured ? likeliest_count_ : 0}};
}

Result<Step> Engine::next() noexcept {
  auto step = advance();
  if (!step) // text or a token may be lost: go on only from a new start
    phase_ = Phase::kIdle;
  return step;
}

Result<Step> Engine::advance() noexcept {
  out_.clear();
  saver_.reset();
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
    if (policy_ == ContextPolicy::kShift && history_.size() == state_.kv.capacity) {
      BITNET_TRY(shift());
      return prefill_step();
    }
    const TokenId id = pending_;
    pending_ = kNoToken;
    BITNET_TRY(extend({&id, 1}, nullptr, nullptr, true));
  }
  const auto id = choose();
  BITNET_TRY(id);
  if (!ignore_end_ && tokenizer_->ends_generation(*id)) {
    finish_ = FinishReason::kEnd;
    return end_step();
  }
  pending_ = *id;
  ++generated_;
  if (logprobs_)
    measure(*id);

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
  else if (policy_ == ContextPolicy::kStop && history_.size() == state_.kv.capacity)
    finish_ = FinishReason::kContext;
  return step(Step::Kind::kToken, *id);
}

Result<TokenId> Engine::choose() noexcept { return sampler_->sample(logits(), history_.span()); }

void Engine::measure(TokenId id) noexcept {
  const double sum = log_sum_exp(logits());
  const auto logit = static_cast<double>(logits()[static_cast<std::size_t>(id)]);
  logprob_ = static_cast<float>(logit - sum);
  likeliest_count_ = top_logprobs(logits(), sum, std::span(likeliest_).first(most_likeliest_));
}

/// What stays is a prompt again, of which the first `keep_` tokens stand where they stood.
Status Engine::shift() noexcept {
  const std::span<const TokenId> ids = history_.span();
  const std::size_t forgotten = (ids.size() - keep_ + 1) / 2;
  prompt_.clear();
  BITNET_TRY(prompt_.append(ids.first(keep_)));
  BITNET_TRY(prompt_.append(ids.subspan(keep_ + forgotten)));
  BITNET_TRY(prompt_.push(std::exchange(pending_, kNoToken)));
  history_.truncate(keep_);
  has_logits_ = false;
  phase_ = Phase::kPrefill;
  return {};
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

// --- copies ---

Result<Engine> Engine::fork(Parallel& parallel) const noexcept {
  auto other = make(*network_, *tokenizer_, options_, parallel);
  BITNET_TRY(other);
  const KvCache& from = state_.kv;
  KvCache& to = other->state_.kv;
  const std::size_t bytes = history_.size() * from.stride * from.element_bytes();
  for (std::size_t layer = 0; bytes != 0 && layer < network_->config.layers; ++layer)
    for (std::size_t head = 0; head < from.kv_heads; ++head) {
      const std::size_t at = from.at(layer, head, 0);
      std::memcpy(to.keys.data() + at, from.keys.data() + at, bytes);
      std::memcpy(to.values.data() + at, from.values.data() + at, bytes);
    }
  BITNET_TRY(other->history_.append(history_.span()));
  return other;
}

std::uint64_t Engine::save_begin() noexcept {
  restorer_.reset();
  return saver_.emplace(*network_, state_.kv, history_.span()).size();
}

Result<Bytes> Engine::save_piece() noexcept {
  if (!saver_)
    return Error(ErrorCode::InvalidState) << "nothing is being saved";
  return saver_->next(state_.kv, history_.span());
}

Status Engine::restore_begin(std::uint64_t size) noexcept {
  truncate(0);
  auto restorer = Restorer::begin(size);
  BITNET_TRY(restorer);
  restorer_ = std::move(*restorer);
  return {};
}

MutableBytes Engine::restore_wanted() noexcept {
  return restorer_ ? restorer_->wanted(state_.kv) : MutableBytes();
}

Status Engine::restore_accept() noexcept {
  if (!restorer_)
    return Error(ErrorCode::InvalidState) << "nothing is being restored";
  Status accepted = restorer_->accept(*network_, state_.kv);
  if (accepted && restorer_->wanted(state_.kv).empty())
    accepted = history_.append(restorer_->history());
  if (!accepted || restorer_->wanted(state_.kv).empty())
    restorer_.reset();
  return accepted;
}

} // namespace bitnet
