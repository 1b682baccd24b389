// See options.h. The parser is nlohmann::json's SAX interface: no tree is built, depth costs one bit a level, and numbers,
// escapes and UTF-8 are checked as JSON wants it.
#include "nn/options.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitnet::nn {
namespace {

using Json = nlohmann::json;

/// One value at the depth we look at.
struct Value {
  enum class Kind : std::uint8_t { kNull, kFlag, kNumber, kText, kNested };
  Kind kind = Kind::kNull;
  bool flag = false;
  double number = 0;
  std::uint64_t whole = 0; ///< of a number that is one and not negative
  std::string_view text = {};
};

Value flag_value(bool flag) { return {.kind = Value::Kind::kFlag, .flag = flag}; }
Value number_value(double number, std::uint64_t whole) {
  return {.kind = Value::Kind::kNumber, .number = number, .whole = whole};
}
Value text_value(std::string_view text) { return {.kind = Value::Kind::kText, .text = text}; }

/// What an option makes of its value: an errno, and for the log what it would have wanted.
struct Answer {
  Errno code = Errno::kSuccess;
  const char* wanted = "";
};
constexpr Answer kDone{};
constexpr Answer wants(const char* what) { return {Errno::kInvalidArgument, what}; }
constexpr Answer missing(const char* what) { return {Errno::kUnsupportedOperation, what}; }

Answer set_flag(const Value& value, bool& into) {
  if (value.kind != Value::Kind::kFlag)
    return wants("wants true or false");
  into = value.flag;
  return kDone;
}

bool is_number(const Value& value) {
  return value.kind == Value::Kind::kNumber && std::isfinite(value.number);
}

/// A whole number clamped into [low, high].
Answer set_whole(const Value& value, std::int64_t low, std::int64_t high, std::int64_t& into) {
  if (!is_number(value) || value.number != std::floor(value.number))
    return wants("wants a whole number");
  into = value.number <= static_cast<double>(low)    ? low
         : value.number >= static_cast<double>(high) ? high
                                                     : static_cast<std::int64_t>(value.number);
  return kDone;
}

Answer set_real(const Value& value, float& into) {
  if (!is_number(value) || std::abs(value.number) > 1e6)
    return wants("wants a number");
  into = static_cast<float>(value.number);
  return kDone;
}

Answer set_text(const Value& value, std::string& into) {
  if (value.kind != Value::Kind::kText)
    return wants("wants a string");
  into = value.text;
  return kDone;
}

/// For things that are not there: fine as long as nobody asks for them.
Answer only_number(const Value& value, double neutral, const char* what) {
  if (!is_number(value))
    return wants("wants a number");
  return value.number == neutral ? kDone : missing(what);
}
Answer only_empty(const Value& value, const char* what) {
  if (value.kind != Value::Kind::kText)
    return wants("wants a string");
  return value.text.empty() ? kDone : missing(what);
}
Answer only_false(const Value& value, const char* what) {
  if (value.kind != Value::Kind::kFlag)
    return wants("wants true or false");
  return !value.flag ? kDone : missing(what);
}

struct Option {
  std::string_view key;
  Answer (*set)(const Value&, Options&);
};

constexpr Option kOptions[] = {
    {"ctx-size",
     [](const Value& v, Options& o) {
       std::int64_t n = 0;
       const Answer answer = set_whole(v, 0, std::numeric_limits<std::uint32_t>::max(), n);
       if (answer.code == Errno::kSuccess)
         o.context = static_cast<std::uint32_t>(n);
       return answer;
     }},
    {"n-predict",
     [](const Value& v, Options& o) {
       return set_whole(v, -1, std::numeric_limits<std::uint32_t>::max(), o.predict);
     }},
    {"temp",
     [](const Value& v, Options& o) {
       const Answer answer = set_real(v, o.sampler.temperature);
       o.sampler.temperature = std::clamp(o.sampler.temperature, 0.0F, 100.0F);
       return answer;
     }},
    {"top-k",
     [](const Value& v, Options& o) {
       std::int64_t n = 0;
       const Answer answer = set_whole(v, 0, std::numeric_limits<std::int32_t>::max(), n);
       if (answer.code == Errno::kSuccess)
         o.sampler.top_k = static_cast<std::uint32_t>(n);
       return answer;
     }},
    {"top-p",
     [](const Value& v, Options& o) { // 0 keeps the likeliest alone
       const Answer answer = set_real(v, o.sampler.top_p);
       o.sampler.top_p = std::clamp(o.sampler.top_p, std::numeric_limits<float>::min(), 1.0F);
       return answer;
     }},
    {"min-p",
     [](const Value& v, Options& o) {
       const Answer answer = set_real(v, o.sampler.min_p);
       o.sampler.min_p = std::clamp(o.sampler.min_p, 0.0F, 0.999F);
       return answer;
     }},
    {"repeat-penalty",
     [](const Value& v, Options& o) {
       const Answer answer = set_real(v, o.sampler.repetition_penalty);
       o.sampler.repetition_penalty = std::clamp(o.sampler.repetition_penalty, 0.1F, 10.0F);
       return answer;
     }},
    {"presence-penalty",
     [](const Value& v, Options& o) {
       const Answer answer = set_real(v, o.sampler.presence_penalty);
       o.sampler.presence_penalty = std::clamp(o.sampler.presence_penalty, -100.0F, 100.0F);
       return answer;
     }},
    {"frequency-penalty",
     [](const Value& v, Options& o) {
       const Answer answer = set_real(v, o.sampler.frequency_penalty);
       o.sampler.frequency_penalty = std::clamp(o.sampler.frequency_penalty, -100.0F, 100.0F);
       return answer;
     }},
    {"last-n-penalty",
     [](const Value& v, Options& o) { // -1: the whole context
       std::int64_t n = 0;
       const Answer answer = set_whole(v, -1, std::numeric_limits<std::int32_t>::max(), n);
       if (answer.code == Errno::kSuccess)
         o.sampler.repetition_window =
             n < 0 ? std::numeric_limits<std::uint32_t>::max() : static_cast<std::uint32_t>(n);
       return answer;
     }},
    {"seed",
     [](const Value& v, Options& o) {
       if (!is_number(v) || v.number != std::floor(v.number))
         return wants("wants a whole number");
       o.random_seed = v.number < 0;
       o.sampler.seed = v.whole;
       return kDone;
     }},
    {"reverse-prompt",
     [](const Value& v, Options& o) {
       if (v.kind != Value::Kind::kText || v.text.size() > sizeof o.stop)
         return wants("wants a string of at most 256 bytes");
       std::ranges::copy(v.text, o.stop);
       o.stop_bytes = static_cast<std::uint32_t>(v.text.size());
       return kDone;
     }},
    {"grammar", [](const Value& v, Options& o) { return set_text(v, o.grammar); }},
    {"json-schema", [](const Value& v, Options& o) { return set_text(v, o.json_schema); }},
    {"json_schema", [](const Value& v, Options& o) { return set_text(v, o.json_schema); }},
    {"ignore-eos", [](const Value& v, Options& o) { return set_flag(v, o.ignore_eos); }},
    {"stream-stdout", [](const Value& v, Options& o) { return set_flag(v, o.stream_stdout); }},
    {"enable-log", [](const Value& v, Options& o) { return set_flag(v, o.enable_log); }},
    {"embedding", [](const Value& v, Options& o) { return set_flag(v, o.embedding); }},
    {"embd-normalize",
     [](const Value& v, Options& o) {
       std::int64_t n = 0;
       const Answer answer = set_whole(v, -1, 3, n);
       if (answer.code != Errno::kSuccess)
         return answer;
       if (n != -1 && n != 2)
         return missing("is 2 (Euclidean) or -1 (none) here");
       o.normalize = n == 2;
       return kDone;
     }},

    // Our own.
    {"pooling",
     [](const Value& v, Options& o) {
       if (v.kind != Value::Kind::kText || (v.text != "last" && v.text != "mean"))
         return wants("wants \"last\" or \"mean\"");
       o.pooling = v.text == "mean" ? Pooling::kMean : Pooling::kLast;
       return kDone;
     }},
    {"parse-special", [](const Value& v, Options& o) { return set_flag(v, o.parse_special); }},
    {"messages", [](const Value& v, Options& o) { return set_flag(v, o.messages); }},
    {"logits-hash", [](const Value& v, Options& o) { return set_flag(v, o.logits_hash); }},

    // Asked for by guests, not there: an answer that ignored them would be a wrong one.
    {"image", [](const Value& v, Options&) { return only_empty(v, "is not there: text only"); }},
    {"mmproj", [](const Value& v, Options&) { return only_empty(v, "is not there: text only"); }},
    {"model-vocoder",
     [](const Value& v, Options&) { return only_empty(v, "is not there: text only"); }},
    {"tts", [](const Value& v, Options&) { return only_false(v, "is not there: text only"); }},
    {"mirostat", [](const Value& v, Options&) { return only_number(v, 0, "is not there"); }},
    {"typ-p", [](const Value& v, Options&) { return only_number(v, 1, "is not there"); }},
};

/// What both readers share: where in the document we are, and how it ended.
class Reader {
public:
  JsonError result;

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const Json::exception& /*why*/) {
    return malformed(position);
  }
  bool malformed(std::size_t position) {
    return fail(Errno::kInvalidEncoding, Error(ErrorCode::Malformed)
                                             << "JSON, near byte " << std::uint64_t{position});
  }

