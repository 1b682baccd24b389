// Products with matrices that stay as the file has them. Float types multiply floats; quantised types multiply int8
// blocks of 32. Layout diagrams of the quantised blocks stand in tensor/rows.cpp.
//
// V adds to floats.h: B32 (32 bytes) with load32, nibbles, and32, or32, shr32<n>, shl32<n>; L8 (eight int32, each of four
// neighbouring products) with dot4_i8 (any bytes), dot4_centred (activations times code - centre, codes 0..63) and
// dot4_scaled<k>, the same with lanes 0..3 times scale 2k and lanes 4..7 times scale 2k + 1 of sixteen that load_scales
// took; lanes_to_float.
#pragma once

#include "base/half.h"
#include "kernels/generic/floats.h"

#include <bit>
#include <cstring>

namespace bitnet::generic {

template <class V, class T, class Load>
inline void dense_floats(const DenseMatrix& matrix, const DenseBatch& x, std::size_t first,
                         std::size_t count, float* out, std::size_t out_stride, Load load) {
  for (std::size_t row = first; row < first + count; ++row) {
    const auto* w = reinterpret_cast<const T*>(matrix.data + row * matrix.row_bytes);
    const auto ahead = [&](const T* p) {
      if constexpr (requires { V::kAhead; })
        __builtin_prefetch(reinterpret_cast<const char*>(p) + V::kAhead);
      return load(p);
    };
    for (std::size_t n = 0; n < x.count; ++n)
      out[n * out_stride + row] = dot<V>(w, x.floats + n * x.stride, matrix.columns, ahead);
  }
}

template <class V>
void dense_f32(const DenseMatrix& m, const DenseBatch& x, std::size_t first, std::size_t count,
               float* out, std::size_t out_stride) {
  dense_floats<V, float>(m, x, first, count, out, out_stride, LoadFloat<V>{});
}
template <class V>
void dense_f16(const DenseMatrix& m, const DenseBatch& x, std::size_t first, std::size_t count,
               float* out, std::size_t out_stride) {
  dense_floats<V, std::uint16_t>(m, x, first, count, out, out_stride, LoadHalf<V>{});
}
template <class V>
void dense_bf16(const DenseMatrix& m, const DenseBatch& x, std::size_t first, std::size_t count,
                float* out, std::size_t out_stride) {
  dense_floats<V, std::uint16_t>(m, x, first, count, out, out_stride, LoadBfloat<V>{});
}

/// half_to_float without its case for what is not finite, which the loader lets nobody in with.
inline float block_half(const std::uint8_t* bytes) {
  std::uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fffU) << 13;
  return std::bit_cast<float>(sign | magnitude) * 0x1p112F;
}

/// acc += float(lanes) * scale
template <class V>
inline typename V::F8 accumulate(typename V::F8 acc, typename V::L8 lanes, float scale) {
  return V::add(acc, V::mul(V::lanes_to_float(lanes), V::set(scale)));
}

/// Walks blocks of `Weights` weights in `BlockBytes` bytes; Block adds one to the accumulator.
template <class V, std::size_t Weights, std::size_t BlockBytes, class Block>
inline void dense_blocks(const DenseMatrix& matrix, const DenseBatch& x, std::size_t first,
                         std::size_t count, float* out, std::size_t out_stride, Block block) {
  for (std::size_t row = first; row < first + count; ++row) {
    for (std::size_t n = 0; n < x.count; ++n) {
      const std::uint8_t* w = matrix.data + row * matrix.row_bytes;
      const std::int8_t* values = x.values + n * x.stride;
      const float* scales = x.block_scales + n * (x.stride / 32);
      auto acc = V::zero();
      for (std::size_t i = 0; i < matrix.columns; i += Weights) {
        acc = block(acc, w, values + i, scales + i / 32);
        w += BlockBytes;
      }
      out[n * out_stride + row] = V::hsum(acc);
    }
  }
}

/// Q8_0: half d, int8 q[32]; weight = d * q.
template <class V>
void dense_q8_0(const DenseMatrix& m, const DenseBatch& x, std::size_t first, std::size_t count,
                float* out, std::size_t out_stride) {
  dense_blocks<V, 32, 34>(
      m, x, first, count, out, out_stride,
      [](auto acc, const std::uint8_t* w, const std::int8_t* values, const float* scales) {
        const auto lanes = V::dot4_i8(V::load32(values), V::load32(w + 2));
        return accumulate<V>(acc, lanes, block_half(w) * scales[0]);
      });
}

/// Q4_0: half d, 16 bytes; low nibbles are weights 0..15, high ones 16..31; weight = d * (nibble - 8).
template <class V>
void dense_q4_0(const DenseMatrix& m, const DenseBatch& x, std::size_t first, std::size_t count,
                float* out, std::size_t out_stride) {
  dense_blocks<V, 32, 18>(
      m, x, first, count, out, out_stride,
      [](auto acc, const std::uint8_t* w, const std::int8_t* values, const float* scales) {
        const auto lanes = V::dot4_centred(V::load32(values), V::nibbles(w + 2), 8);
        return accumulate<V>(acc, lanes, block_half(w) * scales[0]);
      });
}

/// Q6_K: 256 weights of six bits in ql[128], qh[64], signed scales of 16 weights each in sc[16], half d.
template <class V>
void dense_q6_k(const DenseMatrix& m, const DenseBatch& x, std::size_t first, std::size_t count,
                float* out, std::size_t out_stride) {
  dense_blocks<V, 256, 210>(
      m, x, first, count, out, out_stride,
      [](auto acc, const std::uint8_t* w, const std::int8_t* values, const float* scales) {
        const auto sc = V::load_scales(reinterpret_cast<const std::int8_t*>(w + 192));
        alignas(32) float d[8];
        V::store(d, V::mul(V::set(block_half(w + 208)), V::load(scales)));
        const auto quarter = [&]<int At>(auto low4, auto high2) { // in bits 0 to 3, in bits 4 and 5
          const auto codes = V::or32(V::and32(low4, 15), V::and32(high2, 0x30));
          acc = accumulate<V>(
              acc, V::template dot4_scaled<At>(V::load32(values + 32 * At), codes, 32, sc), d[At]);
        };
        const auto half = [&]<int Half>() {
          const auto high = V::load32(w + 128 + 32 * Half);
          const auto low0 = V::load32(w + 64 * Half);
          const auto low1 = V::load32(w + 64 * Half + 32);
          quarter.template operator()<4 * Half>(low0, V::template shl32<4>(high));
          quarter.template operator()<4 * Half + 1>(low1, V::template shl32<2>(high));
          quarter.template operator()<4 * Half + 2>(V::template shr32<4>(low0), high);
          quarter.template operator()<4 * Half + 3>(V::template shr32<4>(low1),
                                                    V::template shr32<2>(high));
        };
        half.template operator()<0>();
        half.template operator()<1>();
        return acc;
      });
}

} // namespace bitnet::generic
