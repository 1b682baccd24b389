// exp, log, pow, sin, cos: close to the C library, and the same bits on every engine.
#include "base/math.h"
#include "support/encode.h"
#include "support/hash.h"

#include <catch_amalgamated.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace bitnet;
using bitnet::test::Hash;
using bitnet::test::Random;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// [low, high), the same numbers on every engine.
double between(Random& random, double low, double high) {
  return low + (high - low) * (static_cast<double>(random.next() >> 11) * 0x1p-53);
}

double relative(double value, long double exact) {
  return static_cast<double>(std::fabs((static_cast<long double>(value) - exact) / exact));
}

} // namespace

TEST_CASE("exp is within a few ulp", "[math]") {
  Random random(1);
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = between(random, i % 2 != 0 ? -700 : -1, i % 2 != 0 ? 700 : 1);
    worst = std::max(worst, relative(exact_exp(x), std::exp(static_cast<long double>(x))));
  }
  INFO("worst relative error " << worst);
  CHECK(worst < 6e-16);
}

TEST_CASE("exp at the ends", "[math]") {
  CHECK(exact_exp(0.0) == 1.0);
  CHECK(exact_exp(-0.0) == 1.0);
  CHECK(std::fabs(exact_exp(1.0) - 0x1.5bf0a8b145769p+1) <= 0x1p-51);
  CHECK(exact_exp(709.78) < kInfinity);
  CHECK(exact_exp(710.0) == kInfinity);
  CHECK(exact_exp(kInfinity) == kInfinity);
  CHECK(exact_exp(-745.0) == 0x1p-1074);
  CHECK(exact_exp(-746.0) == 0.0);
  CHECK(exact_exp(-kInfinity) == 0.0);
  CHECK(std::isnan(exact_exp(std::numeric_limits<double>::quiet_NaN())));
  for (const double x :
       {-709.0, -720.5, -744.0}) // subnormal results: half a unit of the last place
    CHECK(std::fabs(exact_exp(x) - std::exp(x)) <= 0x1p-1074);
}

TEST_CASE("log is within a few ulp", "[math]") {
  Random random(2);
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    const double near_one = between(random, 0.5, 2.0);
    const double x =
        i % 2 != 0 ? near_one : std::ldexp(near_one, static_cast<int>(random.below(2044)) - 1022);
    if (x != 1.0)
      worst = std::max(worst, relative(exact_log(x), std::log(static_cast<long double>(x))));
  }
  INFO("worst relative error " << worst);
  CHECK(worst < 6e-16);
  CHECK(exact_log(1.0) == 0.0);
  CHECK(exact_log(0.0) == -kInfinity);
  CHECK(exact_log(kInfinity) == kInfinity);
  CHECK(std::isnan(exact_log(-1.0)));
  CHECK(std::fabs(exact_log(0x1p-1074) - std::log(0x1p-1074)) < 1e-12);
}

TEST_CASE("pow is exp of a product", "[math]") {
  Random random(3);
  double worst = 0;
  for (int i = 0; i < 20000; ++i) { // rotary frequencies: theta^(-2i/d)
    const double x = between(random, 2, 1e6), y = between(random, -1, 1);
    worst = std::max(worst, relative(exact_pow(x, y), std::pow(static_cast<long double>(x),
                                                               static_cast<long double>(y))));
  }
  INFO("worst relative error " << worst);
  CHECK(worst < 4e-15);
  CHECK(exact_pow(10000.0, 0.0) == 1.0);
  CHECK(exact_pow(1.0, 123.0) == 1.0);
}

TEST_CASE("sin and cos are within an ulp of 1", "[math]") {
  Random random(4);
  double near = 0, far = 0;
  for (int i = 0; i < 100000; ++i) {
    const double reach = i % 2 != 0 ? 1e4 : 0x1p30;
    const double x = between(random, -reach, reach);
    const auto exact = static_cast<long double>(x);
    const double error = std::max(
        std::fabs(static_cast<double>(static_cast<long double>(exact_sin(x)) - std::sin(exact))),
        std::fabs(static_cast<double>(static_cast<long double>(exact_cos(x)) - std::cos(exact))));
    (i % 2 != 0 ? near : far) = std::max(i % 2 != 0 ? near : far, error);
  }
  INFO("worst absolute error below 1e4: " << near << ", to 2^30: " << far);
  CHECK(near < 3e-16);
  CHECK(far < 3e-16);
}

TEST_CASE("sin and cos near multiples of a quarter turn", "[math]") {
  double worst = 0;
  for (double k = 1; k < 1e9; k = std::floor(k * 1.7) + 1)
    for (const double x : {k * 1.5707963267948966, std::nextafter(k * 1.5707963267948966, 0.0)}) {
      if (x > 0x1p30)
        break;
      const auto exact = static_cast<long double>(x);
      worst = std::max(worst, relative(exact_sin(x), std::sin(exact)));
      worst = std::max(worst, relative(exact_cos(x), std::cos(exact)));
    }
  INFO("worst relative error " << worst);
  CHECK(worst < 6e-16);
  CHECK(exact_sin(0.0) == 0.0);
  CHECK(exact_cos(0.0) == 1.0);
  CHECK(exact_sin(-1.0) == -exact_sin(1.0));
  CHECK(exact_cos(-1.0) == exact_cos(1.0));
  CHECK(std::isnan(exact_sin(0x1.1p30)));
  CHECK(std::isnan(exact_cos(kInfinity)));
}

TEST_CASE("the same bits on every engine", "[math]") {
  Hash hash;
  for (int i = -7400; i < 7000; ++i)
    hash.add(exact_exp(i * 0.1));
  for (int i = 1; i < 5000; ++i)
    hash.add(exact_log(i * 0.37)).add(exact_log(i * 0x1p-1074)).add(exact_pow(i, -0.3));
  for (int i = -5000; i < 5000; ++i)
    hash.add(exact_sin(i * 0.01))
        .add(exact_cos(i * 17.3))
        .add(exact_sin(i * 200000.1))
        .add(exact_cos(i * 214748.3));
  CHECK(hash.value() == 0xfc93f0bf40f18cc6ULL);
}
