// See context.h.
#include "nn/context.h"

#include "platform/clock.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace bitnet::nn {
namespace {

Errno errno_of(ErrorCode code) {
  switch (code) {
  case ErrorCode::Ok: return Errno::kSuccess;
  case ErrorCode::InvalidArgument:
  case ErrorCode::InvalidState:
  case ErrorCode::EmptyPrompt:
  case ErrorCode::BadToken:
  case ErrorCode::UnknownIsa: return Errno::kInvalidArgument;
  case ErrorCode::NotGguf:
  case ErrorCode::UnsupportedVersion:
  case ErrorCode::Truncated:
  case ErrorCode::Malformed:
  case ErrorCode::MissingKey:
  case ErrorCode::WrongType:
  case ErrorCode::MissingTensor:
  case ErrorCode::WrongShape:
  case ErrorCode::BadWeights: return Errno::kInvalidEncoding;
  case ErrorCode::UnsupportedType:
  case ErrorCode::UnsupportedArchitecture:
  case ErrorCode::UnsupportedTokenizer:
  case ErrorCode::UnsupportedTemplate: return Errno::kUnsupportedOperation;
  case ErrorCode::OutOfMemory:
  case ErrorCode::LimitExceeded: return Errno::kTooLarge;
  case ErrorCode::NotFound: return Errno::kModelNotFound;
  case ErrorCode::ContextFull: return Errno::kPromptTooLong;
  case ErrorCode::Io:
  case ErrorCode::Aborted:
  case ErrorCode::SelfTestFailed: return Errno::kRuntimeError;
  }
  return Errno::kRuntimeError;
}

double rate(std::uint32_t tokens, std::uint64_t ns) {
  return ns == 0 ? 0 : static_cast<double>(tokens) * 1e9 / static_cast<double>(ns);
}

} // namespace

Outcome::Outcome(const Error& why) noexcept : code(errno_of(why.code())), error(why) {}

bool Budget::take(std::uint64_t bytes) noexcept {
  std::uint64_t left = left_.load();
  do {
    if (bytes > left)
      return false;
  } while (!left_.compare_exchange_weak(left, left - bytes));
  return true;
}

Context::~Context() { release(); }

void Context::release() noexcept {
  session_.reset();
  around_.budget.give(std::exchange(session_bytes_, 0));
  model_.reset();
}

void Context::log(std::string_view line) const noexcept {
  if (around_.hooks.log != nullptr)
    around_.hooks.log(around_.hooks.context, line);
}

void Context::clear_outputs() noexcept {
  output_.clear();
  piece_.clear();
  streaming_ = false;
  drained_ = false;
  finish_ = FinishReason::kNone;
  cached_ = 0;
  generated_ = 0;
  hash_ = kHashStart;
  prompt_ns_ = 0;
  tokens_ns_ = 0;
}

Outcome Context::set_prompt(Text prompt) noexcept {
  clear_outputs();
  prompt_ = std::move(prompt);
  has_prompt_ = true;
  return read_prompt();
}

Outcome Context::set_metadata(std::string_view json) noexcept {
  const auto wrong = parse_options(json, options_);
  if (wrong.code != Errno::kSuccess)
    return {wrong.code, wrong.error};
  return has_prompt_ ? read_prompt() : Outcome();
}

/// Tokens at once, not at compute(): guests ask how many there are before that.
Outcome Context::read_prompt() noexcept {
  tokens_.clear();
  Status status;
  if (options_.messages) {
    Messages messages;
    const auto wrong = parse_messages(view(prompt_), messages);
    if (wrong.code != Errno::kSuccess)
      return {wrong.code, wrong.error};
    status = model_->tokenize_chat(messages.list.span(), true, tokens_);
  } else if (options_.parse_special) {
    status = model_->tokenize_framed(view(prompt_), true, tokens_);
  } else {
    status = model_->tokenize(view(prompt_), true, tokens_);
  }
  if (!status) {
    has_prompt_ = false;
    return status.error();
  }
  return {};
}

/// A prompt and a session with the context length asked for.
Outcome Context::ready() noexcept {
  if (around_.cancelled)
    return Error(ErrorCode::Aborted);
  if (!has_prompt_)
    return Error(ErrorCode::InvalidState) << "no prompt: set_input(0) comes first";
  SessionOptions wanted;
  const std::uint32_t most = model_->info().context;
  wanted.context =
      std::min(most, options_.context != 0 ? options_.context : limits::kDefaultContext);
  if (session_ && session_->capacity() == wanted.context)
    return {};
  session_.reset();
  around_.budget.give(std::exchange(session_bytes_, 0));
  const auto bytes = model_->session_bytes(wanted);
  if (!bytes)
    return bytes.error();
  if (!around_.budget.take(*bytes))
    return Error(ErrorCode::LimitExceeded)
           << "a context of " << wanted.context << " tokens takes " << *bytes
           << " bytes, more than the host has left for its guest";
  session_bytes_ = *bytes;
  auto session = Session::make(*model_, wanted, around_.parallel);
  if (!session)
    return session.error();
  session_ = std::move(*session);
  return {};
}

Outcome Context::start() noexcept {
  clear_outputs();
  if (const Outcome outcome = ready(); outcome.code != Errno::kSuccess)
    return outcome;
  if (options_.random_seed)
    options_.sampler.seed = now_ns();
  const std::string_view stop = options_.reverse_prompt();
  GenerateOptions generate;
  generate.sampler = options_.sampler;
  generate.ignore_end = options_.ignore_eos;
  generate.max_tokens = static_cast<std::uint32_t>(std::max<std::int64_t>(options_.predict, 0));
  if (!stop.empty())
    generate.stop = {&stop, 1};
  if (const Status status = session_->start(tokens_.span(), generate); !status)
    return status.error();
  cached_ = session_->size();
  return {};
}

