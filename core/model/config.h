// Metadata in, every hyperparameter out, validated once: whoever holds a Config need not check it again.
#pragma once

#include "bitnet/types.hpp"
#include "gguf/reader.h"

namespace bitnet {

enum class Gate : std::uint8_t { kRelu2, kSilu };

/// What formats.md 2 says an architecture's name means.
struct Architecture {
  std::string_view name;
  bool sub_norms; ///< norms before the output and down projections
  Gate gate;
  bool
      neox_pairs; ///< RoPE turns (i, i + d/2); otherwise (2i, 2i + 1), for which the converter permuted Q and K
};

struct Config {
  const Architecture* architecture = nullptr;
  Gate gate = Gate::kRelu2;
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0; ///< H
  std::uint32_t ffn = 0;    ///< F
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0; ///< divides heads
  std::uint32_t head_dim = 0;
  std::uint32_t rope_dim = 0; ///< even, at most head_dim
  std::uint32_t vocabulary = 0;
  std::uint32_t context = 0;
  float norm_epsilon = 0.0F;
  double rope_theta = 0.0;
  float rope_position_scale = 1.0F; ///< linear scaling: positions are multiplied by it

  std::uint32_t q_width() const noexcept { return heads * head_dim; }
  std::uint32_t kv_width() const noexcept { return kv_heads * head_dim; }
};

/// UnsupportedArchitecture names what we do not have; MissingKey, WrongType, LimitExceeded and Malformed the key.
Result<Config> read_config(const Gguf& gguf) noexcept;

} // namespace bitnet
