// The tensor types we read: one row per type, everything else about a type follows from its row.
// Numbers are GGUF's (ggml type ids; 36 is I2_S in the BitNet forks, a removed type elsewhere).
#pragma once

#include "bitnet/types.hpp"

namespace bitnet {

enum class DType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ8_0 = 8,
  kQ6_K = 14,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kI2_S = 36,
};

struct DTypeInfo {
  DType type;
  const char* name;            ///< as ggml spells it
  std::uint32_t block_weights; ///< weights per block
  std::uint32_t block_bytes;   ///< bytes per block
  std::uint32_t tail_bytes;    ///< bytes after all blocks of a tensor (I2_S: its scale and padding)
  bool ternary;                ///< weights are scale * {-1, 0, 1} (TQ2_0 may hold 2)
  bool
      rows_of_blocks; ///< a row must be a whole number of blocks (false for I2_S: blocks may straddle rows)
};

/// The row of a type number; nullptr when we do not read it.
const DTypeInfo* find_dtype(std::uint32_t number) noexcept;
/// The row of a type we have.
const DTypeInfo& dtype_info(DType type) noexcept;

/// Bytes of a tensor of `rows` rows of `columns` weights, tail included. Fails with WrongShape when the type cannot
/// hold that shape and LimitExceeded when the size does not fit 64 bits.
Result<std::uint64_t> tensor_bytes(DType type, std::uint64_t rows, std::uint64_t columns) noexcept;

} // namespace bitnet