  bool fail(Errno code, const Error& error) {
    if (result.code == Errno::kSuccess)
      result = {code, error};
    return false;
  }

protected:
  bool not_the_shape(const char* wanted) {
    return fail(Errno::kInvalidEncoding, Error(ErrorCode::Malformed) << "JSON: not " << wanted);
  }
};

class OptionsReader : public Reader {
public:
  explicit OptionsReader(const Options& before) : options(before) {}
  Options options;

  bool null() { return value({}); }
  bool boolean(bool flag) { return value(flag_value(flag)); }
  bool number_integer(std::int64_t n) { return value(number_value(static_cast<double>(n), 0)); }
  bool number_unsigned(std::uint64_t n) { return value(number_value(static_cast<double>(n), n)); }
  bool number_float(double n, const std::string& /*text*/) {
    return value(
        number_value(n, n >= 0 && n < 0x1p64 ? static_cast<std::uint64_t>(n) : std::uint64_t{0}));
  }
  bool string(const std::string& text) { return value(text_value(text)); }
  bool binary(Json::binary_t& /*unused*/) { return false; }
  bool key(const std::string& name) {
    if (depth_ == 1)
      key_ = name;
    return true;
  }
  bool start_object(std::size_t /*size*/) {
    return depth_++ == 0 || value({.kind = Value::Kind::kNested});
  }
  bool end_object() { return --depth_ >= 0; }
  bool start_array(std::size_t /*size*/) {
    if (depth_ == 0)
      return not_the_shape("an object");
    ++depth_;
    return value({.kind = Value::Kind::kNested});
  }
  bool end_array() { return --depth_ >= 0; }

private:
  /// A nested value counts for the key of the object around it, one level further out.
  bool value(const Value& v) {
    const int at = v.kind == Value::Kind::kNested ? depth_ - 1 : depth_;
    if (at == 0)
      return not_the_shape("an object");
    if (at != 1 || v.kind == Value::Kind::kNull) // null: as if the key were not there
      return true;
    const auto* option = std::ranges::find(kOptions, std::string_view(key_), &Option::key);
    if (option == std::end(kOptions))
      return true;
    const Answer answer = option->set(v, options);
    return answer.code == Errno::kSuccess ||
           fail(answer.code, Error(ErrorCode::InvalidArgument)
                                 << "option " << option->key << " " << answer.wanted);
  }

