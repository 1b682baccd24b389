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
  case ErrorCode::BadGrammar:
  case ErrorCode::UnknownIsa: return Errno::kInvalidArgument;
  case ErrorCode::NotGguf:
  case ErrorCode::UnsupportedVersion:
  case ErrorCode::Truncated:
  case ErrorCode::Malformed:
  case ErrorCode::MissingKey:
  case ErrorCode::WrongType:
  case ErrorCode::MissingTensor:
  case ErrorCode::WrongShape:
  case ErrorCode::WrongParts:
  case ErrorCode::BadWeights:
  case ErrorCode::BadSession: return Errno::kInvalidEncoding;
  case ErrorCode::UnsupportedType:
  case ErrorCode::UnsupportedArchitecture:
  case ErrorCode::UnsupportedTokenizer:
  case ErrorCode::UnsupportedTemplate: return Errno::kUnsupportedOperation;
  case ErrorCode::OutOfMemory:
  case ErrorCode::MemoryLimit:
  case ErrorCode::LimitExceeded: return Errno::kTooLarge;
  case ErrorCode::NotFound: return Errno::kModelNotFound;
  case ErrorCode::ContextFull: return Errno::kPromptTooLong;
  case ErrorCode::GrammarEnd:
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

Context::~Context() {
  clear_outputs();
  release();
}

void Context::release() noexcept {
  forget_prompt();
  session_.reset();
  give_back(session_bytes_);
  give_back(grammar_bytes_);
  model_.reset();
}

Outcome Context::take(std::uint64_t bytes, std::uint64_t& account, const char* what) noexcept {
  if (!around_.budget.take(bytes))
    return Error(ErrorCode::LimitExceeded)
           << what << " of " << bytes << " bytes: more than the host has left for its guest";
  account += bytes;
  return {};
}

void Context::give_back(std::uint64_t& account) noexcept {
  around_.budget.give(std::exchange(account, 0));
}

void Context::log(std::string_view line) const noexcept {
  if (around_.hooks.log != nullptr)
    around_.hooks.log(around_.hooks.context, line);
}

