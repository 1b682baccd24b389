// The forward pass.
#pragma once

#include "bitnet/types.hpp"
#include "kernels/kernels.h"
#include "model/config.h"
#include "model/state.h"
#include "model/weights.h"

namespace bitnet {

/// Everything immutable that a forward pass reads.
struct Network {
  Config config;
  Weights weights;
  const Kernels* kernels = nullptr;
  bool float_activations = false;
  /// Of everything that keys and values follow from, and of what ids mean: a saved session goes back into this model only.
  std::uint64_t fingerprint = 0;
};

/// Evaluate `ids` (at most state.batch of them, each within the vocabulary) at positions [position, position + n):
/// extends the KV cache and leaves the final residual stream in state.a.h.
void forward(const Network& network, State& state, std::span<const TokenId> ids,
             std::size_t position, Parallel& parallel) noexcept;

/// The final normed hidden state of token `index` of the batch just evaluated: state.a.x [H], which is returned.
std::span<const float> hidden(const Network& network, State& state, std::size_t index,
                              Parallel& parallel) noexcept;

/// Which logits somebody will look at: the `best` largest, and those of `ids` (which may repeat, each within the
/// vocabulary). Others may be the small head's, and are then below all of the best. With a mask (a bit for each id, from
/// the lowest of the first word on), ids whose bit is 0 are looked at by nobody.
struct LogitsNeeded {
  std::size_t best = SIZE_MAX;
  std::span<const TokenId> ids{};
  std::span<const std::uint64_t> mask{};
};
/// Logits of token `index` of the batch just evaluated, into state.a.logits [V].
void logits(const Network& network, State& state, std::size_t index, Parallel& parallel,
            const LogitsNeeded& needed = {}) noexcept;
/// All logits of tokens [0, count) of the batch just evaluated, into the rows of state.a.logits, which must have been
/// reserved: the bits of logits(), but the head's matrix is read once. state.a.x is overwritten.
void logits_of_each(const Network& network, State& state, std::size_t count,
                    Parallel& parallel) noexcept;

} // namespace bitnet
