// Rows of a stored tensor, decoded: to floats (any type) or to ternary codes (ternary types).
// Enters: the raw bytes of whole blocks. Leaves: plain arrays. This is the definition of every byte layout we read;
// diagrams stand in rows.cpp beside the code.
#pragma once

#include "bitnet/types.hpp"
#include "tensor/dtype.h"

namespace bitnet {

/// Weights per scale group of TQ1_0 and TQ2_0.
inline constexpr std::size_t kTernaryGroup = 256;

/// Decode `count` weights starting at weight index `first` of a block stream `blocks` (the tensor's data or a part of
/// it that starts at a block boundary; `first` counts from that boundary). Types with blocks need `first` and `count`
/// to be multiples of the block, except I2_S, which takes any. `scale` is the tensor's scale for I2_S (ignored by the
/// other types, which carry theirs). Fails with Truncated when `blocks` is too short, BadWeights on I2_S code 3.
Status decode_floats(DType type, Bytes blocks, std::size_t first, std::size_t count, float scale,
                     float* out) noexcept;

/// Decode ternary weights to unsigned codes (weight = (code - 1) * scale; 0..2, TQ2_0 also 3 = +2).
/// group_scales, when not null, receives one scale per kTernaryGroup weights for TQ1_0 and TQ2_0 and is left alone
/// for I2_S. Same rules for `first` and `count` as above. Not ternary: UnsupportedType.
Status decode_codes(DType type, Bytes blocks, std::size_t first, std::size_t count,
                    std::uint8_t* codes, float* group_scales) noexcept;

} // namespace bitnet
