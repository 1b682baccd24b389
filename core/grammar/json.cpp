// See json.h.
#include "grammar/json.h"

#include "grammar/cursor.h"
#include "grammar/gbnf.h"
#include "grammar/limits.h"
#include "grammar/numbers.h"
#include "text/hash_index.h"
#include "text/unicode.h"

#include <algorithm>

namespace bitnet::grammar {

class JsonReader : Cursor {
public:
  JsonReader(std::string_view text, Json& out) noexcept : Cursor(text), out_(out) {}

  Status run() noexcept {
    if (text_.size() > limits::kGrammarBytes)
      return Error(ErrorCode::LimitExceeded) << "schema of " << std::uint64_t{text_.size()}
                                             << " bytes, at most " << limits::kGrammarBytes;
    // No key may be there twice: all of them by parent and name.
    auto keys = HashIndex::make(limits::kJsonValues, "schema");
    BITNET_TRY(keys);
    keys_ = std::move(*keys);
    const auto root = value(kNoJson, 0);
    BITNET_TRY(root);
    skip_space();
    return at_ == text_.size() ? Status() : error() << "more text behind the value";
  }

private:
  void skip_space() noexcept {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')
      ++at_;
  }
  Error error() const noexcept {
    const std::string_view before = text_.substr(0, at_);
    return Error(ErrorCode::BadGrammar)
           << "JSON, line "
           << static_cast<std::uint64_t>(1 + std::count(before.begin(), before.end(), '\n'))
           << ", column " << column_of(at_) << ": ";
  }

  Result<JsonId> value(JsonId parent, std::uint32_t depth) noexcept {
    if (depth > limits::kJsonDepth)
      return Error(ErrorCode::LimitExceeded)
             << "schema: nested deeper than " << limits::kJsonDepth << " levels";
    if (out_.values_.size() >= limits::kJsonValues)
      return Error(ErrorCode::LimitExceeded)
             << "schema: more than " << limits::kJsonValues << " values";
    skip_space();
    const auto id = static_cast<JsonId>(out_.values_.size());
    BITNET_TRY(out_.values_.push({.parent = parent}));
    const auto is = [&](JsonValue::Kind kind) { out_.values_[id].kind = kind; };
    if (take("null"))
      return id;
    if (take("true")) {
      is(JsonValue::Kind::kTrue);
    } else if (take("false")) {
      is(JsonValue::Kind::kFalse);
    } else if (peek() == '"') {
      is(JsonValue::Kind::kString);
      BITNET_TRY(string(out_.values_[id].text, out_.values_[id].text_size));
    } else if (peek() == '-' || (peek() >= '0' && peek() <= '9')) {
      is(JsonValue::Kind::kNumber);
      BITNET_TRY(number(id));
    } else if (peek() == '[' || peek() == '{') {
      is(peek() == '[' ? JsonValue::Kind::kArray : JsonValue::Kind::kObject);
      BITNET_TRY(children(id, depth));
    } else {
      return Error(error()) << "no value";
    }
    return id;
  }

  Status children(JsonId id, std::uint32_t depth) noexcept {
    const bool is_object = take("{");
    const std::string_view end = is_object ? "}" : "]";
    at_ += is_object ? 0 : 1;
    skip_space();
    if (take(end))
      return {};
    JsonId last = kNoJson;
    do {
      std::uint32_t key = 0;
      std::uint32_t key_size = 0;
      skip_space();
      if (is_object) {
        if (peek() != '"')
          return error() << "a key is wanted here";
        BITNET_TRY(string(key, key_size));
        skip_space();
        if (!take(":"))
          return error() << "a colon is wanted here";
      }
      const auto child = value(id, depth + 1);
      BITNET_TRY(child);
      out_.values_[*child].key = key;
      out_.values_[*child].key_size = key_size;
      if (is_object)
        BITNET_TRY(check_key(id, *child));
      (last == kNoJson ? out_.values_[id].first : out_.values_[last].next) = *child;
      last = *child;
      ++out_.values_[id].size;
      skip_space();
    } while (take(","));
    return take(end) ? Status() : error() << "a comma or the end is wanted here";
  }

