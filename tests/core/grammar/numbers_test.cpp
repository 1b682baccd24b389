// Numbers within bounds: what the expressions match, against arithmetic on every short text.
#include "grammar/numbers.h"

#include "grammar_support.h"

#include <cmath>

using namespace bitnet;
using namespace bitnet::test;
using grammar::Bound;
using grammar::Decimal;
using grammar::Expressions;

namespace {

Decimal decimal(std::string_view text) {
  const auto value = Decimal::parse(text);
  REQUIRE(value);
  return *value;
}

/// A JSON number (RFC 8259, 6)?
bool is_number(std::string_view text) {
  std::size_t i = text.starts_with("-") ? 1 : 0;
  const auto digits = [&] {
    const std::size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9')
      ++i;
    return i - begin;
  };
  const bool zero = i < text.size() && text[i] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1))
    return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0)
      return false;
  }
  return i == text.size();
}

/// Every text of up to `length` of -, ., and some digits.
template <class Use> void each_text(std::size_t length, Use use) {
  constexpr std::string_view kLetters = "-.01579";
  std::string text;
  const auto go = [&](auto&& self) -> void {
    use(text);
    if (text.size() == length)
      return;
    for (const char c : kLetters) {
      text.push_back(c);
      self(self);
      text.pop_back();
    }
  };
  go(go);
}

} // namespace

TEST_CASE("decimals: parsing, order, rounding", "[grammar]") {
  CHECK(decimal("0") == Decimal{});
  CHECK(decimal("-0.00") == Decimal{});
  CHECK(decimal("100") == decimal("1e2"));
  CHECK(decimal("0.050") == decimal("5E-2"));
  CHECK(decimal("-12.5e1") == decimal("-125"));
  CHECK(decimal("0e999999999").digits == 0);
  CHECK_FALSE(Decimal::parse("1234567890123456789"));
  CHECK_FALSE(Decimal::parse("1e9999"));
  CHECK(Decimal::parse("123456789012345678"));
  const char* ordered[] = {"-1e300", "-1000", "-12.5", "-12", "-0.5", "-1e-300", "0",  "1e-300",
                           "0.1",    "0.11",  "0.2",   "1",   "1.5",  "9",       "10", "1e300"};
  for (std::size_t i = 0; i < std::size(ordered); ++i)
    for (std::size_t j = 0; j < std::size(ordered); ++j) {
      INFO(ordered[i] << " " << ordered[j]);
      CHECK(grammar::compare(decimal(ordered[i]), decimal(ordered[j])) == (i > j   ? 1
                                                                           : i < j ? -1
                                                                                   : 0));
    }
  CHECK(decimal("1.5").floor() == 1);
  CHECK(decimal("1.5").ceil() == 2);
  CHECK(decimal("-1.5").floor() == -2);
  CHECK(decimal("-1.5").ceil() == -1);
  CHECK(decimal("1e-300").ceil() == 1);
  CHECK(decimal("-1e-300").floor() == -1);
  CHECK(decimal("7").floor() == 7);
  CHECK(decimal("1e100").floor() == Decimal::kLargest);
  CHECK(decimal("-1e100").ceil() == -Decimal::kLargest);
  CHECK(decimal("1.25").scaled(2) == 125);
  CHECK_FALSE(decimal("1.25").scaled(1));
  CHECK_FALSE(decimal("1e15").scaled(0));
}

TEST_CASE("integers within bounds: all of them and no other", "[grammar]") {
  const std::int64_t bounds[][2] = {{0, 0},   {-1, 1},     {5, 17},   {-17, -5}, {0, 99},
                                    {1, 100}, {-105, 951}, {57, 158}, {10, 10},  {999, 1001}};
  for (const auto& [low, high] : bounds) {
    Matcher matcher =
        Matcher::of([&](Expressions& out) { return grammar::integers(out, low, high); });
    for (std::int64_t i = -1200; i <= 1200; ++i) {
      INFO(low << " to " << high << ": " << i);
      CHECK(matcher.accepts(std::to_string(i)) == (low <= i && i <= high));
    }
    for (const char* wrong : {"", "-", "-0", "00", "01", "+1", "1.0", "1e1"})
      CHECK_FALSE(matcher.accepts(wrong));
  }
  Matcher all = Matcher::of([](Expressions& out) {
    return grammar::integers(out, -Decimal::kLargest, Decimal::kLargest);
  });
  CHECK(all.accepts("999999999999999"));
  CHECK(all.accepts("-100000000000000"));
  CHECK_FALSE(all.accepts("1000000000000000"));
}

