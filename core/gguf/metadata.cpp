// Typed access to key-value pairs. Enters: entries that GgufParser has validated (every array's items lie inside its
// bytes). Leaves: checked values or an error that names the key. Never allocates; values are read where they lie.
#include "gguf/metadata.h"

#include "base/reader.h"
#include "gguf/values.h"

#include <algorithm>
#include <limits>

#include <cmath>

namespace bitnet {
namespace {

/// "u32", "array of string", ... for errors.
const char* type_name(ValueType type) noexcept {
  switch (type) {
  case ValueType::kU8: return "u8";
  case ValueType::kI8: return "i8";
  case ValueType::kU16: return "u16";
  case ValueType::kI16: return "i16";
  case ValueType::kU32: return "u32";
  case ValueType::kI32: return "i32";
  case ValueType::kF32: return "f32";
  case ValueType::kBool: return "bool";
  case ValueType::kString: return "string";
  case ValueType::kArray: return "array";
  case ValueType::kU64: return "u64";
  case ValueType::kI64: return "i64";
  case ValueType::kF64: return "f64";
  }
  return "?";
}

bool is_float(ValueType type) noexcept {
  return type == ValueType::kF32 || type == ValueType::kF64;
}
bool is_integer(ValueType type) noexcept { return value_bytes(type) != 0 && !is_float(type); }

/// An integer or boolean; nothing when it is above 2^63-1.
std::optional<std::int64_t> integer_at(const std::uint8_t* bytes, ValueType type) noexcept {
  switch (type) {
  case ValueType::kU8:
  case ValueType::kBool: return *bytes;
  case ValueType::kI8: return load_le<std::int8_t>(bytes);
  case ValueType::kU16: return load_le<std::uint16_t>(bytes);
  case ValueType::kI16: return load_le<std::int16_t>(bytes);
  case ValueType::kU32: return load_le<std::uint32_t>(bytes);
  case ValueType::kI32: return load_le<std::int32_t>(bytes);
  case ValueType::kI64: return load_le<std::int64_t>(bytes);
  case ValueType::kU64: {
    const auto value = load_le<std::uint64_t>(bytes);
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return std::nullopt;
    return static_cast<std::int64_t>(value);
  }
  default: return std::nullopt;
  }
}

/// Any numeric type, booleans too.
double number_at(const std::uint8_t* bytes, ValueType type) noexcept {
  if (type == ValueType::kF32)
    return static_cast<double>(load_le<float>(bytes));
  if (type == ValueType::kF64)
    return load_le<double>(bytes);
  if (type == ValueType::kU64)
    return static_cast<double>(load_le<std::uint64_t>(bytes));
  return static_cast<double>(integer_at(bytes, type).value_or(0));
}

Error missing(std::string_view key) noexcept { return Error(ErrorCode::MissingKey) << key; }

Error wrong_type(const MetadataEntry& entry, const char* wanted) noexcept {
  Error error(ErrorCode::WrongType);
  error << entry.key << " is " << type_name(entry.type);
  if (entry.type == ValueType::kArray)
    error << " of " << type_name(entry.element);
  return error << ", " << wanted << " wanted";
}

/// `read()` if the key is there, else the fallback.
template <class T, class F> Result<T> with_default(bool present, T fallback, F read) noexcept {
  return present ? read() : Result<T>(fallback);
}

} // namespace

std::string_view StringArray::next() noexcept {
  Reader reader(bytes_);
  const auto length = reader.read<std::uint64_t>();
  const auto text = length ? reader.take(*length) : std::nullopt;
  if (!text)
    return {}; // called more than size() times
  bytes_ = bytes_.subspan(reader.position());
  return {reinterpret_cast<const char*>(text->data()), text->size()};
}

double NumberArray::number(std::uint64_t i) const noexcept {
  return i < count_ ? number_at(bytes_.data() + i * value_bytes(type_), type_) : 0.0;
}

std::int64_t NumberArray::integer(std::uint64_t i) const noexcept {
  if (i >= count_)
    return 0;
  const std::uint8_t* item = bytes_.data() + i * value_bytes(type_);
  if (is_integer(type_))
    return integer_at(item, type_).value_or(0);
  const double value = number_at(item, type_);
  if (!(value >= -0x1p53 && value <= 0x1p53)) // NaN too
    return 0;
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? whole : 0;
}

const MetadataEntry* Metadata::find(std::string_view key) const noexcept {
  const auto* entry =
      std::lower_bound(entries_.begin(), entries_.end(), key,
                       [](const MetadataEntry& e, std::string_view k) { return e.key < k; });
  return entry != entries_.end() && entry->key == key ? entry : nullptr;
}

Result<std::uint64_t> Metadata::integer(std::string_view key) const noexcept {
  const MetadataEntry* entry = find(key);
  if (entry == nullptr)
    return missing(key);
  if (!is_integer(entry->type))
    return wrong_type(*entry, "integer");
  const auto value = integer_at(entry->value.data(), entry->type);
  if (!value || *value < 0)
    return Error(ErrorCode::WrongType) << key << (value ? " is negative" : " is above 2^63 - 1");
  return static_cast<std::uint64_t>(*value);
}

Result<double> Metadata::number(std::string_view key) const noexcept {
  const MetadataEntry* entry = find(key);
  if (entry == nullptr)
    return missing(key);
  if (value_bytes(entry->type) == 0 || entry->type == ValueType::kBool)
    return wrong_type(*entry, "number");
  const double value = number_at(entry->value.data(), entry->type);
  if (!std::isfinite(value))
    return Error(ErrorCode::WrongType) << key << " is not finite";
  return value;
}

Result<bool> Metadata::boolean(std::string_view key) const noexcept {
  const MetadataEntry* entry = find(key);
  if (entry == nullptr)
    return missing(key);
  if (entry->type != ValueType::kBool)
    return wrong_type(*entry, "bool");
  return entry->value[0] != 0;
}

Result<std::string_view> Metadata::string(std::string_view key) const noexcept {
  const MetadataEntry* entry = find(key);
  if (entry == nullptr)
    return missing(key);
  if (entry->type != ValueType::kString)
    return wrong_type(*entry, "string");
  return std::string_view(reinterpret_cast<const char*>(entry->value.data()), entry->value.size());
}

Result<StringArray> Metadata::strings(std::string_view key) const noexcept {
  const MetadataEntry* entry = find(key);
  if (entry == nullptr)
    return missing(key);
  if (entry->type != ValueType::kArray || entry->element != ValueType::kString)
    return wrong_type(*entry, "array of string");
  return StringArray(entry->value, entry->count);
}

Result<NumberArray> Metadata::numbers(std::string_view key) const noexcept {
  const MetadataEntry* entry = find(key);
  if (entry == nullptr)
    return missing(key);
  if (entry->type != ValueType::kArray || value_bytes(entry->element) == 0)
    return wrong_type(*entry, "array of numbers");
  return NumberArray(entry->value, entry->element, entry->count);
}

Result<std::uint64_t> Metadata::integer_or(std::string_view key,
                                           std::uint64_t fallback) const noexcept {
  return with_default<std::uint64_t>(has(key), fallback, [&] { return integer(key); });
}

Result<double> Metadata::number_or(std::string_view key, double fallback) const noexcept {
  return with_default<double>(has(key), fallback, [&] { return number(key); });
}

Result<bool> Metadata::boolean_or(std::string_view key, bool fallback) const noexcept {
  return with_default<bool>(has(key), fallback, [&] { return boolean(key); });
}

Result<std::string_view> Metadata::string_or(std::string_view key,
                                             std::string_view fallback) const noexcept {
  return with_default<std::string_view>(has(key), fallback, [&] { return string(key); });
}

} // namespace bitnet
