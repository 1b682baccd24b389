// IEEE half and bfloat16, exactly and the same on every target (no conversion instruction is relied on).
#pragma once

#include <bit>
#include <cstdint>

namespace bitnet {

constexpr float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t magnitude = half & 0x7fffU;
  if (magnitude >= 0x7c00U) // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000U | (magnitude << 13));
  // The half's exponent and mantissa read as a float are 2^112 too small; the product is exact, subnormals included.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | sign);
}

/// Round to nearest, ties to even; overflow becomes infinity.
constexpr std::uint16_t float_to_half(float value) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U)
    return sign | 0x7e00U;
  if (magnitude >= 0x477ff000U) // 65520 and above
    return sign | 0x7c00U;
  if (magnitude <
      0x38800000U) { // below 2^-14: adding 0.5 leaves the subnormal half in the low mantissa bits, rounded
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
  }
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude + 0xc8000fffU + odd) >> 13));
}

constexpr float bfloat_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

} // namespace bitnet