  Status check_key(JsonId object, JsonId child) noexcept {
    const std::uint64_t hash = mix_hash(text_hash(out_.key(child)) + object);
    const auto same = [&](std::uint32_t other) {
      return out_.values_[other].parent == object && out_.key(other) == out_.key(child);
    };
    if (keys_.find(hash, same) != HashIndex::kNone)
      return error() << "the key \"" << out_.key(child) << "\" is there twice";
    return keys_.insert(hash, child, same);
  }

  bool digits() noexcept {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9')
      ++at_;
    return at_ > begin;
  }
  Status number(JsonId id) noexcept {
    const std::size_t begin = at_;
    take("-");
    bool good = peek() == '0' ? take("0") : digits();
    if (take("."))
      good = digits() && good;
    if (good && (take("e") || take("E"))) {
      if (!take("+"))
        take("-");
      good = digits();
    }
    if (!good)
      return error() << "no number";
    out_.values_[id].text = static_cast<std::uint32_t>(out_.text_.size());
    out_.values_[id].text_size = static_cast<std::uint32_t>(at_ - begin);
    return out_.text_.append(text_.substr(begin, at_ - begin));
  }

  Result<std::uint32_t> hexadecimal() noexcept {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_digit();
      if (digit < 0)
        return Error(error()) << "an escape of four hexadecimal digits";
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }
  Status escape() noexcept {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t known = kNames.find(peek());
        at_ < text_.size() && known != std::string_view::npos) {
      ++at_;
      return out_.text_.push(kMeanings[known]);
    }
    if (!take("u"))
      return error() << "no such escape";
    auto code = hexadecimal();
    BITNET_TRY(code);
    if (*code >= 0xD800 && *code < 0xDC00 && take("\\u")) {
      const auto low = hexadecimal();
      BITNET_TRY(low);
      if (*low < 0xDC00 || *low > 0xDFFF)
        return error() << "half a character";
      *code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
    }
    if (*code >= 0xD800 && *code <= 0xDFFF)
      return error() << "half a character";
    return append_utf8(*code, out_.text_);
  }
  /// A string's place and size in out_.text_, by reference: values may move meanwhile, so they are set at the end.
  Status string(std::uint32_t& text, std::uint32_t& size) noexcept {
    ++at_;
    const std::size_t begin = out_.text_.size();
    while (!take("\"")) {
      if (at_ == text_.size())
        return error() << "a string that does not end";
      if (take("\\")) {
        BITNET_TRY(escape());
        continue;
      }
      const Utf8Char c = first_char(text_.substr(at_));
      if (!c.valid || c.code < 0x20)
        return error() << "no character of a string";
      BITNET_TRY(out_.text_.append(text_.substr(at_, c.size)));
      at_ += c.size;
    }
    text = static_cast<std::uint32_t>(begin);
    size = static_cast<std::uint32_t>(out_.text_.size() - begin);
    return {};
  }

  Json& out_;
  HashIndex keys_;
};

Result<Json> Json::parse(std::string_view text) noexcept {
  Json json;
  BITNET_TRY(JsonReader(text, json).run());
  return json;
}

JsonId Json::member(JsonId object, std::string_view name) const noexcept {
  if (values_[object].kind != JsonValue::Kind::kObject)
    return kNoJson;
  JsonId child = values_[object].first;
  while (child != kNoJson && key(child) != name)
    child = values_[child].next;
  return child;
}

JsonId Json::at(std::string_view pointer) const noexcept {
  JsonId id = root();
  while (id != kNoJson && !pointer.empty()) {
    if (pointer[0] != '/')
      return kNoJson;
    const std::string_view step = pointer.substr(1, pointer.find('/', 1) - 1);
    pointer.remove_prefix(step.size() + 1);
    JsonId child = values_[id].first;
    const auto fits = [&](std::uint32_t number) {
      if (values_[id].kind == JsonValue::Kind::kArray) {
        std::uint64_t wanted = 0;
        for (const char c : step) {
          if (c < '0' || c > '9' || wanted > values_.size())
            return false;
          wanted = wanted * 10 + static_cast<std::uint64_t>(c - '0');
        }
        return !step.empty() && wanted == number;
      }
      std::string_view name = key(child);
      for (std::size_t i = 0; i < step.size(); ++i) { // ~0 is ~ and ~1 is /
        char c = step[i];
        if (c == '~' && i + 1 < step.size())
          c = step[++i] == '0' ? '~' : '/';
        if (name.empty() || name[0] != c)
          return false;
        name.remove_prefix(1);
      }
      return name.empty();
    };
    for (std::uint32_t number = 0; child != kNoJson && !fits(number); ++number)
      child = values_[child].next;
    id = child;
  }
  return id;
}

