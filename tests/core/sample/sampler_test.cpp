// The sampler: ranges of options, greedy choice, exact distributions on small cases, stored draws.
#include "sample/sampler.h"

#include <catch_amalgamated.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace bitnet;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Sampler made(const SamplerOptions& options, std::size_t vocabulary) {
  auto sampler = Sampler::make(options, vocabulary);
  REQUIRE(sampler);
  return std::move(*sampler);
}

std::int32_t greedy(std::vector<float> logits) {
  const auto id = made({}, logits.size()).sample(logits, {});
  return id ? *id : -static_cast<std::int32_t>(id.error().code());
}

/// How often each id comes in `draws` draws.
std::vector<double> shares(const SamplerOptions& options, const std::vector<float>& logits,
                           int draws, const std::vector<std::int32_t>& recent = {}) {
  Sampler sampler = made(options, logits.size());
  std::vector<double> counts(logits.size());
  for (int i = 0; i < draws; ++i) {
    const auto id = sampler.sample(logits, recent);
    REQUIRE(id);
    counts[static_cast<std::size_t>(*id)] += 1.0 / draws;
  }
  return counts;
}

/// Within about five standard deviations, and zero where zero is due.
void check_shares(const std::vector<double>& found, std::vector<double> expected, int draws) {
  double sum = 0;
  for (const double e : expected)
    sum += e;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double p = expected[i] / sum;
    INFO(i);
    if (p == 0)
      CHECK(found[i] == 0);
    else
      CHECK(std::abs(found[i] - p) < 5 * std::sqrt(p * (1 - p) / draws) + 1e-9);
  }
}

constexpr int kDraws = 40000;
const std::vector<float> kLogits{1.0F, 0.0F, 2.0F, -1.0F, 0.5F};

std::vector<double> exponentials(const std::vector<float>& logits, double temperature = 1) {
  std::vector<double> e;
  for (const float l : logits)
    e.push_back(std::exp(static_cast<double>(l) / temperature));
  return e;
}

} // namespace

TEST_CASE("options outside their ranges are named", "[sample]") {
  const auto refused = [](const char* name, auto SamplerOptions::* member,
                          std::initializer_list<float> values) {
    for (const float value : values) {
      SamplerOptions options;
      options.*member = value;
      const auto sampler = Sampler::make(options, 10);
      INFO(name << " " << value);
      REQUIRE_FALSE(sampler);
      CHECK(sampler.error().code() == ErrorCode::InvalidArgument);
      CHECK(sampler.error().detail().starts_with(name));
    }
  };
  refused("temperature", &SamplerOptions::temperature,
          {-0.1F, 100.1F, kNan, kInfinity, -kInfinity});
  refused("top_p", &SamplerOptions::top_p, {0.0F, -0.1F, 1.1F, kNan, kInfinity});
  refused("min_p", &SamplerOptions::min_p, {-0.1F, 1.0F, kNan, kInfinity});
  refused("repetition_penalty", &SamplerOptions::repetition_penalty,
          {0.0F, 0.09F, 10.1F, kNan, -1.0F});
  for (const auto penalty : {&SamplerOptions::presence_penalty, &SamplerOptions::frequency_penalty})
    refused(penalty == &SamplerOptions::presence_penalty ? "presence_penalty" : "frequency_penalty",
            penalty, {-100.1F, 100.1F, kNan, kInfinity});
  CHECK_FALSE(Sampler::make({}, 0));
  SamplerOptions edges{.temperature = 100.0F,
                       .top_k = ~0U,
                       .top_p = 1e-30F,
                       .min_p = 0.999F,
                       .repetition_penalty = 0.1F,
                       .repetition_window = ~0U};
  CHECK(Sampler::make(edges, 10));
  edges.repetition_penalty = 10.0F;
  CHECK(Sampler::make(edges, 10));
}

TEST_CASE("greedy: the largest, the lowest id on ties, never what is not finite", "[sample]") {
  CHECK(greedy({1, 3, 2}) == 1);
  CHECK(greedy({2, 3, 3}) == 1);
  CHECK(greedy({-5}) == 0);
  CHECK(greedy({kNan, -kInfinity, -7, kNan, -6}) == 4);
  CHECK(greedy({kInfinity, 1}) == 1);
  const auto bad = -static_cast<std::int32_t>(ErrorCode::BadWeights);
  CHECK(greedy({kNan, kNan}) == bad);
  CHECK(greedy({-kInfinity, kInfinity}) == bad);
}

