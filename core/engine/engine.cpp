// See engine.h.
#include "engine/engine.h"

#include "sample/logprobs.h"

#include <algorithm>
#include <iterator>
#include <limits>

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
  return has_logits_ ? row(logits_row_) : std::span<const float>();
}

std::span<const float> Engine::row(std::size_t index) const noexcept {
  return {state_.a.logits.data() + index * state_.width_v, network_->config.vocabulary};
}

void Engine::truncate(std::uint32_t size) noexcept {
  history_.truncate(size);
  has_logits_ = false;
  settle();
}

void Engine::settle() noexcept {
  phase_ = Phase::kIdle;
  drafts_.forget();
  mask_ = {};
  saver_.reset();
  restorer_.reset();
}

Status Engine::evaluate(std::span<const TokenId> ids, Sink sink, void* context) noexcept {
  settle(); // the cache no longer holds a part of the prompt and what followed it
  return extend(ids, sink, context);
}

LogitsNeeded Engine::sampled() const noexcept {
  if (logprobs_)
    return {};
  const Sampler::Reads reads = sampler_->reads(history_.size());
  return {.best = reads.best, .ids = history_.span().last(reads.recent), .mask = {}};
}

bool Engine::suits_small_head(const LogitsNeeded& needed) const noexcept {
  return needed.best != SIZE_MAX && !network_->weights.small_head.empty();
}

/// Of a constraint's tokens any may be the best. A small head must know which they are; without one, or for the best of
/// all, which mostly is one of them, the mask can wait.
Status Engine::score() noexcept {
  has_logits_ = false;
  logits_row_ = 0;
  LogitsNeeded needed = sampled();
  if (constraint_.active() && !sampler_->greedy() && suits_small_head(needed)) {
    const auto mask = constraint_.mask(tokens_left(history_.size()));
    if (mask)
      needed.mask = mask_ = *mask;
    else if (mask.error().code() != ErrorCode::GrammarEnd) // that is for choose() to tell
      return mask.error();
  }
  bitnet::logits(*network_, state_, logits_of_, *parallel_, needed);
  has_logits_ = true;
  return {};
}

Status Engine::extend(std::span<const TokenId> ids, Sink sink, void* context) noexcept {
  BITNET_TRY(check_ids(ids));
  if (ids.size() > state_.kv.capacity - history_.size())
    return Error(ErrorCode::ContextFull)
           << std::uint64_t{history_.size()} << " tokens and " << std::uint64_t{ids.size()}
           << " more, context of " << capacity();
  while (!ids.empty()) {
    const auto batch = ids.first(std::min(ids.size(), state_.batch));
    ids = ids.subspan(batch.size());
    has_logits_ = false;
    logits_row_ = 0;
    forward(*network_, state_, batch, history_.size(), *parallel_);
    const std::uint32_t position = size();
    BITNET_TRY(history_.append(batch));
    for (std::size_t i = 0; sink != nullptr && i < batch.size(); ++i) {
      bitnet::logits(*network_, state_, i, *parallel_);
      BITNET_TRY(sink(context, position + static_cast<std::uint32_t>(i), row(0)));
    }
    if (sink == nullptr && ids.empty())
      bitnet::logits(*network_, state_, batch.size() - 1, *parallel_);
    has_logits_ = ids.empty();
  }
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
  if (options.draft > kMostDraft)
    return Error(error) << "draft " << options.draft << " is not 0 to " << kMostDraft;
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
  BITNET_TRY(constraint_.begin(*tokenizer_, network_->config.vocabulary, options));
  prompt_.clear();
  BITNET_TRY(prompt_.append(prompt));

  // Keep what the cache already holds, but evaluate at least one token: its logits choose the first new one.
  std::size_t common = 0;
  while (common < history_.size() && common + 1 < prompt.size() &&
         history_[common] == prompt[common])
    ++common;
  truncate(static_cast<std::uint32_t>(common));
  if (options.draft > 0)
    BITNET_TRY(state_.reserve_logits(1 + std::size_t{options.draft}));

  sampler_ = std::move(*sampler);
  drafts_.start(options.draft);
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
  if (constraint_.active())
    BITNET_TRY(constraint_.check(tokens_left(prompt.size())));
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
    logits_of_ = count - 1;
    rows_ = false;
    BITNET_TRY(score());
    phase_ = Phase::kDecode;
  }
  return step(Step::Kind::kPrefill, kNoToken);
}