TEST_CASE("multiples", "[grammar]") {
  const std::int64_t most = Decimal::kLargest;
  const struct {
    std::int64_t low, high, factor;
  } cases[] = {{-most, most, 7}, {0, most, 3},     {1, most, 10}, {-50, 50, 7},
               {3, 4, 5},        {-most, most, 1}, {10, 500, 100}};
  for (const auto& [low, high, factor] : cases) {
    if (low == 3)
      continue; // there is none, so there is no automaton
    Matcher matcher = Matcher::of([&](Expressions& out) {
      const auto made = grammar::multiples(out, low, high, factor);
      REQUIRE(made);
      return *made;
    });
    for (std::int64_t i = -600; i <= 600; ++i) {
      INFO(low << " to " << high << " by " << factor << ": " << i);
      CHECK(matcher.accepts(std::to_string(i)) == (low <= i && i <= high && i % factor == 0));
    }
  }
  Expressions out;
  CHECK(grammar::multiples(out, 3, 4, 5) == std::optional(grammar::kNothing));
  CHECK_FALSE(grammar::multiples(out, 5, most, 7));
  CHECK_FALSE(grammar::multiples(out, 0, most, 1000));
}

TEST_CASE("numbers within bounds: nothing outside, and enough inside", "[grammar]") {
  const struct {
    const char* low;
    bool low_open;
    const char* high;
    bool high_open;
  } cases[] = {
      {"0", false, "1", false},      {"0", true, "1", true},       {"-1", false, "1", false},
      {"0.5", false, "7.25", false}, {"0.15", true, "0.2", true},  {"-1.5", true, "-0.1", false},
      {"1", false, nullptr, false},  {nullptr, false, "0", true},  {"-7.5", false, nullptr, false},
      {"10", false, "10", false},    {"9.9", false, "10.1", true}, {nullptr, false, "-0.9", true}};
  for (const auto& c : cases) {
    const auto bound = [](const char* text, bool open) -> std::optional<Bound> {
      return text == nullptr ? std::nullopt : std::optional(Bound{decimal(text), open});
    };
    const auto low = bound(c.low, c.low_open);
    const auto high = bound(c.high, c.high_open);
    Matcher matcher = Matcher::of([&](Expressions& out) {
      const auto made = grammar::numbers(out, low, high);
      REQUIRE(made);
      return *made;
    });
    INFO((c.low ? c.low : "-inf") << " to " << (c.high ? c.high : "inf"));
    std::size_t inside = 0;
    std::size_t matched = 0;
    each_text(5, [&](const std::string& text) {
      const bool is = is_number(text);
      const auto value = is ? Decimal::parse(text) : std::nullopt;
      const bool within = is &&
                          (!low || grammar::compare(*value, low->value) > (low->open ? 0 : -1)) &&
                          (!high || grammar::compare(*value, high->value) < (high->open ? 0 : 1));
      const bool found = matcher.accepts(text);
      if (found && !within)
        FAIL(text);
      inside += within ? 1 : 0;
      matched += found ? 1 : 0;
    });
    INFO(matched << " of " << inside);
    CHECK(matched > 0);
    // Digits after the dot come as many as the bounds have or more, "-0" is not written, "1.0" may not be: most is there.
    CHECK(10 * matched >= inside);
  }
}

TEST_CASE("numbers without bounds are finite as doubles", "[grammar]") {
  Matcher matcher = Matcher::of([](Expressions& out) { return grammar::numbers(out); });
  for (const char* good :
       {"0", "-0", "1.5", "-12e3", "1E-99", "999999999999999.999999999999999e+99"})
    CHECK(matcher.accepts(good));
  for (const char* bad :
       {"", "-", "01", "1.", ".5", "1e", "1e100", "+1", "1000000000000000", "NaN"})
    CHECK_FALSE(matcher.accepts(bad));
}