void Context::clear_outputs() noexcept {
  output_ = Text();
  give_back(output_bytes_);
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

/// All but how many tokens it had, which guests ask for.
void Context::forget_prompt() noexcept {
  has_prompt_ = false;
  prompt_ = Text();
  tokens_ = Vec<TokenId>();
  give_back(prompt_bytes_);
}

Outcome Context::tokenize(const Options& options, Vec<TokenId>& tokens) const noexcept {
  Status status;
  if (options.messages) {
    Messages messages;
    const auto wrong = parse_messages(view(prompt_), messages);
    if (wrong.code != Errno::kSuccess)
      return {wrong.code, wrong.error};
    status = model_->tokenize_chat(messages.list.span(), true, tokens);
  } else if (options.parse_special) {
    status = model_->tokenize_framed(view(prompt_), true, tokens);
  } else {
    status = model_->tokenize(view(prompt_), true, tokens);
  }
  return status ? Outcome() : Outcome(status.error());
}

/// Tokens at once, not at compute(): guests ask how many there are before that.
Outcome Context::set_prompt(Text prompt) noexcept {
  clear_outputs();
  forget_prompt();
  prompt_ = std::move(prompt);
  Outcome outcome = take(prompt_.size(), prompt_bytes_, "a prompt");
  Vec<TokenId> tokens;
  if (outcome.code == Errno::kSuccess)
    outcome = tokenize(options_, tokens);
  if (outcome.code == Errno::kSuccess)
    outcome = keep(std::move(tokens));
  if (outcome.code != Errno::kSuccess)
    forget_prompt();
  return outcome;
}

/// What no context can hold is counted, not kept.
Outcome Context::keep(Vec<TokenId> tokens) noexcept {
  prompt_tokens_ = static_cast<std::uint32_t>(tokens.size());
  tokens_ = Vec<TokenId>();
  has_prompt_ = true;
  if (tokens.size() > model_->info().context)
    return {};
  const std::uint64_t bytes =
      std::uint64_t{2 * sizeof(TokenId)} * tokens.size(); // lists grow ahead
  if (const Outcome taken = take(bytes, prompt_bytes_, "a prompt"); taken.code != Errno::kSuccess)
    return taken;
  tokens_ = std::move(tokens);
  return {};
}

Outcome Context::set_metadata(std::string_view json) noexcept {
  Options changed = options_;
  const auto wrong = parse_options(json, changed);
  if (wrong.code != Errno::kSuccess)
    return {wrong.code, wrong.error};
  const bool read_anew = has_prompt_ && (changed.messages != options_.messages ||
                                         changed.parse_special != options_.parse_special);
  Vec<TokenId> tokens;
  if (read_anew)
    if (const Outcome outcome = tokenize(changed, tokens); outcome.code != Errno::kSuccess)
      return outcome;
  options_ = std::move(changed);
  streaming_ = false;
  if (!read_anew)
    return {};
  clear_outputs();
  const Outcome outcome = keep(std::move(tokens));
  if (outcome.code != Errno::kSuccess)
    forget_prompt();
  return outcome;
}

/// A prompt and a session with the context length asked for.
Outcome Context::ready() noexcept {
  if (!has_prompt_)
    return Error(ErrorCode::InvalidState) << "no prompt: set_input(0) comes first";
  SessionOptions wanted;
  const ModelInfo& info = model_->info();
  wanted.context =
      std::min(info.context, options_.context != 0 ? options_.context : limits::kDefaultContext);
  if (prompt_tokens_ > wanted.context)
    return Error(ErrorCode::ContextFull)
           << "prompt of " << prompt_tokens_ << " tokens, context of " << wanted.context;
  if (session_ && session_->capacity() == wanted.context)
    return {};
  session_.reset();
  give_back(session_bytes_);
  give_back(grammar_bytes_);
  const auto bytes = model_->session_bytes(wanted);
  if (!bytes)
    return bytes.error();
  // Beside them the ids of the context, and what sampling needs for each entry of the vocabulary.
  const std::uint64_t more =
      std::uint64_t{8} * wanted.context + std::uint64_t{12} * info.vocabulary;
  if (const Outcome taken = take(*bytes + more, session_bytes_, "a session");
      taken.code != Errno::kSuccess)
    return taken;
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
  generate.grammar = options_.grammar;
  generate.json_schema = options_.json_schema;
  const bool constrained = !generate.grammar.empty() || !generate.json_schema.empty();
  if (constrained && grammar_bytes_ == 0)
    if (const Outcome taken = take(limits::kGrammarBytes, grammar_bytes_, "a grammar");
        taken.code != Errno::kSuccess)
      return taken;
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
  if (const Outcome taken = take(step.text.size(), output_bytes_, "an output");
      taken.code != Errno::kSuccess)
    return taken;
  const Status status = output_.append(step.text);
  return status ? Outcome() : Outcome(status.error());
}

Outcome Context::finished() noexcept {
  if (options_.enable_log) {
    char line[160];
    std::snprintf(line, sizeof line,
                  "prompt %u tokens (%u cached), %.1f tokens/s; generated %u tokens, %.1f tokens/s",
                  prompt_tokens_, cached_, rate(prompt_tokens_ - cached_, prompt_ns_), generated_,
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
    if (const Status status = piece_.append(step.text); !status) {
      streaming_ = false;
      return status.error();
    }
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
  EmbedOptions embed_options;
  embed_options.pooling = options_.pooling;
  embed_options.normalize = options_.normalize;
  embed_options.go_on = [](void* cancelled) noexcept {
    return !static_cast<const std::atomic<bool>*>(cancelled)->load();
  };
  embed_options.context = const_cast<std::atomic<bool>*>(&around_.cancelled);
  if (const Status status =
          session_->embed(tokens_.span(), embed_options, {vector->data(), vector->size()});
      !status)
    return status.error();

  // As WasmEdge's backend spells it: ten significant digits.
  Text json;
  char number[64];
  std::snprintf(number, sizeof number, "{\"n_embedding\": %u, \"embedding\": [", width);
  Status status = json.append(std::string_view(number));
  for (std::size_t i = 0; status && i < vector->size(); ++i) {
    if (!std::isfinite((*vector)[i]))
      return Error(ErrorCode::BadWeights) << "dimension " << std::uint64_t{i} << " is not finite";
    const int length = std::snprintf(number, sizeof number, "%s%.10g", i == 0 ? "" : ",",
                                     static_cast<double>((*vector)[i]));
    // The program around us may have set a locale.
    std::replace(number + (i == 0 ? 0 : 1), number + length, ',', '.');
    status = json.append(std::string_view(number));
  }
  if (status)
    status = json.append(std::string_view("]}"));
  if (!status)
    return status.error();
  const Outcome taken = take(json.size(), output_bytes_, "an embedding");
  if (taken.code == Errno::kSuccess)
    output_ = std::move(json);
  return taken;
}

Outcome Context::describe(Text& out) const noexcept {
  char json[320];
  char hash[48] = "";
  if (options_.logits_hash)
    std::snprintf(hash, sizeof hash, ", \"logits_hash\": \"%016llx\"",
                  static_cast<unsigned long long>(hash_));
  // The llama_ keys are there because guests print them.
  const int length = std::snprintf(
      json, sizeof json,
      "{\"input_tokens\": %u, \"output_tokens\": %u, \"cached_tokens\": %u, "
      "\"finish_reason\": \"%s\"%s, "
      "\"llama_build_number\": 0, \"llama_commit\": \"bitnet-edge %s\"}",
      prompt_tokens_, generated_, cached_, finish_reason_name(finish_), hash, version());
  const Status status = out.append({json, static_cast<std::size_t>(length)});
  return status ? Outcome() : Outcome(status.error());
}

} // namespace bitnet::nn
