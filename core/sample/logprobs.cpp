// See logprobs.h. Sums go by rising id through the exact exponential, so that nothing hangs on the machine.
#include "sample/logprobs.h"

#include "base/math.h"

#include <cmath>
#include <limits>

namespace bitnet {

double log_sum_exp(std::span<const float> logits) noexcept {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  float most = kNone;
  for (const float logit : logits)
    if (std::isfinite(logit) && logit > most)
      most = logit;
  if (most == kNone)
    return static_cast<double>(kNone);
  double sum = 0.0; // at least 1: the largest's own
  for (const float logit : logits)
    if (std::isfinite(logit))
      sum += exact_exp(static_cast<double>(logit) - static_cast<double>(most));
  return static_cast<double>(most) + exact_log(sum);
}

std::size_t top_logprobs(std::span<const float> logits, double log_sum,
                         std::span<TokenLogprob> out) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < logits.size() && !out.empty();
       ++i) { // `out` holds logits until the end
    if (!std::isfinite(logits[i]) || (count == out.size() && logits[i] <= out[count - 1].logprob))
      continue;
    std::size_t place = count < out.size() ? count++ : count - 1;
    for (; place > 0 && logits[i] > out[place - 1].logprob; --place)
      out[place] = out[place - 1];
    out[place] = {static_cast<TokenId>(i), logits[i]};
  }
  for (TokenLogprob& entry : out.first(count))
    entry.logprob = static_cast<float>(static_cast<double>(entry.logprob) - log_sum);
  return count;
}

} // namespace bitnet
