// Arithmetic on numbers that a file or a caller chose: nothing wraps unseen.
#pragma once

#include <cstdint>
#include <optional>

namespace bitnet {

/// a + b, or nothing when it does not fit 64 bits.
constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum))
    return std::nullopt;
  return sum;
}

/// a * b, or nothing when it does not fit 64 bits.
constexpr std::optional<std::uint64_t> checked_mul(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    return std::nullopt;
  return product;
}

/// The next multiple of `alignment` (a power of two) at or above `value`, or nothing when there is none.
constexpr std::optional<std::uint64_t> checked_align(std::uint64_t value,
                                                     std::uint64_t alignment) noexcept {
  const auto sum = checked_add(value, alignment - 1);
  if (!sum)
    return std::nullopt;
  return *sum & ~(alignment - 1);
}

/// The same for small trusted numbers.
constexpr std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
  return (value + multiple - 1) / multiple * multiple;
}

} // namespace bitnet
