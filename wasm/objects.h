// The objects of bitnet.hpp as embind can pass them: types and errors are translated, no policy and no default is added.
//
// Nothing throws through wasm: every call that can fail returns {code, detail} and, when code is 0, `value`.
// Text, ids and lists enter in a Block, which JavaScript fills through a view. Embind's own strings are for short
// things only: they write through a null pointer when memory is short, and pass lone surrogates on.
// A view of wasm memory is valid until the next call into the module (memory may grow, and then moves).
#pragma once

#include "bitnet/bitnet.hpp"
#include "bitnet/sha256.hpp"
#include "platform/threads.h"

#include <emscripten/bind.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>

namespace bitnet::js {
using emscripten::val;

template <class T> struct View : val {
  View() : val(val::undefined()) {}
  explicit View(const val& from) : val(from) {}
  explicit View(std::span<T> values)
      : val(emscripten::typed_memory_view(values.size(), values.data())) {}
};
using Bytes8 = View<std::uint8_t>;
using ConstBytes8 = View<const std::uint8_t>;
using Ids = View<const TokenId>;
using Floats = View<const float>;

/// 2^53 - 1: what a double holds exactly.
inline constexpr double kMostExact = 9007199254740991.0;

struct Outcome {
  int code = 0;
  std::string detail;
};
template <class T> struct Reply {
  int code = 0;
  std::string detail;
  T value{};
};

inline Outcome outcome(const Status& status) {
  return status ? Outcome{}
                : Outcome{static_cast<int>(status.error().code()),
                          std::string(status.error().detail())};
}
template <class T> Reply<T> failure(const Error& error) {
  return {static_cast<int>(error.code()), std::string(error.detail())};
}
template <class T> Reply<T> success(T value) { return {0, {}, std::move(value)}; }
template <class T> Reply<T> reply(const Status& status, T value) {
  return status ? success(std::move(value)) : failure<T>(status.error());
}
inline const Error kNothingHere = Error(ErrorCode::InvalidState) << "this object is empty";

/// Bytes that JavaScript writes and a call reads.
class Block {
public:
  Reply<Bytes8> resize(std::uint32_t size) {
    if (size > buffer_.size()) {
      size_ = 0;
      buffer_ = {}; // the old content is not wanted: never hold both
      auto made = Buffer<std::uint8_t>::make(size, "input");
      if (!made)
        return failure<Bytes8>(made.error());
      buffer_ = std::move(*made);
    }
    size_ = size;
    return success(Bytes8({buffer_.data(), size_}));
  }
  template <class T> std::span<const T> as() const {
    return {reinterpret_cast<const T*>(buffer_.data()), size_ / sizeof(T)};
  }
  std::string_view text() const { return {reinterpret_cast<const char*>(buffer_.data()), size_}; }

  /// Several strings: their lengths here, their bytes one after the other in `text`.
  Status split(std::string_view text, Vec<std::string_view>& out) const {
    for (const std::uint32_t length : as<std::uint32_t>()) {
      if (length > text.size())
        return Error(ErrorCode::InvalidArgument) << "string list";
      BITNET_TRY(out.push(text.substr(0, length)));
      text.remove_prefix(length);
    }
    return {};
  }

private:
  Buffer<std::uint8_t> buffer_;
  std::size_t size_ = 0;
};

/// Threads are the module's, not a session's: a stopped pthread is free again only after a turn of the event loop.
inline std::unique_ptr<Parallel>& threads() {
  static std::unique_ptr<Parallel> pool = std::make_unique<Serial>();
  return pool;
}
inline unsigned start_threads(unsigned count) {
  static const bool started = [count] { // once: sessions keep a pointer to the pool
    if (auto pool = make_parallel(count))
      threads() = std::move(pool);
    return true;
  }();
  return started ? threads()->threads() : 1;
}

struct Info {
  std::string name, architecture, isa, tokenizer, chat_template, weight_type;
  bool tokenizer_guessed = false;
  double parameters = 0, ternary_parameters = 0, file_bytes = 0, weight_bytes = 0;
  std::uint32_t layers = 0, hidden = 0, ffn = 0, heads = 0, kv_heads = 0, head_dim = 0,
                vocabulary = 0, context = 0;
  TokenId bos = kNoToken, eos = kNoToken;
};

inline Info info_of(const ModelInfo& from) {
  const auto text = [](std::string_view view) { return std::string(view); };
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  return {text(from.name),
          text(from.architecture),
          text(from.isa),
          text(from.tokenizer),
          text(from.chat_template),
          text(from.weight_type),
          from.tokenizer_guessed,
          number(from.parameters),
          number(from.ternary_parameters),
          number(from.file_bytes),
          number(from.weight_bytes),
          from.layers,
          from.hidden,
          from.ffn,
          from.heads,
          from.kv_heads,
          from.head_dim,
          from.vocabulary,
          from.context,
          from.bos,
          from.eos};
}

class ModelObject {
public:
  void set(Model model) { model_.emplace(std::move(model)); }
  const Model* get() const { return model_ ? &*model_ : nullptr; }