TEST_CASE("sampling: nothing finite is an error, a wrong size too", "[sample]") {
  Sampler sampler = made({.temperature = 1.0F}, 3);
  const auto code = [&](std::vector<float> logits) {
    const auto id = sampler.sample(logits, {});
    return id ? ErrorCode::Ok : id.error().code();
  };
  CHECK(code({kNan, kNan, -kInfinity}) == ErrorCode::BadWeights);
  CHECK(code({kInfinity, kInfinity, kInfinity}) == ErrorCode::BadWeights);
  CHECK(code({1, 2}) == ErrorCode::InvalidArgument);
  CHECK(code({1, kNan, 2}) == ErrorCode::Ok);
}

TEST_CASE("plain sampling follows the softmax", "[sample]") {
  for (const float temperature : {0.5F, 1.0F, 2.0F})
    check_shares(shares({.temperature = temperature, .seed = 1}, kLogits, kDraws),
                 exponentials(kLogits, static_cast<double>(temperature)), kDraws);
  const std::vector<float> holes{1.0F, kNan, 2.0F, -kInfinity, 0.5F};
  auto expected = exponentials(kLogits);
  expected[1] = expected[3] = 0;
  check_shares(shares({.temperature = 1.0F, .seed = 2}, holes, kDraws), expected, kDraws);
}

TEST_CASE("top-k keeps the k best, lower ids on ties", "[sample]") {
  auto expected = exponentials(kLogits);
  expected[1] = expected[3] = expected[4] = 0;
  check_shares(shares({.temperature = 1.0F, .top_k = 2, .seed = 3}, kLogits, kDraws), expected,
               kDraws);
  const std::vector<float> flat(6, 0.25F);
  check_shares(shares({.temperature = 1.0F, .top_k = 4, .seed = 3}, flat, kDraws),
               {1, 1, 1, 1, 0, 0}, kDraws);
  check_shares(shares({.temperature = 1.0F, .top_k = 100, .seed = 3}, kLogits, kDraws),
               exponentials(kLogits), kDraws);
  check_shares(shares({.temperature = 1.0F, .top_k = 1, .seed = 3}, kLogits, 100), {0, 0, 1, 0, 0},
               100);
}

TEST_CASE("top-p keeps the fewest that reach it", "[sample]") {
  // Shares of 8, 4, 2, 1, 1 sixteenths.
  std::vector<float> logits;
  for (const double share : {2.0, 8.0, 1.0, 4.0, 1.0})
    logits.push_back(static_cast<float>(std::log(share)));
  const auto with = [&](float top_p) {
    return shares({.temperature = 1.0F, .top_p = top_p, .seed = 4}, logits, kDraws);
  };
  check_shares(with(0.45F), {0, 8, 0, 0, 0}, kDraws);
  check_shares(with(0.6F), {0, 8, 0, 4, 0}, kDraws);
  check_shares(with(0.8F), {2, 8, 0, 4, 0}, kDraws);
  check_shares(with(0.9F), {2, 8, 1, 4, 0}, kDraws);
  check_shares(with(0.99F), {2, 8, 1, 4, 1}, kDraws);
  check_shares(with(1e-20F), {0, 8, 0, 0, 0}, 100);
}

TEST_CASE("top-p over more candidates than one chunk", "[sample]") {
  std::vector<float> logits(5000);
  for (std::size_t i = 0; i < logits.size(); ++i) // a flat top of 1000, spread over all ids
    logits[i * 7 % logits.size()] = i < 1000 ? 0.0F : -40.0F;
  const auto found = shares({.temperature = 1.0F, .top_p = 0.5F, .seed = 5}, logits, 8000);
  std::size_t kept = 0, wrong = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    kept += found[i] > 0;
    wrong += found[i] > 0 && logits[i] < 0.0F;
  }
  CHECK(wrong == 0);
  CHECK(kept == 500); // each of them is drawn 16 times on average
}

TEST_CASE("min-p drops what is far below the likeliest", "[sample]") {
  std::vector<float> logits;
  for (const double share : {8.0, 4.0, 2.0, 1.0})
    logits.push_back(static_cast<float>(std::log(share)));
  check_shares(shares({.temperature = 1.0F, .min_p = 0.2F, .seed = 6}, logits, kDraws),
               {8, 4, 2, 0}, kDraws);
  check_shares(shares({.temperature = 1.0F, .top_k = 2, .min_p = 0.2F, .seed = 6}, logits, kDraws),
               {8, 4, 0, 0}, kDraws);
  check_shares(
      shares({.temperature = 1.0F, .top_p = 0.5F, .min_p = 0.2F, .seed = 6}, logits, kDraws),
      {8, 0, 0, 0}, kDraws);
  check_shares(shares({.temperature = 1.0F, .min_p = 0.99F, .seed = 6}, logits, 100), {8, 0, 0, 0},
               100);
}

