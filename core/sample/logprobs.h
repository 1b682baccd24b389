// How likely a model finds its tokens: natural logarithms of the softmax of its logits, the same bits on every engine.
#pragma once

#include "bitnet/options.hpp"
#include "bitnet/types.hpp"

namespace bitnet {

/// log(sum of exp(logit)) over the finite logits, which a logit less this is its log-probability by. Minus infinity when
/// none is finite.
double log_sum_exp(std::span<const float> logits) noexcept;

/// The likeliest out.size() tokens into `out`, best first, the lower id first on ties; `log_sum` is log_sum_exp(logits).
/// Returns how many there are: logits that are not finite do not count.
std::size_t top_logprobs(std::span<const float> logits, double log_sum,
                         std::span<TokenLogprob> out) noexcept;

} // namespace bitnet
