// What changes while a model runs: activations of one batch and the KV cache. Sizes follow from the Config alone, so a
// session's memory is known before it is made.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "model/config.h"

namespace bitnet {

/// Keys and values of every position: [layer][kv head][position][head width padded to 8], so that one head's history is
/// one stream.
struct KvCache {
  KvType type = KvType::kF32;
  std::size_t stride = 0;   ///< elements of one head at one position
  std::size_t capacity = 0; ///< positions
  std::size_t kv_heads = 0;
  Buffer<std::uint8_t> keys;
  Buffer<std::uint8_t> values;

  std::size_t element_bytes() const noexcept { return type == KvType::kF16 ? 2 : 4; }
  /// Byte offset of a head's position in keys and values.
  std::size_t at(std::size_t layer, std::size_t head, std::size_t position) const noexcept {
    return ((layer * kv_heads + head) * capacity + position) * stride * element_bytes();
  }
};

/// Buffers of one batch of n tokens; strides are widths padded to kRowPad, so kernels may write whole tiles.
struct Activations {
  Buffer<float> h;            ///< [n][H] the residual stream
  Buffer<float> x;            ///< [n][max(H, Q)] normed input of a block, and its output
  Buffer<float> q;            ///< [n][Q]
  Buffer<float> k;            ///< [n][K]
  Buffer<float> v;            ///< [n][K]
  Buffer<float> attended;     ///< [n][Q]
  Buffer<float> gate;         ///< [n][F]
  Buffer<float> up;           ///< [n][F]
  Buffer<float> queries;      ///< [n][heads][head width padded to 8], rotated
  Buffer<float> turns;        ///< [n][rope_dim]: cosines, then sines
  Buffer<float> scores;       ///< [heads][capacity padded to 8]
  Buffer<float> head_out;     ///< [heads][head width padded to 8]
  Buffer<std::int8_t> values; ///< [n][max width padded to 256] quantised input
  Buffer<std::int32_t> sums;  ///< [n][max width padded to 256 / 256]
  Buffer<float> scales;       ///< [n]
  Buffer<float> block_scales; ///< [n][max width padded to 256 / 32]
  Buffer<float> logits;       ///< [rows][V], 1 row unless reserve_logits() made more
};

/// Candidates of a small head; empty without one.
struct Found {
  Buffer<std::uint32_t> rows; ///< candidates, at most a quarter of a large vocabulary
  Buffer<float> small;        ///< their logits before they were exact
  Buffer<std::uint8_t> exact; ///< [V] is it one of them?
};

struct State {
  std::size_t batch = 0;
  std::size_t width_h = 0, width_x = 0, width_q = 0, width_k = 0, width_f = 0,
              width_v = 0;    ///< padded strides
  std::size_t width_most = 0; ///< widest input of any product, padded to 256
  std::size_t head_stride = 0;
  std::size_t score_stride = 0;
  Activations a;
  Found found;
  KvCache kv;

  static Result<State> make(const Config& config, const SessionOptions& options,
                            HeadType head = HeadType::kFile) noexcept;
  /// Room for the logits of so many tokens of a batch at once.
  Status reserve_logits(std::size_t rows) noexcept;
  /// Bytes that make() takes.
  static std::uint64_t bytes(const Config& config, const SessionOptions& options,
                             HeadType head = HeadType::kFile) noexcept;
};

} // namespace bitnet
