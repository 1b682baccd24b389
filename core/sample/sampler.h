// Logits in, one token id out. Deterministic: the same seed and logits give the same ids on every engine.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "bitnet/types.hpp"

namespace bitnet {

class Sampler {
public:
  /// InvalidArgument names the option that is outside its range (NaN included). Allocates for `vocabulary` candidates.
  static Result<Sampler> make(const SamplerOptions& options, std::size_t vocabulary) noexcept;

  /// Choose from `logits` (vocabulary floats, not changed). `recent` are the ids so far, newest last.
  /// Order: penalties (repetition, frequency, presence), then greedy, or temperature, top-k, softmax, top-p, min-p, draw. Logits that are not
  /// finite never win; when none is finite the answer is BadWeights. With a mask (a bit for each id, from the lowest of
  /// the first word on), ids whose bit is 0 are as if their logit were not finite.
  Result<std::int32_t> sample(std::span<const float> logits, std::span<const std::int32_t> recent,
                              std::span<const std::uint64_t> mask = {}) noexcept;
  /// Does sample() take the best logit, penalties included?
  bool greedy() const noexcept;

  /// What sample() depends on: the `best` largest logits and those of the last `recent` of `history` ids.
  struct Reads {
    std::size_t best, recent;
  };
  Reads reads(std::size_t history) const noexcept;

private:
  struct Candidate {
    float value;
    std::int32_t id;
  };
  /// The logit of an id that occurred `count` times in the window.
  float penalised(float logit, std::uint32_t count) const noexcept;

  SamplerOptions options_;
  std::uint64_t state_ = 0;
  Buffer<Candidate> candidates_;
  Buffer<std::uint32_t> counts_; ///< occurrences of each id in the window; all 0 between two calls
};

} // namespace bitnet
