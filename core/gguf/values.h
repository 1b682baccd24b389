// How many bytes a metadata value of fixed size takes: shared by the parser, which steps over it, and by the accessors.
#pragma once

#include "gguf/metadata.h"

namespace bitnet {

/// Bytes of a number or boolean; 0 for strings, arrays and numbers that are no type.
constexpr std::uint64_t value_bytes(ValueType type) noexcept {
  switch (type) {
  case ValueType::kU8:
  case ValueType::kI8:
  case ValueType::kBool: return 1;
  case ValueType::kU16:
  case ValueType::kI16: return 2;
  case ValueType::kU32:
  case ValueType::kI32:
  case ValueType::kF32: return 4;
  case ValueType::kU64:
  case ValueType::kI64:
  case ValueType::kF64: return 8;
  case ValueType::kString:
  case ValueType::kArray: break;
  }
  return 0;
}

} // namespace bitnet
