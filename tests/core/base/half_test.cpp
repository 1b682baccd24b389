// Every half there is, against arithmetic on its fields.
#include "base/half.h"
#include "support/hash.h"

#include <catch_amalgamated.hpp>

#include <cmath>

using namespace bitnet;

TEST_CASE("every half becomes the float of the same value and returns", "[half]") {
  unsigned wrong = 0;
  for (unsigned h = 0; h < 65536; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const unsigned exponent = h >> 10 & 31U, mantissa = h & 1023U;
    const float value = half_to_float(half);
    if (exponent == 31 && mantissa != 0) {
      wrong += !std::isnan(value) || !std::isnan(half_to_float(float_to_half(value)));
      continue;
    }
    double expected = exponent == 0 ? std::ldexp(mantissa, -24)
                                    : std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25);
    if (exponent == 31)
      expected = HUGE_VAL;
    expected = (h & 0x8000U) != 0 ? -expected : expected;
    wrong += static_cast<double>(value) != expected ||
             std::signbit(value) != std::signbit(expected) || float_to_half(value) != half;
  }
  CHECK(wrong == 0);
}

TEST_CASE("floats round to the nearest half, ties to even", "[half]") {
  unsigned wrong = 0;
  for (unsigned h = 0; h < 0x7bff; ++h) { // between each half and the next
    const double low = static_cast<double>(half_to_float(static_cast<std::uint16_t>(h)));
    const double high = static_cast<double>(half_to_float(static_cast<std::uint16_t>(h + 1)));
    const auto middle = static_cast<float>((low + high) / 2); // exact
    wrong += float_to_half(middle) != (h % 2 == 0 ? h : h + 1);
    wrong += float_to_half(std::nextafter(middle, 0.0F)) != h;
    wrong += float_to_half(std::nextafter(middle, 1e9F)) != h + 1;
    wrong += float_to_half(-middle) != (0x8000U | (h % 2 == 0 ? h : h + 1));
  }
  CHECK(wrong == 0);
  CHECK(float_to_half(65519.996F) == 0x7bff);
  CHECK(float_to_half(65520.0F) == 0x7c00);
  CHECK(float_to_half(1e30F) == 0x7c00);
  CHECK(float_to_half(-HUGE_VALF) == 0xfc00);
}

TEST_CASE("bfloat16 is the top half of a float", "[half]") {
  CHECK(bfloat_to_float(0x3f80) == 1.0F);
  CHECK(bfloat_to_float(0xc049) == -3.140625F);
  CHECK(std::isinf(bfloat_to_float(0x7f80)));
}