void Json::tell(JsonId id, Error& error) const noexcept {
  std::uint32_t path[limits::kJsonDepth + 1];
  std::size_t depth = 0;
  for (; values_[id].parent != kNoJson && depth < std::size(path); id = values_[id].parent)
    path[depth++] = id;
  error << "#";
  while (depth > 0) {
    const JsonId step = path[--depth];
    const JsonId parent = values_[step].parent;
    error << "/";
    if (values_[parent].kind == JsonValue::Kind::kObject) {
      error << key(step);
      continue;
    }
    std::uint64_t number = 0;
    for (JsonId child = values_[parent].first; child != step; child = values_[child].next)
      ++number;
    error << number;
  }
}

Status Json::write(JsonId id, Text& out) const noexcept {
  const JsonValue& value = values_[id];
  using Kind = JsonValue::Kind;
  switch (value.kind) {
  case Kind::kNull: return out.append(std::string_view("null"));
  case Kind::kFalse: return out.append(std::string_view("false"));
  case Kind::kTrue: return out.append(std::string_view("true"));
  case Kind::kNumber: return out.append(text(id));
  case Kind::kString: return write_json_string(text(id), out);
  case Kind::kArray:
  case Kind::kObject: break;
  }
  const bool is_object = value.kind == Kind::kObject;
  BITNET_TRY(out.push(is_object ? '{' : '['));
  for (JsonId child = value.first; child != kNoJson; child = values_[child].next) {
    if (child != value.first)
      BITNET_TRY(out.push(','));
    if (is_object) {
      BITNET_TRY(write_json_string(key(child), out));
      BITNET_TRY(out.push(':'));
    }
    BITNET_TRY(write(child, out));
  }
  return out.push(is_object ? '}' : ']');
}

bool Json::equal(JsonId a, JsonId b, std::uint64_t& steps) const noexcept {
  const JsonValue& left = values_[a];
  const JsonValue& right = values_[b];
  if (left.kind != right.kind || left.size != right.size)
    return false;
  using Kind = JsonValue::Kind;
  if (left.kind == Kind::kNumber) {
    const auto x = Decimal::parse(text(a));
    const auto y = Decimal::parse(text(b));
    return x && y ? *x == *y : text(a) == text(b);
  }
  if (left.kind == Kind::kString) {
    steps += left.text_size / 16;
    return text(a) == text(b);
  }
  JsonId y = right.first;
  for (JsonId x = left.first; x != kNoJson; x = values_[x].next) {
    steps += 1 + (left.kind == Kind::kObject ? left.size / 4 : 0);
    const JsonId other = left.kind == Kind::kObject ? member(b, key(x)) : y;
    if (other == kNoJson || !equal(x, other, steps))
      return false;
    y = values_[y].next;
  }
  return true;
}

Status write_json_characters(std::string_view text, Text& out) noexcept {
  constexpr std::string_view kNames = "\"\\bfnrt";
  constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (const std::size_t known = kMeanings.find(c); known != std::string_view::npos) {
      BITNET_TRY(out.push('\\'));
      BITNET_TRY(out.push(kNames[known]));
    } else if (byte < 0x20) {
      BITNET_TRY(out.append(std::string_view("\\u00")));
      BITNET_TRY(out.push(kDigits[byte >> 4]));
      BITNET_TRY(out.push(kDigits[byte & 15U]));
    } else {
      BITNET_TRY(out.push(c));
    }
  }
  return {};
}

Status write_json_string(std::string_view text, Text& out) noexcept {
  BITNET_TRY(out.push('"'));
  BITNET_TRY(write_json_characters(text, out));
  return out.push('"');
}

} // namespace bitnet::grammar