  Reply<Info> info() const {
    if (!model_)
      return failure<Info>(kNothingHere);
    return success(info_of(model_->info()));
  }
  Reply<Ids> tokenize(const Block& text, bool add_bos) {
    ids_.clear();
    const Status status = model_ ? model_->tokenize(text.text(), add_bos, ids_) : kNothingHere;
    return reply(status, Ids(ids_.span()));
  }
  /// role, content, role, content, ...
  Reply<Ids> tokenize_chat(const Block& text, const Block& lengths, bool add_generation_prompt) {
    ids_.clear();
    Vec<std::string_view> parts;
    Vec<ChatMessage> messages;
    Status status = model_ ? lengths.split(text.text(), parts) : kNothingHere;
    for (std::size_t i = 0; status && i + 1 < parts.size(); i += 2)
      status = messages.push({parts[i], parts[i + 1]});
    if (status)
      status = model_->tokenize_chat(messages.span(), add_generation_prompt, ids_);
    return reply(status, Ids(ids_.span()));
  }
  Reply<Bytes8> detokenize(const Block& ids, bool render_special) {
    text_.clear();
    const Status status =
        model_ ? model_->detokenize(ids.as<TokenId>(), render_special, text_) : kNothingHere;
    return reply(status, Bytes8({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()}));
  }
  Reply<double> session_bytes(const SessionOptions& options) const {
    const Result<std::uint64_t> bytes = model_ ? model_->session_bytes(options) : kNothingHere;
    return bytes ? success(static_cast<double>(*bytes)) : failure<double>(bytes.error());
  }

private:
  std::optional<Model> model_;
  Vec<TokenId> ids_;
  Text text_;
};

/// The bytes enter through a buffer of its own, a piece at a time.
class Sha256Object {
public:
  Bytes8 input() { return Bytes8(input_); }
  void update(std::uint32_t size) {
    sha_.update(Bytes(input_).first(std::min<std::size_t>(size, input_.size())));
  }
  /// In hexadecimal. The object is used up.
  std::string digest() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : sha_.digest())
      text.append({kDigits[byte >> 4U], kDigits[byte & 15U]});
    return text;
  }

private:
  Sha256 sha_;
  std::array<std::uint8_t, 65536> input_{};
};

struct Wanted {
  double offset = 0;
  Bytes8 into; // empty: nothing more, call finish()
  std::uint32_t file = 0;
};

struct JsEstimate {
  Info model;
  double weight_bytes = 0, weight_bytes_most = 0, session_bytes = 0, peak_bytes = 0;
};