  int depth_ = 0;
  std::string key_;
};

/// [ { "role": "...", "content": "..." }, ... ]
class MessagesReader : public Reader {
public:
  explicit MessagesReader(Messages& messages) : messages_(messages) {}

  bool null() { return other(); }
  bool boolean(bool /*unused*/) { return other(); }
  bool number_integer(std::int64_t /*unused*/) { return other(); }
  bool number_unsigned(std::uint64_t /*unused*/) { return other(); }
  bool number_float(double /*unused*/, const std::string& /*unused*/) { return other(); }
  bool binary(Json::binary_t& /*unused*/) { return false; }
  bool string(const std::string& text) {
    if (depth_ != 2)
      return other();
    std::string_view* field = wanted();
    if (field == nullptr)
      return true;
    const std::size_t begin = messages_.text.size();
    if (const Status status = messages_.text.append(text); !status)
      return fail(Errno::kTooLarge, status.error());
    *field = view(messages_.text).substr(begin);
    return true;
  }
  bool key(const std::string& name) {
    if (depth_ == 2)
      key_ = name;
    return true;
  }
  bool start_object(std::size_t /*size*/) {
    if (depth_ == 0)
      return not_the_shape("an array of messages");
    if (depth_ == 1)
      message_ = {};
    else if (!other())
      return false;
    ++depth_;
    return true;
  }
  bool end_object() {
    if (--depth_ != 1)
      return true;
    if (message_.role.data() == nullptr || message_.content.data() == nullptr)
      return fail(Errno::kInvalidArgument, Error(ErrorCode::InvalidArgument)
                                               << "message " << std::uint64_t{messages_.list.size()}
                                               << " lacks a string \"role\" or \"content\"");
    if (messages_.list.size() == limits::kMessages)
      return fail(Errno::kTooLarge, Error(ErrorCode::LimitExceeded)
                                        << "more than " << limits::kMessages << " messages");
    const Status status = messages_.list.push(message_);
    return status ? true : fail(Errno::kTooLarge, status.error());
  }
  bool start_array(std::size_t /*size*/) {
    if (depth_ > 0 && !other())
      return false;
    ++depth_;
    return true;
  }
  bool end_array() {
    --depth_;
    return true;
  }

private:
  std::string_view* wanted() {
    return key_ == "role" ? &message_.role : key_ == "content" ? &message_.content : nullptr;
  }
  /// A value that is not a string where a message or one of its two fields should be.
  bool other() {
    if (depth_ < 2)
      return not_the_shape("an array of messages");
    return depth_ > 2 || wanted() == nullptr ||
           fail(Errno::kInvalidArgument, Error(ErrorCode::InvalidArgument)
                                             << "\"role\" and \"content\" want strings");
  }

