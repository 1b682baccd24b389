// See numbers.h.
#include "grammar/numbers.h"

#include <algorithm>
#include <array>

namespace bitnet::grammar {

namespace {

constexpr std::int32_t kPlaces = 15;     ///< significant digits of what is written
constexpr std::uint32_t kMoreDigits = 6; ///< behind those that a bound has

constexpr std::int64_t power(std::int32_t exponent) noexcept {
  std::int64_t value = 1;
  for (; exponent > 0; --exponent)
    value *= 10;
  return value;
}

std::int32_t width(std::int64_t value) noexcept {
  std::int32_t digits = 1;
  for (; value >= 10; value /= 10)
    ++digits;
  return digits;
}

Expr digit(Expressions& out, std::int64_t first, std::int64_t last) noexcept {
  return out.characters(
      {{static_cast<std::uint32_t>('0' + first), static_cast<std::uint32_t>('0' + last)}});
}

/// Digit strings of a fixed width, a dot before the last `places` of them.
class Digits {
public:
  Digits(Expressions& out, std::int32_t places) noexcept : out_(out), places_(places) {}

  Expr any(std::int32_t width) noexcept {
    const auto times = [&](std::int32_t count) {
      const auto n = static_cast<std::uint32_t>(count);
      return out_.repeat(digit(out_, 0, 9), n, n);
    };
    if (places_ == 0 || width < places_)
      return times(width);
    return out_.sequence({times(width - places_), dot(), times(places_)});
  }
  /// From `low` to `high`, both below 10^width.
  Expr range(std::int64_t low, std::int64_t high, std::int32_t width) noexcept {
    if (low > high)
      return kNothing;
    if (width == 0)
      return kEmpty;
    const Expr mark = places_ > 0 && width == places_ ? dot() : kEmpty;
    const std::int64_t unit = power(width - 1);
    std::int64_t first = low / unit;
    std::int64_t last = high / unit;
    const auto with = [&](std::int64_t a, std::int64_t b, Expr rest) {
      return a > b ? kNothing : out_.sequence({digit(out_, a, b), rest});
    };
    Expr branches[3] = {};
    if (first == last) {
      branches[0] = with(first, first, range(low % unit, high % unit, width - 1));
    } else {
      if (low % unit != 0) {
        branches[0] = with(first, first, range(low % unit, unit - 1, width - 1));
        ++first;
      }
      if (high % unit != unit - 1) {
        branches[1] = with(last, last, range(0, high % unit, width - 1));
        --last;
      }
      branches[2] = with(first, last, any(width - 1));
    }
    return out_.sequence({mark, out_.choice(branches)});
  }

private:
  Expr dot() noexcept { return out_.literal("."); }
  Expressions& out_;
  std::int32_t places_;
};

/// Numbers from low to high (not negative) that have `places` digits behind the dot, without needless zeros before it.
Expr fixed(Expressions& out, std::int64_t low, std::int64_t high, std::int32_t places) noexcept {
  Digits digits(out, places);
  Expr branches[2 * kPlaces] = {};
  std::size_t count = 0;
  for (std::int32_t w = places + 1; w <= kPlaces + 1; ++w) {
    const std::int64_t first = w == places + 1 ? 0 : power(w - 1);
    const Expr branch = digits.range(std::max(low, first), std::min(high, power(w) - 1), w);
    if (branch != kNothing)
      branches[count++] = branch;
  }
  return out.choice({branches, count});
}

/// Numbers from low to high in units of 10^-places, not negative, with or without digits behind the dot.
Expr magnitudes(Expressions& out, std::int64_t low, bool low_open, std::int64_t high,
                bool high_open, std::int32_t places) noexcept {
  if (low > high || (low == high && (low_open || high_open)))
    return kNothing;
  const std::int64_t unit = power(places);
  const std::int64_t first = (low + (low_open ? 1 : 0) + unit - 1) / unit;
  const std::int64_t last =
      high - (high_open ? 1 : 0) < 0 ? -1 : (high - (high_open ? 1 : 0)) / unit;
  const std::int32_t room = kPlaces - width(high / unit) - places;
  const auto more = static_cast<std::uint32_t>(
      std::clamp<std::int32_t>(room, 0, static_cast<std::int32_t>(kMoreDigits)));
  const Expr nine = digit(out, 0, 9);
  const Expr dot = places == 0 ? out.literal(".") : kEmpty;
  Expr branches[4] = {};
  branches[0] = fixed(out, first, last, 0);
  if (places > 0 && !high_open) // exactly
    branches[1] = fixed(out, std::max(high, low + (low_open ? 1 : 0)), high, places);
  const std::int64_t inner = low + (low_open ? 1 : 0);
  const std::uint32_t fewest = places == 0 ? 1 : 0;
  if (more >= fewest)
    branches[2] =
        out.sequence({fixed(out, inner, high - 1, places), dot, out.repeat(nine, fewest, more)});
  if (low_open && more > 0) // above the bound by what follows its digits
    branches[3] = out.sequence({fixed(out, low, std::min(low, high - 1), places), dot,
                                out.repeat(nine, 0, more - 1), digit(out, 1, 9)});
  return out.choice(branches);
}

} // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) noexcept {
  constexpr std::int64_t kMost = 100'000'000'000'000'000; // one more digit makes 18
  Decimal value;
  const bool negative = text.starts_with("-");
  text.remove_prefix(negative ? 1 : 0);
  std::int64_t zeros = 0; // held back: they count only when another digit follows
  std::int64_t places = 0;
  bool behind = false;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      behind = true;
      continue;
    }
    places += behind ? 1 : 0;
    if (text[i] == '0') {
      zeros += value.digits != 0 ? 1 : 0;
      continue;
    }
    for (; zeros >= 0; --zeros) {
      if (value.digits >= kMost)
        return std::nullopt;
      value.digits = value.digits * 10 + (zeros == 0 ? text[i] - '0' : 0);
    }
    zeros = 0;
  }
  std::int64_t exponent = 0;
  if (i < text.size()) {
    ++i;
    const bool below = i < text.size() && text[i] == '-';
    i += i < text.size() && (text[i] == '-' || text[i] == '+') ? 1 : 0;
    for (; i < text.size(); ++i)
      exponent = std::min<std::int64_t>(exponent * 10 + (text[i] - '0'), 1'000'000);
    exponent = below ? -exponent : exponent;
  }
  if (value.digits == 0)
    return value;
  exponent += zeros - places;
  if (exponent < -1000 || exponent > 1000)
    return std::nullopt;
  value.exponent = static_cast<std::int32_t>(exponent);
  value.digits = negative ? -value.digits : value.digits;
  return value;
}

