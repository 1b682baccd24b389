// Typed access to a GGUF file's key-value pairs. Views into the header's bytes; owns nothing but its index.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"

#include <string_view>

namespace bitnet {

enum class ValueType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

/// A string array, walked in order (GGUF strings have no index). Already validated: next() cannot run past the end.
class StringArray {
public:
  StringArray() noexcept = default;
  StringArray(Bytes bytes, std::uint64_t count) noexcept : bytes_(bytes), count_(count) {}
  std::uint64_t size() const noexcept { return count_; }
  /// Call size() times.
  std::string_view next() noexcept;

private:
  Bytes bytes_;
  std::uint64_t count_ = 0;
};

/// A number array of any numeric element type, with checked conversion.
class NumberArray {
public:
  NumberArray() noexcept = default;
  NumberArray(Bytes bytes, ValueType type, std::uint64_t count) noexcept
      : bytes_(bytes), type_(type), count_(count) {}
  std::uint64_t size() const noexcept { return count_; }
  double number(std::uint64_t i) const noexcept;
  std::int64_t integer(
      std::uint64_t i) const noexcept; ///< 0 for a float element that is not a small whole number

private:
  Bytes bytes_;
  ValueType type_ = ValueType::kU8;
  std::uint64_t count_ = 0;
};

struct MetadataEntry {
  std::string_view key;
  ValueType type = ValueType::kU8;
  ValueType element = ValueType::kU8; ///< arrays only
  std::uint64_t count = 0;            ///< arrays only
  Bytes value;                        ///< scalar's bytes, string's text, array's items
};

class Metadata {
public:
  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }
  /// The entry as it stands in the file; null when there is none.
  const MetadataEntry* find(std::string_view key) const noexcept;

  /// Any integer type serves (booleans too); negative or beyond 2^63-1 is WrongType; absent is MissingKey.
  Result<std::uint64_t> integer(std::string_view key) const noexcept;
  /// Any number type serves; not finite is WrongType.
  Result<double> number(std::string_view key) const noexcept;
  Result<bool> boolean(std::string_view key) const noexcept;
  Result<std::string_view> string(std::string_view key) const noexcept;
  Result<StringArray> strings(std::string_view key) const noexcept;
  Result<NumberArray> numbers(std::string_view key) const noexcept;

  /// The same with a default for an absent key; a key of the wrong type is still an error.
  Result<std::uint64_t> integer_or(std::string_view key, std::uint64_t fallback) const noexcept;
  Result<double> number_or(std::string_view key, double fallback) const noexcept;
  Result<bool> boolean_or(std::string_view key, bool fallback) const noexcept;
  Result<std::string_view> string_or(std::string_view key,
                                     std::string_view fallback) const noexcept;

  std::span<const MetadataEntry> entries() const noexcept { return entries_.span(); }
  /// Memory that the index takes.
  std::uint64_t bytes() const noexcept { return entries_.bytes(); }

private:
  friend class GgufParser;
  Vec<MetadataEntry> entries_; ///< sorted by key once parsed
};

} // namespace bitnet