class LoaderObject {
public:
  /// The size of the next file, in order; then begin() or begin_estimate().
  Outcome add_file(double size) {
    if (!(size >= 0 && size <= kMostExact))
      return outcome(Error(ErrorCode::InvalidArgument) << "file size");
    return outcome(sizes_.push(static_cast<std::uint64_t>(size)));
  }
  /// `memory_limit`: bytes, 0 for none; it is to leave room for `session`.
  Outcome begin(const std::string& isa, bool float_activations, HeadType head, double memory_limit,
                const SessionOptions& session) {
    return take(ModelLoader::begin(sizes_.span(),
                                   options(isa, float_activations, head, memory_limit, session)));
  }
  Outcome begin_estimate(const std::string& isa, bool float_activations, HeadType head) {
    return take(
        ModelLoader::begin_estimate(sizes_.span(), options(isa, float_activations, head, 0, {})));
  }
  Wanted wanted() const {
    const auto range = loader_ ? loader_->wanted() : ModelLoader::Range{};
    return {static_cast<double>(range.offset), Bytes8(range.into), range.file};
  }
  Reply<JsEstimate> estimate(const SessionOptions& session) const {
    const Result<Estimate> answer = loader_ ? loader_->estimate(session) : kNothingHere;
    if (!answer)
      return failure<JsEstimate>(answer.error());
    return success(JsEstimate{info_of(answer->model), static_cast<double>(answer->weight_bytes),
                              static_cast<double>(answer->weight_bytes_most),
                              static_cast<double>(answer->session_bytes),
                              static_cast<double>(answer->peak_bytes)});
  }
  Outcome accept() { return outcome(loader_ ? loader_->accept() : kNothingHere); }
  Outcome finish(ModelObject& into) {
    Result<Model> model = loader_ ? loader_->finish() : kNothingHere;
    loader_.reset();
    if (!model)
      return outcome(model.error());
    into.set(std::move(*model));
    return {};
  }

private:
  /// What is no size limits nothing: 0, as for none.
  static LoadOptions options(const std::string& isa, bool float_activations, HeadType head,
                             double memory_limit, const SessionOptions& session) {
    const bool limited = memory_limit > 0 && memory_limit <= kMostExact;
    return {.isa = isa,
            .float_activations = float_activations,
            .head = head,
            .memory_limit = limited ? static_cast<std::uint64_t>(memory_limit) : 0,
            .session = session};
  }
  Outcome take(Result<ModelLoader> begun) {
    if (!begun)
      return outcome(begun.error());
    loader_.emplace(std::move(*begun));
    return {};
  }

  Vec<std::uint64_t> sizes_;
  std::optional<ModelLoader> loader_;
};

struct JsStep {
  Step::Kind kind = Step::Kind::kEnd;
  TokenId id = kNoToken;
  std::string text;
  std::string finish;
  std::uint32_t prefilled = 0, prompt = 0;
  float logprob = 0;
  Ids top_ids;         // the likeliest tokens, best first
  Floats top_logprobs; // theirs
};

