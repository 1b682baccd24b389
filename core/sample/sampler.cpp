// Sampling with nothing that engines could do differently: an integer generator, the exact exponential, sums in one
// fixed order, and a total order of candidates (value falling, then id rising) wherever they are sorted.
#include "sample/sampler.h"

#include "base/math.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitnet {

namespace {

/// Uniform in [0, 1): the top 53 bits of SplitMix64.
double next_uniform(std::uint64_t& state) noexcept {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

/// False for NaN too.
bool within(double value, double low, double high) noexcept {
  return value >= low && value <= high;
}

constexpr float kLargest = std::numeric_limits<float>::max();

bool is_greedy(const SamplerOptions& options) noexcept { return options.temperature <= 0.0F; }
bool has_penalty(const SamplerOptions& options) noexcept {
  return options.repetition_penalty != 1.0F || options.presence_penalty != 0.0F ||
         options.frequency_penalty != 0.0F;
}

} // namespace

Result<Sampler> Sampler::make(const SamplerOptions& options, std::size_t vocabulary) noexcept {
  const Error error(ErrorCode::InvalidArgument);
  if (!within(options.temperature, 0.0, 100.0))
    return Error(error) << "temperature must be within 0 and 100";
  if (!within(options.top_p, 0.0, 1.0) || options.top_p <= 0.0F)
    return Error(error) << "top_p must be above 0 and at most 1";
  if (!within(options.min_p, 0.0, 1.0) || options.min_p >= 1.0F)
    return Error(error) << "min_p must be at least 0 and below 1";
  if (!within(options.repetition_penalty, 0.1F, 10.0))
    return Error(error) << "repetition_penalty must be within 0.1 and 10";
  if (!within(options.presence_penalty, -100.0, 100.0))
    return Error(error) << "presence_penalty must be within -100 and 100";
  if (!within(options.frequency_penalty, -100.0, 100.0))
    return Error(error) << "frequency_penalty must be within -100 and 100";
  if (vocabulary == 0)
    return Error(error) << "the vocabulary is empty";

  Sampler sampler;
  sampler.options_ = options;
  sampler.state_ = options.seed;
  if (is_greedy(options) && !has_penalty(options))
    return sampler; // looks at the logits where they are
  auto candidates = Buffer<Candidate>::make(vocabulary, "sampler candidates");
  if (!candidates)
    return candidates.error();
  sampler.candidates_ = std::move(*candidates);
  if (has_penalty(options)) {
    auto counts = Buffer<std::uint32_t>::make(vocabulary, "sampler counts");
    if (!counts)
      return counts.error();
    sampler.counts_ = std::move(*counts);
  }
  return sampler;
}

Sampler::Reads Sampler::reads(std::size_t history) const noexcept {
  const std::size_t recent =
      has_penalty(options_) ? std::min<std::size_t>(options_.repetition_window, history) : 0;
  if (is_greedy(options_))
    return {1 + recent, recent};
  // Each recent id may leave its place among the best to another.
  const bool all = options_.top_k == 0 || options_.top_k > SIZE_MAX - recent;
  return {all ? SIZE_MAX : options_.top_k + recent, recent};
}

float Sampler::penalised(float logit, std::uint32_t count) const noexcept {
  const float repetition = options_.repetition_penalty;
  float value = logit > 0.0F ? logit / repetition : logit * repetition;
  value -= static_cast<float>(count) * options_.frequency_penalty;
  value -= options_.presence_penalty;
  return std::clamp(value, -kLargest, kLargest); // a finite logit stays finite
}

bool Sampler::greedy() const noexcept { return is_greedy(options_); }

Result<std::int32_t> Sampler::sample(std::span<const float> logits,
                                     std::span<const std::int32_t> recent,
                                     std::span<const std::uint64_t> mask) noexcept {
  const Error no_finite = Error(ErrorCode::BadWeights) << "no logit is finite";
  const auto allowed = [&](std::size_t id) {
    return mask.empty() || (mask[id / 64] >> id % 64 & 1) != 0;
  };
  if (candidates_.empty()) {
    std::size_t best = logits.size();
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (allowed(i) && std::isfinite(logits[i]) &&
          (best == logits.size() || logits[i] > logits[best]))
        best = i;
    if (best == logits.size())
      return no_finite;
    return static_cast<std::int32_t>(best);
  }
  if (logits.size() != candidates_.size())
    return Error(ErrorCode::InvalidArgument)
           << std::uint64_t{logits.size()} << " logits for a vocabulary of "
           << std::uint64_t{candidates_.size()};

  // Candidate i is token i for as long as the penalty is applied; then only finite ones stay, still by rising id.
  for (std::size_t i = 0; i < logits.size(); ++i)
    candidates_[i] = {logits[i], static_cast<std::int32_t>(i)};
  if (has_penalty(options_)) {
    const auto window =
        recent.last(std::min<std::size_t>(options_.repetition_window, recent.size()));
    const auto known = [&](std::int32_t id) {
      return id >= 0 && static_cast<std::size_t>(id) < logits.size();
    };
    for (const std::int32_t id : window)
      if (known(id))
        ++counts_[static_cast<std::size_t>(id)];
    for (const std::int32_t id : window) {
      if (!known(id))
        continue;
      const auto i = static_cast<std::size_t>(id);
      const std::uint32_t count = std::exchange(counts_[i], 0); // 0 where the id comes again
      if (count > 0 && std::isfinite(logits[i]))
        candidates_[i].value = penalised(logits[i], count);
    }
  }
  Candidate* const begin = candidates_.begin();
  Candidate* end = std::remove_if(begin, candidates_.end(), [&](const Candidate& c) {
    return !std::isfinite(c.value) || !allowed(static_cast<std::size_t>(c.id));
  });
  if (begin == end)
    return no_finite;
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.value != b.value ? a.value > b.value : a.id < b.id;
  };
  const Candidate best = *std::min_element(begin, end, better);
  if (is_greedy(options_))
    return best.id;

