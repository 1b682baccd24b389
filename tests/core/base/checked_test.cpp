// Arithmetic that must not wrap, against plain arithmetic where that cannot.
#include "base/checked.h"

#include <catch_amalgamated.hpp>

using namespace bitnet;

TEST_CASE("checked arithmetic is exact or nothing", "[checked]") {
  constexpr std::uint64_t kMost = UINT64_MAX;
  CHECK(checked_add(kMost - 1, 1) == kMost);
  CHECK(!checked_add(kMost, 1));
  CHECK(checked_mul(1ULL << 32, (1ULL << 32) - 1) == 0xffffffff00000000ULL);
  CHECK(!checked_mul(1ULL << 32, 1ULL << 32)); // wraps to exactly 0
  CHECK(checked_mul(0, kMost) == 0U);
  CHECK(checked_align(0, 32) == 0U);
  CHECK(checked_align(1, 32) == 32U);
  CHECK(checked_align(32, 32) == 32U);
  CHECK(checked_align(kMost - 31, 32) == kMost - 31);
  CHECK(!checked_align(kMost - 30, 32));
  CHECK(checked_align(kMost, 1) == kMost);
  CHECK(round_up(5, 4) == 8);
}

TEST_CASE("checked arithmetic agrees with itself in small", "[checked]") {
  for (std::uint64_t a = 0; a < 70; ++a)
    for (std::uint64_t b = 0; b < 70; ++b) {
      CHECK(checked_add(a, b) == a + b);
      CHECK(checked_mul(a, b) == a * b);
      // The same sums near the top: a + b fits below 2^64 - 1 - c just when the distance allows it.
      const std::uint64_t high = UINT64_MAX - a;
      CHECK(checked_add(high, b).has_value() == (b <= a));
    }
}
