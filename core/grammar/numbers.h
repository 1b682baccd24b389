// JSON numbers within bounds, as expressions over their digits. What is written has at most 15 significant digits, so that
// readers that know only doubles see every comparison come out as it does in decimal.
#pragma once

#include "grammar/expression.h"

#include <compare>
#include <optional>
#include <string_view>

namespace bitnet::grammar {

/// A decimal number, exactly: digits * 10^exponent. Normal form: digits is 0 or no multiple of ten.
struct Decimal {
  std::int64_t digits = 0;
  std::int32_t exponent = 0;

  /// A JSON number; nothing when it has more than 18 significant digits or an exponent beyond +-1000.
  static std::optional<Decimal> parse(std::string_view text) noexcept;
  bool operator==(const Decimal&) const noexcept = default;

  bool is_integer() const noexcept { return exponent >= 0; }
  /// value * 10^places when that is an integer of at most 15 digits.
  std::optional<std::int64_t> scaled(std::int32_t places) const noexcept;
  /// The largest integer not above, and the smallest not below; clamped to +-kLargest.
  std::int64_t floor() const noexcept;
  std::int64_t ceil() const noexcept;

  static constexpr std::int64_t kLargest = 999'999'999'999'999; ///< 15 digits
};

/// -1, 0 or 1 as a is less than, equal to or greater than b.
int compare(const Decimal& a, const Decimal& b) noexcept;

struct Bound {
  Decimal value;
  bool open = false; ///< the value itself is outside
};

/// Integers from `low` to `high`, both within +-kLargest.
Expr integers(Expressions& out, std::int64_t low, std::int64_t high) noexcept;
/// Those that are multiples of `factor`. Nothing when there are more than a thousand and the range is none of: all, those
/// from 0 on, those from 1 on; or factor is above 100.
std::optional<Expr> multiples(Expressions& out, std::int64_t low, std::int64_t high,
                              std::int64_t factor) noexcept;
/// Any number.
Expr numbers(Expressions& out) noexcept;
/// Numbers within bounds, written without exponent. Nothing when a bound has more than 15 digits.
std::optional<Expr> numbers(Expressions& out, const std::optional<Bound>& low,
                            const std::optional<Bound>& high) noexcept;

} // namespace bitnet::grammar