class SessionObject {
public:
  Outcome make(const ModelObject& model, const SessionOptions& options) {
    session_.reset(); // its memory first: a session is most of what a small model takes
    if (model.get() == nullptr)
      return outcome(kNothingHere);
    auto made = Session::make(*model.get(), options, *threads());
    if (!made)
      return outcome(made.error());
    session_.emplace(std::move(*made));
    hidden_ = model.get()->info().hidden;
    return {};
  }
  Outcome start(const Block& ids, GenerateOptions options, const Block& stop_text,
                const Block& stop_lengths) {
    if (!session_)
      return outcome(kNothingHere);
    Vec<std::string_view> stop;
    if (const Status status = stop_lengths.split(stop_text.text(), stop); !status)
      return outcome(status);
    options.stop = stop.span();
    options.grammar = view(grammar_);
    options.json_schema = view(json_schema_);
    const Status started = session_->start(ids.as<TokenId>(), options);
    grammar_.clear();
    json_schema_.clear();
    return outcome(started);
  }
  /// What the text of the next generation, and only of that, must be: a grammar, or a JSON schema.
  Outcome constrain(const Block& text, bool is_schema) {
    Text& into = is_schema ? json_schema_ : grammar_;
    into.clear();
    return outcome(into.append(text.text()));
  }
  Reply<JsStep> next() {
    const Result<Step> step = session_ ? session_->next() : kNothingHere;
    if (!step)
      return failure<JsStep>(step.error());
    top_ids_.clear();
    top_logprobs_.clear();
    for (const TokenLogprob& entry : step->top_logprobs) {
      Status kept = top_ids_.push(entry.id);
      if (kept)
        kept = top_logprobs_.push(entry.logprob);
      if (!kept)
        return failure<JsStep>(kept.error());
    }
    return success(JsStep{step->kind, step->id, std::string(step->text),
                          finish_reason_name(step->finish), step->prefilled, step->prompt,
                          step->logprob, Ids(top_ids_.span()), Floats(top_logprobs_.span())});
  }
  Outcome evaluate(const Block& ids) {
    return outcome(session_ ? session_->evaluate(ids.as<TokenId>()) : kNothingHere);
  }
  Floats logits() const { return Floats(session_ ? session_->logits() : std::span<const float>{}); }
  std::uint64_t hash_logits(std::uint64_t state) const {
    return session_ ? bitnet::hash_logits(session_->logits(), state) : state;
  }
  /// `into` becomes a copy of this session.
  Outcome fork(SessionObject& into) const {
    into.session_.reset();
    auto made = session_ ? session_->fork() : kNothingHere;
    if (!made)
      return outcome(made.error());
    into.session_.emplace(std::move(*made));
    into.hidden_ = hidden_;
    return {};
  }
  /// Bytes in all; then piece after piece, until an empty one.
  Reply<double> save_begin() {
    return session_ ? success(static_cast<double>(session_->save_begin()))
                    : failure<double>(kNothingHere);
  }
  Reply<ConstBytes8> save_piece() {
    const Result<Bytes> piece = session_ ? session_->save_piece() : kNothingHere;
    return piece ? success(ConstBytes8(*piece)) : failure<ConstBytes8>(piece.error());
  }
  Outcome restore_begin(double size) {
    if (!(size >= 0 && size <= kMostExact))
      return outcome(Error(ErrorCode::InvalidArgument) << "size");
    return outcome(session_ ? session_->restore_begin(static_cast<std::uint64_t>(size))
                            : kNothingHere);
  }
  Bytes8 restore_wanted() { return Bytes8(session_ ? session_->restore_wanted() : MutableBytes()); }
  Outcome restore_accept() { return outcome(session_ ? session_->restore_accept() : kNothingHere); }

  /// ModelInfo::hidden floats.
  Reply<Floats> embed(const Block& ids, Pooling pooling, bool normalize) {
    if (!session_)
      return failure<Floats>(kNothingHere);
    auto vector = Buffer<float>::make(hidden_, "embedding");
    if (!vector)
      return failure<Floats>(vector.error());
    vector_ = std::move(*vector);
    const EmbedOptions options{.pooling = pooling, .normalize = normalize};
    const Status status =
        session_->embed(ids.as<TokenId>(), options, {vector_.data(), vector_.size()});
    return reply(status, Floats(vector_.span()));
  }
  Ids tokens() const { return Ids(session_ ? session_->tokens() : std::span<const TokenId>{}); }
  std::uint32_t size() const { return session_ ? session_->size() : 0; }
  std::uint32_t capacity() const { return session_ ? session_->capacity() : 0; }
  void truncate(std::uint32_t size) {
    if (session_)
      session_->truncate(size);
  }

private:
  std::optional<Session> session_;
  Vec<TokenId> top_ids_; // what views of the last answer point to
  Vec<float> top_logprobs_;
  Buffer<float> vector_;
  std::uint32_t hidden_ = 0;
  Text grammar_, json_schema_;
};

struct JsSelfTest {
  std::uint32_t kernel_cases = 0, tokens = 0;
  std::uint64_t logits_hash = 0;
};
inline Reply<JsSelfTest> run_self_test(const ModelObject& model) {
  const Result<SelfTestReport> report =
      model.get() ? self_test(*model.get(), *threads()) : kNothingHere;
  if (!report)
    return failure<JsSelfTest>(report.error());
  return success(JsSelfTest{report->kernel_cases, report->tokens, report->logits_hash});
}
inline Reply<double> run_check_kernels(const std::string& isa) {
  const Result<std::uint32_t> cases = check_kernels(isa);
  return cases ? success(static_cast<double>(*cases)) : failure<double>(cases.error());
}
inline std::string isas() {
  std::string names;
  for (const std::string_view name : available_isas())
    names.append(names.empty() ? "" : " ").append(name);
  return names;
}

} // namespace bitnet::js