std::optional<std::int64_t> Decimal::scaled(std::int32_t places) const noexcept {
  std::int64_t value = digits;
  std::int32_t shift = exponent + places;
  if (value == 0)
    return value;
  if (shift < 0)
    return std::nullopt;
  for (; shift > 0; --shift) {
    if (value > kLargest / 10 || value < -kLargest / 10)
      return std::nullopt;
    value *= 10;
  }
  return value > kLargest || value < -kLargest ? std::nullopt : std::optional(value);
}

std::int64_t Decimal::floor() const noexcept {
  if (exponent >= 0) {
    const auto whole = scaled(0);
    return whole ? *whole : digits < 0 ? -kLargest : kLargest;
  }
  std::int64_t value = digits;
  for (std::int32_t i = exponent; i < 0 && value != 0; ++i)
    value /= 10; // towards zero; digits is no multiple of ten, so something is lost
  return std::clamp(value - (digits < 0 ? 1 : 0), -kLargest, kLargest);
}

std::int64_t Decimal::ceil() const noexcept {
  return -Decimal{.digits = -digits, .exponent = exponent}.floor();
}

int compare(const Decimal& a, const Decimal& b) noexcept {
  const auto sign = [](std::int64_t value) { return value > 0 ? 1 : value < 0 ? -1 : 0; };
  if (sign(a.digits) != sign(b.digits) || a.digits == 0)
    return sign(sign(a.digits) - sign(b.digits));
  const auto top = [](const Decimal& d) {
    return width(d.digits < 0 ? -d.digits : d.digits) + d.exponent;
  };
  if (top(a) != top(b))
    return top(a) > top(b) ? sign(a.digits) : -sign(a.digits);
  // As many digits before the dot: fill the shorter one up with zeros. 18 digits fit.
  const auto filled = [](std::int64_t digits) {
    return digits * power(18 - width(digits < 0 ? -digits : digits));
  };
  return sign(filled(a.digits) - filled(b.digits));
}

Expr integers(Expressions& out, std::int64_t low, std::int64_t high) noexcept {
  Expr below = kNothing;
  Expr above = kNothing;
  if (low < 0)
    below = out.sequence({out.literal("-"), fixed(out, std::max<std::int64_t>(1, -high), -low, 0)});
  if (high >= 0)
    above = fixed(out, std::max<std::int64_t>(0, low), high, 0);
  return out.choice({above, below});
}