TEST_CASE("the repetition penalty", "[sample]") {
  const std::vector<float> logits{2.0F, 1.5F, -1.0F, -1.5F};
  const auto choice = [&](float penalty, std::uint32_t window, std::vector<std::int32_t> recent) {
    Sampler sampler = made({.repetition_penalty = penalty, .repetition_window = window}, 4);
    const auto id = sampler.sample(logits, recent);
    REQUIRE(id);
    return *id;
  };
  CHECK(choice(2.0F, 64, {}) == 0);
  CHECK(choice(2.0F, 64, {0}) == 1);
  CHECK(choice(1.2F, 64, {0, 0, 0}) == 0); // once, however often it came: 2 / 1.2 is above 1.5
  CHECK(choice(2.0F, 1, {0, 3}) == 0);     // outside the window
  CHECK(choice(2.0F, 0, {0}) == 0);
  CHECK(choice(2.0F, 64, {0, 1, -5, 99}) == 0); // ids from nowhere count for nothing
  CHECK(choice(0.5F, 64, {1}) == 1);
  // A negative logit falls too: -1 * 2 is below -1.5.
  auto expected = exponentials({1.0F, 1.5F, -2.0F, -1.5F});
  check_shares(
      shares({.temperature = 1.0F, .repetition_penalty = 2.0F, .seed = 8}, logits, kDraws, {0, 2}),
      expected, kDraws);
  // The best stays finite and the best.
  const std::vector<float> huge{3e38F, 1.0F, kNan};
  const auto id =
      made({.repetition_penalty = 0.1F}, 3).sample(huge, std::array<std::int32_t, 3>{0, 1, 2});
  REQUIRE(id);
  CHECK(*id == 0);
}

TEST_CASE("presence and frequency penalties", "[sample]") {
  const std::vector<float> logits{2.0F, 1.5F, 1.0F};
  const auto choice = [&](const SamplerOptions& options, std::vector<std::int32_t> recent) {
    Sampler sampler = made(options, 3);
    const auto first = sampler.sample(logits, recent);
    const auto second = sampler.sample(logits, recent); // counts do not stay behind
    REQUIRE(first);
    CHECK(*first == *second);
    return *first;
  };
  CHECK(choice({.presence_penalty = 0.4F}, {0, 0, 0}) == 0); // once
  CHECK(choice({.presence_penalty = 0.6F}, {0}) == 1);
  CHECK(choice({.frequency_penalty = 0.2F}, {0, 0}) == 0);
  CHECK(choice({.frequency_penalty = 0.2F}, {0, 1, 0, 0}) == 0); // 1.4 against 1.3
  CHECK(choice({.frequency_penalty = 0.4F}, {0, 1, 0, 0}) == 1); // 0.8 against 1.1
  CHECK(choice({.frequency_penalty = 0.4F, .repetition_window = 2}, {0, 0, 0, 1}) == 0);
  CHECK(choice({.presence_penalty = -1.5F}, {2}) == 2);
  // Each exactly: logit / repetition - count * frequency - presence.
  auto expected = exponentials({2.0F / 2 - 2 * 0.25F - 0.1F, 1.5F, 1.0F});
  check_shares(shares({.temperature = 1.0F,
                       .repetition_penalty = 2.0F,
                       .presence_penalty = 0.1F,
                       .frequency_penalty = 0.25F,
                       .seed = 8},
                      logits, kDraws, {0, 0}),
               expected, kDraws);
  const std::vector<float> huge{-3e38F, kNan, 1.0F};
  const auto id = made({.presence_penalty = 100.0F, .frequency_penalty = 100.0F}, 3)
                      .sample(huge, std::array<std::int32_t, 3>{0, 1, 2});
  REQUIRE(id);
  CHECK(*id == 2);
}

TEST_CASE("extreme temperatures and logits stay defined", "[sample]") {
  check_shares(shares({.temperature = 1e-45F, .seed = 9}, kLogits, 100), {0, 0, 1, 0, 0}, 100);
  check_shares(shares({.temperature = 1e-3F, .seed = 9}, {3e38F, -3e38F}, 100), {1, 0}, 100);
  check_shares(shares({.temperature = 1e-45F, .seed = 9}, {5.0F, 5.0F}, kDraws), {1, 1}, kDraws);
}

