// Log-probabilities against long double arithmetic, their order, and their bits.
#include "sample/logprobs.h"
#include "support/encode.h"
#include "support/hash.h"

#include <catch_amalgamated.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace bitnet;
using bitnet::test::Random;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(std::uint64_t seed, std::size_t count, float width) {
  Random random(seed);
  std::vector<float> logits(count);
  for (float& logit : logits)
    logit = width * random.uniform();
  return logits;
}

std::vector<TokenLogprob> top(const std::vector<float>& logits, std::size_t most) {
  std::vector<TokenLogprob> out(most);
  out.resize(top_logprobs(logits, log_sum_exp(logits), out));
  return out;
}

} // namespace

TEST_CASE("logarithm of the sum of exponentials", "[logprobs]") {
  for (const float width : {0.0F, 1.0F, 30.0F, 1e4F}) {
    const auto logits = random_logits(1, 1000, width);
    long double sum = 0;
    const float most = *std::max_element(logits.begin(), logits.end());
    for (const float logit : logits)
      sum += std::exp(static_cast<long double>(logit) - most);
    const auto expected = static_cast<double>(most + std::log(sum));
    INFO(width);
    CHECK(std::fabs(log_sum_exp(logits) - expected) <= 1e-14 * std::max(1.0, std::fabs(expected)));
  }
  const float largest = std::numeric_limits<float>::max();
  CHECK(log_sum_exp(std::vector<float>{largest, -largest}) == static_cast<double>(largest));
  CHECK(log_sum_exp(std::vector<float>{2.5F}) == 2.5);
}

TEST_CASE("probabilities add up to one", "[logprobs]") {
  const auto logits = random_logits(2, 500, 8.0F);
  const double sum = log_sum_exp(logits);
  double all = 0;
  for (const float logit : logits)
    all += std::exp(static_cast<double>(logit) - sum);
  CHECK(std::fabs(all - 1) < 1e-12);
}

TEST_CASE("logits that are not finite count for nothing", "[logprobs]") {
  const std::vector<float> logits{1.0F, kNan, kInfinity, 0.0F, -kInfinity};
  CHECK(log_sum_exp(logits) == log_sum_exp(std::vector<float>{1.0F, 0.0F}));
  const auto best = top(logits, 4);
  REQUIRE(best.size() == 2);
  CHECK((best[0].id == 0 && best[1].id == 3));
  CHECK(log_sum_exp(std::vector<float>{kNan, kInfinity}) ==
        -std::numeric_limits<double>::infinity());
  CHECK(log_sum_exp({}) == -std::numeric_limits<double>::infinity());
  CHECK(top({kNan}, 3).empty());
}

TEST_CASE("the likeliest: best first, the lower id on ties", "[logprobs]") {
  const std::vector<float> logits{1.0F, 3.0F, 2.0F, 3.0F, 1.0F, 2.0F, 0.0F, 3.0F};
  const auto best = top(logits, 5);
  const std::array<TokenId, 5> expected{1, 3, 7, 2, 5};
  REQUIRE(best.size() == 5);
  for (std::size_t i = 0; i < best.size(); ++i)
    CHECK(best[i].id == expected[i]);
  CHECK(top(logits, 0).empty());
  CHECK(top(logits, 20).size() == logits.size());

  // Against a full sort.
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    auto random = random_logits(seed, 300, 4.0F);
    for (float& logit : random)
      logit = std::round(logit * 8) / 8; // many ties
    std::vector<TokenId> ids(random.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<TokenId>(i);
    std::sort(ids.begin(), ids.end(), [&](TokenId a, TokenId b) {
      const float x = random[static_cast<std::size_t>(a)], y = random[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    });
    const auto found = top(random, 20);
    REQUIRE(found.size() == 20);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].id == ids[i]);
      const auto logit = static_cast<double>(random[static_cast<std::size_t>(found[i].id)]);
      CHECK(found[i].logprob == static_cast<float>(logit - log_sum_exp(random)));
    }
  }
}

TEST_CASE("the same bits on every engine", "[logprobs]") {
  test::Hash hash;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    hash.add(log_sum_exp(random_logits(seed, 777, 20.0F)));
  CHECK(hash.value() == 0xb7f2398a8b009d42ULL);
}