std::uint64_t Engine::tokens_left(std::size_t evaluated) const noexcept {
  // One more than the cache holds: the last is not evaluated.
  const std::uint64_t room = policy_ == ContextPolicy::kShift
                                 ? std::numeric_limits<std::uint64_t>::max()
                                 : state_.kv.capacity - evaluated + 1;
  return max_tokens_ == 0 ? room : std::min<std::uint64_t>(room, max_tokens_ - generated_);
}

Result<TokenId> Engine::choose() noexcept {
  if (!constraint_.active())
    return sampler_->sample(logits(), history_.span());
  const std::uint64_t left = tokens_left(history_.size());
  if (sampler_->greedy()) { // the best of all is the best allowed, when it is allowed
    const auto best = sampler_->sample(logits(), history_.span());
    BITNET_TRY(best);
    const auto allowed = constraint_.allows(*best, left);
    BITNET_TRY(allowed);
    if (*allowed)
      return best;
  }
  std::span<const std::uint64_t> allowed = std::exchange(mask_, {});
  if (allowed.empty()) {
    const auto mask = constraint_.mask(left);
    BITNET_TRY(mask);
    allowed = *mask;
  }
  LogitsNeeded needed = sampled();
  if (sampler_->greedy() && !rows_ &&
      suits_small_head(needed)) { // it was asked for the best of all
    needed.mask = allowed;
    bitnet::logits(*network_, state_, logits_of_, *parallel_, needed);
  }
  return sampler_->sample(logits(), history_.span(), allowed);
}

Result<Step> Engine::decode_step() noexcept {
  if (pending_ != kNoToken) {
    if (policy_ == ContextPolicy::kShift && history_.size() == state_.kv.capacity) {
      BITNET_TRY(shift());
      return prefill_step();
    }
    BITNET_TRY(take(std::exchange(pending_, kNoToken)));
  }
  const auto id = choose();
  // A whole text that nothing can follow, and no token to say so: none is in the vocabulary, or it is to be ignored.
  const bool over = !id && id.error().code() == ErrorCode::GrammarEnd && constraint_.is_whole();
  if (over) {
    finish_ = FinishReason::kEnd;
    return end_step();
  }
  BITNET_TRY(id);
  if (!ignore_end_ && tokenizer_->ends_generation(*id)) {
    finish_ = FinishReason::kEnd;
    return end_step();
  }
  if (constraint_.active())
    BITNET_TRY(constraint_.accept(*id));
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
  else if (constraint_.active() && constraint_.must_end())
    finish_ = FinishReason::kEnd;
  else if (max_tokens_ != 0 && generated_ >= max_tokens_)
    finish_ = FinishReason::kLength;
  else if (policy_ == ContextPolicy::kStop && history_.size() == state_.kv.capacity)
    finish_ = FinishReason::kContext;
  return step(Step::Kind::kToken, *id);
}

/// The newest token goes into the context, and logits() become those after it. Guesses at what follows are evaluated with
/// it; a token that was one costs its logits only. The sampler is asked token by token as without guesses, from the same
/// bits, so it cannot tell.
Status Engine::take(TokenId id) noexcept {
  if (!drafts_.take(id)) {
    const std::size_t position = history_.size(), room = state_.kv.capacity - position;
    if (room == 0)
      return Error(ErrorCode::ContextFull)
             << std::uint64_t{position} << " tokens and 1 more, context of " << capacity();
    BITNET_TRY(history_.push(id));
    std::size_t most = std::min(room, state_.batch) - 1;
    if (max_tokens_ != 0) // the last token that is wanted needs no guess after it
      most = std::min<std::size_t>(most, max_tokens_ - generated_ - 1);
    const auto guesses = drafts_.guess(history_.span(), most);
    std::array<TokenId, 1 + kMostDraft> batch{id};
    std::copy(guesses.begin(), guesses.end(), batch.begin() + 1);
    const std::size_t count = 1 + guesses.size();
    forward(*network_, state_, std::span(batch).first(count), position, *parallel_);
    // A small head looks at one token at a time.
    rows_ = count > 1 && !suits_small_head(sampled());
    if (rows_)
      logits_of_each(*network_, state_, count, *parallel_);
  } else {
    BITNET_TRY(history_.push(id));
  }
  logits_of_ = drafts_.row();
  if (!rows_)
    return score();
  logits_row_ = drafts_.row();
  has_logits_ = true;
  return {};
}

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
  drafts_.forget();
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

} // namespace bitnet