  Messages& messages_;
  ChatMessage message_;
  int depth_ = 0;
  std::string key_;
};

/// The parser takes a NUL for the end; so do we, but only where it is the end.
bool parse(std::string_view json, auto& reader) {
  while (json.ends_with('\0'))
    json.remove_suffix(1);
  // The parser's strings abort when memory is at its end: ask first, for what it may need.
  if (const auto room = Buffer<char>::make_raw(std::uint64_t{4} * json.size(), "JSON"); !room)
    return reader.fail(Errno::kTooLarge, room.error());
  if (const std::size_t nul = json.find('\0'); nul != std::string_view::npos)
    return reader.malformed(nul);
  return Json::sax_parse(json.begin(), json.end(), &reader);
}

} // namespace

JsonError parse_options(std::string_view json, Options& options) noexcept {
  OptionsReader reader(options);
  if (parse(json, reader))
    options = reader.options;
  return reader.result;
}

JsonError parse_messages(std::string_view json, Messages& messages) noexcept {
  messages.text.clear();
  messages.list.clear();
  // An unescaped string is never longer than it was, so the text never moves and the views stay good.
  if (const Status status = messages.text.reserve(json.size()); !status)
    return {Errno::kTooLarge, status.error()};
  MessagesReader reader(messages);
  parse(json, reader);
  return reader.result;
}

} // namespace bitnet::nn