/// The next token or the end: all of the prompt is evaluated before the first.
Outcome Context::advance(Step& step) noexcept {
  do {
    if (around_.cancelled)
      return Error(ErrorCode::Aborted);
    const std::uint64_t before = now_ns();
    const auto next = session_->next();
    if (!next)
      return next.error();
    step = *next;
    (step.kind == Step::Kind::kPrefill ? prompt_ns_ : tokens_ns_) += now_ns() - before;
  } while (step.kind == Step::Kind::kPrefill);
  if (step.kind == Step::Kind::kToken) {
    ++generated_;
    if (options_.logits_hash) // those that this token was chosen by
      hash_ = hash_logits(session_->logits(), hash_);
  } else {
    finish_ = step.finish;
  }
  if (const Status status = output_.append(step.text); !status)
    return status.error();
  return {};
}

Outcome Context::finished() noexcept {
  if (options_.enable_log) {
    char line[160];
    const auto prompt = static_cast<std::uint32_t>(tokens_.size());
    std::snprintf(line, sizeof line,
                  "prompt %u tokens (%u cached), %.1f tokens/s; generated %u tokens, %.1f tokens/s",
                  prompt, cached_, rate(prompt - cached_, prompt_ns_), generated_,
                  rate(generated_, tokens_ns_));
    log(line);
  }
  return finish_ == FinishReason::kContext && !bitnet_ ? Errno::kContextFull : Errno::kSuccess;
}

Outcome Context::compute() noexcept {
  if (options_.embedding)
    return embed();
  if (const Outcome outcome = start(); outcome.code != Errno::kSuccess)
    return outcome;
  if (options_.predict == 0)
    return {};
  for (Step step; finish_ == FinishReason::kNone;) {
    if (const Outcome outcome = advance(step); outcome.code != Errno::kSuccess)
      return outcome;
    if (options_.stream_stdout && around_.hooks.print != nullptr && !step.text.empty() &&
        !around_.hooks.print(around_.hooks.context, step.text))
      return {Errno::kRuntimeError, Error(ErrorCode::Io) << "nobody reads the standard output"};
  }
  return finished();
}

Outcome Context::compute_single() noexcept {
  if (options_.embedding)
    return Error(ErrorCode::InvalidState) << "an embedding does not come token by token";
  if (!streaming_) {
    if (const Outcome outcome = start(); outcome.code != Errno::kSuccess)
      return outcome;
    streaming_ = true;
    drained_ = options_.predict == 0;
  }
  piece_.clear();
  // A token may bring no text (half a character, the begin of a stop string): go on until there is some.
  for (Step step; !drained_ && piece_.empty();) {
    if (const Outcome outcome = advance(step); outcome.code != Errno::kSuccess) {
      streaming_ = false;
      return outcome;
    }
    drained_ = finish_ != FinishReason::kNone;
    if (const Status status = piece_.append(step.text); !status)
      return status.error();
  }
  if (!piece_.empty())
    return {};
  streaming_ = false; // the next call begins anew
  const Outcome outcome = finished();
  return outcome.code == Errno::kSuccess ? Errno::kEndOfSequence : outcome;
}

Outcome Context::fini_single() noexcept {
  clear_outputs();
  return {};
}

Outcome Context::embed() noexcept {
  clear_outputs();
  if (const Outcome outcome = ready(); outcome.code != Errno::kSuccess)
    return outcome;
  const std::uint32_t width = model_->info().hidden;
  auto vector = Buffer<float>::make(width, "embedding");
  if (!vector)
    return vector.error();
  if (const Status status = session_->embed(tokens_.span(), options_.pooling, options_.normalize,
                                            {vector->data(), vector->size()});
      !status)
    return status.error();

  // As WasmEdge's backend spells it: ten significant digits.
  char number[64];
  std::snprintf(number, sizeof number, "{\"n_embedding\": %u, \"embedding\": [", width);
  Status status = output_.append(std::string_view(number));
  for (std::size_t i = 0; status && i < vector->size(); ++i) {
    if (!std::isfinite((*vector)[i]))
      return Error(ErrorCode::BadWeights) << "dimension " << std::uint64_t{i} << " is not finite";
    const int length = std::snprintf(number, sizeof number, "%s%.10g", i == 0 ? "" : ",",
                                     static_cast<double>((*vector)[i]));
    // The program around us may have set a locale.
    std::replace(number + (i == 0 ? 0 : 1), number + length, ',', '.');
    status = output_.append(std::string_view(number));
  }
  if (status)
    status = output_.append(std::string_view("]}"));
  return status ? Outcome() : Outcome(status.error());
}

Outcome Context::describe(Text& out) const noexcept {
  char json[320];
  char hash[48] = "";
  if (options_.logits_hash)
    std::snprintf(hash, sizeof hash, ", \"logits_hash\": \"%016llx\"",
                  static_cast<unsigned long long>(hash_));
  // The llama_ keys are there because guests print them.
  const int length =
      std::snprintf(json, sizeof json,
                    "{\"input_tokens\": %u, \"output_tokens\": %u, \"cached_tokens\": %u, "
                    "\"finish_reason\": \"%s\"%s, "
                    "\"llama_build_number\": 0, \"llama_commit\": \"bitnet-edge %s\"}",
                    static_cast<unsigned>(tokens_.size()), generated_, cached_,
                    finish_reason_name(finish_), hash, version());
  const Status status = out.append({json, static_cast<std::size_t>(length)});
  return status ? Outcome() : Outcome(status.error());
}

} // namespace bitnet::nn