TEST_CASE("the same seed gives the same ids, on every engine", "[sample]") {
  std::vector<float> logits(1000);
  std::uint32_t state = 1;
  for (float& l : logits) {
    state = state * 1664525U + 1013904223U;
    l = static_cast<float>(state >> 8) * 0x1p-21F - 4.0F;
  }
  const auto ids = [&](const SamplerOptions& options) {
    Sampler sampler = made(options, logits.size());
    std::vector<std::int32_t> drawn;
    for (int i = 0; i < 12; ++i) {
      const auto id = sampler.sample(logits, drawn);
      REQUIRE(id);
      drawn.push_back(*id);
    }
    return drawn;
  };
  using Ids = std::vector<std::int32_t>;
  CHECK(ids({.temperature = 0.8F, .seed = 42}) ==
        Ids{743, 151, 309, 369, 38, 874, 248, 809, 369, 592, 223, 484});
  CHECK(ids({.temperature = 0.8F, .top_k = 40, .seed = 42}) ==
        Ids{966, 445, 661, 358, 413, 484, 357, 15, 358, 842, 357, 532});
  CHECK(ids({.temperature = 0.8F, .top_p = 0.9F, .seed = 42}) ==
        Ids{78, 737, 426, 397, 759, 326, 842, 301, 512, 546, 430, 650});
  CHECK(ids({.temperature = 0.8F, .min_p = 0.05F, .repetition_penalty = 1.3F, .seed = 42}) ==
        Ids{743, 151, 309, 370, 38, 879, 250, 816, 380, 592, 223, 489});
  CHECK(ids({.temperature = 0.8F, .seed = 43}) != ids({.temperature = 0.8F, .seed = 42}));
}

TEST_CASE("what the sampler reads", "[sample]") {
  const auto reads = [](const SamplerOptions& options, std::size_t history) {
    const auto sampler = Sampler::make(options, 100);
    REQUIRE(sampler);
    const auto all = sampler->reads(history);
    return std::pair(all.best, all.recent);
  };
  using Pair = std::pair<std::size_t, std::size_t>;
  CHECK(reads({}, 10) == Pair(1, 0));
  CHECK(reads({.repetition_penalty = 1.1F}, 10) == Pair(11, 10));
  CHECK(reads({.presence_penalty = 0.5F, .repetition_window = 4}, 10) == Pair(5, 4));
  CHECK(reads({.temperature = 1.0F, .top_k = 40}, 10) == Pair(40, 0));
  CHECK(reads({.temperature = 1.0F, .top_k = 40, .frequency_penalty = 1.0F}, 500) == Pair(104, 64));
  CHECK(reads({.temperature = 1.0F}, 10) == Pair(SIZE_MAX, 0));
  CHECK(reads({.temperature = 1.0F, .repetition_penalty = 2.0F}, 0) == Pair(SIZE_MAX, 0));
}

TEST_CASE("a mask leaves the allowed ids as if there were no others", "[sample]") {
  // Ids 0, 2, 4 of kLogits, against the same sampler over those three alone.
  const std::uint64_t mask[] = {0b10101};
  for (const SamplerOptions& options : {SamplerOptions{}, SamplerOptions{.temperature = 1.0F},
                                        SamplerOptions{.temperature = 0.7F, .top_k = 2},
                                        SamplerOptions{.temperature = 1.3F, .top_p = 0.8F},
                                        SamplerOptions{.temperature = 1.0F, .min_p = 0.3F},
                                        SamplerOptions{.repetition_penalty = 3.0F}}) {
    Sampler masked = made(options, kLogits.size());
    Sampler alone = made(options, 3);
    for (int i = 0; i < 200; ++i) {
      const auto a = masked.sample(kLogits, std::array<std::int32_t, 1>{2}, mask);
      const auto b = alone.sample(std::array{kLogits[0], kLogits[2], kLogits[4]},
                                  std::array<std::int32_t, 1>{1});
      REQUIRE((a && b));
      CHECK(*a == 2 * *b);
    }
  }
  const std::uint64_t nothing[] = {0};
  CHECK_FALSE(made({}, kLogits.size()).sample(kLogits, {}, nothing));
  CHECK_FALSE(made({.temperature = 1.0F}, kLogits.size()).sample(kLogits, {}, nothing));
}