  const auto count = static_cast<std::size_t>(end - begin);
  if (options_.top_k > 0 && options_.top_k < count) {
    std::nth_element(begin, begin + options_.top_k, end, better);
    end = begin + options_.top_k;
    std::sort(begin, end, better); // the sums below go in this order, not in nth_element's
  }

  // Softmax without its division: weights relative to the best candidate's, which is 1.
  const auto weight = [&](const Candidate& c) {
    return exact_exp((static_cast<double>(c.value) - static_cast<double>(best.value)) /
                     static_cast<double>(options_.temperature));
  };
  double sum = 0.0;
  if (options_.top_p < 1.0F) {
    for (const Candidate* c = begin; c != end; ++c)
      sum += weight(*c);
    const double wanted = sum * static_cast<double>(options_.top_p);
    // Most of the weight is in few candidates: sort only as many as it takes, chunk by chunk.
    double reached = 0.0;
    Candidate* sorted = begin;
    Candidate* kept = begin;
    for (std::ptrdiff_t chunk = 64; kept != end && reached < wanted; chunk *= 4) {
      if (chunk < end - sorted)
        std::nth_element(sorted, sorted + chunk, end, better);
      sorted = chunk < end - sorted ? sorted + chunk : end;
      std::sort(kept, sorted, better);
      while (kept != sorted && reached < wanted)
        reached += weight(*kept++);
    }
    end = kept;
  }

  // Those that min-p leaves, as weights; then the draw.
  sum = 0.0;
  for (Candidate* c = begin; c != end; ++c) {
    const double w = weight(*c);
    c->value = w < static_cast<double>(options_.min_p) ? 0.0F : static_cast<float>(w);
    sum += static_cast<double>(c->value);
  }
  const double drawn = next_uniform(state_) * sum;
  double reached = 0.0;
  std::int32_t last = best.id;
  for (const Candidate* c = begin; c != end; ++c) {
    if (c->value <= 0.0F)
      continue;
    last = c->id;
    reached += static_cast<double>(c->value);
    if (drawn < reached)
      break;
  }
  return last;
}

} // namespace bitnet
