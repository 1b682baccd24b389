// The verbs of the forward pass. Each works on the first `tokens` rows of the state's buffers.
#pragma once

#include "model/forward.h"

#include <initializer_list>

namespace bitnet {

struct Pass {
  const Network& network;
  State& state;
  Parallel& parallel;
  std::size_t tokens;
};

/// Rows of floats `stride` apart.
struct Rows {
  float* data;
  std::size_t stride;
  float* row(std::size_t i) const noexcept { return data + i * stride; }
};

/// One of several products of the same input: out = weights . input.
struct Projection {
  const Matrix* weights;
  float* out;
  std::size_t out_stride;
};

/// h = E[ids]
void embed(const Pass& pass, std::span<const TokenId> ids) noexcept;
/// Cosines and sines of the batch's positions (formats.md 2.1).
void turns(const Pass& pass, std::size_t position) noexcept;
/// out = RMSNorm(in) * weight, row by row; `out` may be `in`.
void norm(const Pass& pass, Rows in, const Buffer<float>& weight, Rows out) noexcept;
/// Several BitLinear products (formats.md 2.2) of one input, which is quantised once.
void linear(const Pass& pass, Rows in, std::initializer_list<Projection> projections) noexcept;
/// linear() of state.a.x's first row for some rows of a dense matrix only: out[row], the same bits.
void linear_rows(const Pass& pass, const Matrix& weights, std::span<const std::uint32_t> rows,
                 float* out) noexcept;
/// The same row times a small head. Returns the row as it was quantised, until the next product.
Int8Batch scan(const Pass& pass, const SmallHead& head, float* out) noexcept;
/// RoPE on q and k; k and v go to the cache.
void rotate_and_cache(const Pass& pass, std::size_t layer, std::size_t position) noexcept;
/// Causal attention of every head over the cache; query head j reads kv head j / (heads / kv_heads).
void attention(const Pass& pass, std::size_t layer, std::size_t position) noexcept;
/// gate = act(gate) * up
void gate(const Pass& pass) noexcept;
/// h = h + x
void add_residual(const Pass& pass) noexcept;

} // namespace bitnet
