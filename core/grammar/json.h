// Reads JSON (RFC 8259) into a tree of fixed-size values. Strict: no comments, no trailing commas, whole UTF-8, each key
// once. For schemas; nothing else in core reads JSON.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"

#include <string_view>

namespace bitnet::grammar {

/// Number of a value in its Json.
using JsonId = std::uint32_t;
inline constexpr JsonId kNoJson = UINT32_MAX;

struct JsonValue {
  enum class Kind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::uint32_t text = 0, text_size = 0; ///< of a string: decoded; of a number: as it stands
  std::uint32_t key = 0, key_size = 0;   ///< of a member
  JsonId parent = kNoJson;
  JsonId first = kNoJson, next = kNoJson; ///< the first child; the next one of the same parent
  std::uint32_t size = 0;                 ///< children
};

class Json {
public:
  /// BadGrammar with line and column; LimitExceeded.
  static Result<Json> parse(std::string_view text) noexcept;

  JsonId root() const noexcept { return 0; }
  const JsonValue& operator[](JsonId id) const noexcept { return values_[id]; }
  std::string_view text(JsonId id) const noexcept {
    return view(text_).substr(values_[id].text, values_[id].text_size);
  }
  std::string_view key(JsonId id) const noexcept {
    return view(text_).substr(values_[id].key, values_[id].key_size);
  }
  /// The member of that name; kNoJson when there is none, or `object` is no object.
  JsonId member(JsonId object, std::string_view name) const noexcept;
  /// What `pointer` (RFC 6901, "" or "/a/0") leads to from the root; kNoJson: nothing.
  JsonId at(std::string_view pointer) const noexcept;
  /// The pointer to a value, appended to an error as "#/properties/a".
  void tell(JsonId id, Error& error) const noexcept;
  /// The value as compact JSON text, appended.
  Status write(JsonId id, Text& out) const noexcept;
  /// Equal as JSON Schema means it: numbers by value (when both are written plainly), objects in any order.
  /// `steps` grows by what that took.
  bool equal(JsonId a, JsonId b, std::uint64_t& steps) const noexcept;
  std::size_t size() const noexcept { return values_.size(); }

private:
  friend class JsonReader;
  Vec<JsonValue> values_;
  Text text_;
};

/// A string as JSON writes it, quotes included.
Status write_json_string(std::string_view text, Text& out) noexcept;
/// What stands between the quotes.
Status write_json_characters(std::string_view text, Text& out) noexcept;

} // namespace bitnet::grammar