std::optional<Expr> multiples(Expressions& out, std::int64_t low, std::int64_t high,
                              std::int64_t factor) noexcept {
  constexpr std::int64_t kListed = 1000;
  constexpr std::int64_t kFactor = 100;
  if (factor == 1)
    return integers(out, low, high);
  const std::int64_t quotient = low / factor;
  const std::int64_t first = (quotient * factor < low ? quotient + 1 : quotient) * factor;
  if (first > high)
    return kNothing;
  if ((high - first) / factor < kListed) {
    Vec<Expr> values;
    for (std::int64_t value = first; value <= high; value += factor)
      if (const Status status = values.push(integers(out, value, value)); !status)
        out.fail(status.error());
    return out.choice(values.span());
  }
  const bool upward = low == 0 || low == 1;
  if (factor > kFactor || high != Decimal::kLargest || (!upward && low != -Decimal::kLargest))
    return std::nullopt;

  // One rule for each number of digits left and each remainder so far.
  const auto modulus = static_cast<std::uint32_t>(factor);
  RuleId base = 0;
  for (std::uint32_t i = 0; i < kPlaces * modulus; ++i) {
    const RuleId id = out.add_rule();
    base = i == 0 ? id : base;
  }
  const auto rule = [&](std::uint32_t left, std::uint32_t remainder) {
    return base + left * modulus + remainder;
  };
  const auto next = [&](std::uint32_t left, std::uint32_t remainder, std::uint32_t lowest) {
    std::array<Expr, 11> branches{};
    for (std::uint32_t d = lowest; left > 0 && d < 10; ++d)
      branches[d] = out.sequence(
          {digit(out, d, d), out.rule(rule(left - 1, (remainder * 10 + d) % modulus))});
    branches[10] = remainder == 0 && lowest == 0 ? kEmpty : kNothing;
    return out.choice(branches);
  };
  for (std::uint32_t left = 0; left < kPlaces; ++left)
    for (std::uint32_t remainder = 0; remainder < modulus; ++remainder)
      out.define(rule(left, remainder), next(left, remainder, 0));
  const Expr positive = out.shared(next(kPlaces, 0, 1));
  return out.choice({low == 1 ? kNothing : out.literal("0"), positive,
                     upward ? kNothing : out.sequence({out.literal("-"), positive})});
}

Expr numbers(Expressions& out) noexcept {
  const Expr nine = digit(out, 0, 9);
  const Expr whole = out.choice(
      {out.literal("0"), out.sequence({digit(out, 1, 9), out.repeat(nine, 0, kPlaces - 1)})});
  const Expr fraction = out.sequence({out.literal("."), out.repeat(nine, 1, kPlaces)});
  const Expr exponent = out.sequence({out.characters({{'e', 'e'}, {'E', 'E'}}),
                                      out.optional(out.characters({{'+', '+'}, {'-', '-'}})),
                                      out.repeat(nine, 1, 2)});
  return out.sequence(
      {out.optional(out.literal("-")), whole, out.optional(fraction), out.optional(exponent)});
}

std::optional<Expr> numbers(Expressions& out, const std::optional<Bound>& low,
                            const std::optional<Bound>& high) noexcept {
  if (!low && !high)
    return numbers(out);
  std::int32_t places = 0;
  for (const auto* bound : {&low, &high})
    if (*bound)
      places = std::max(places, -(*bound)->value.exponent);
  if (places >= kPlaces)
    return std::nullopt;
  // Where there is no bound, numbers stay short enough to have some digits behind the dot.
  constexpr std::int32_t kUsual = 9;
  const std::int64_t usual = power(std::min(kUsual + places, kPlaces)) - 1;
  const auto side = [&](const std::optional<Bound>& bound, const std::optional<Bound>& other,
                        std::int64_t sign) -> std::optional<std::int64_t> {
    if (bound)
      return bound->value.scaled(places);
    const auto limit = other ? other->value.scaled(places) : std::optional<std::int64_t>(0);
    return limit && *limit * sign > usual / 10 ? sign * Decimal::kLargest : sign * usual;
  };
  const auto least = side(low, high, -1);
  const auto most = side(high, low, 1);
  if (!least || !most)
    return std::nullopt;
  const bool low_open = low && low->open;
  const bool high_open = high && high->open;
  Expr above = kNothing;
  Expr below = kNothing;
  if (*most >= 0)
    above = *least >= 0 ? magnitudes(out, *least, low_open, *most, high_open, places)
                        : magnitudes(out, 0, false, *most, high_open, places);
  if (*least < 0)
    below = out.sequence(
        {out.literal("-"), *most < 0 ? magnitudes(out, -*most, high_open, -*least, low_open, places)
                                     : magnitudes(out, 0, true, -*least, low_open, places)});
  return out.choice({above, below});
}

} // namespace bitnet::grammar
