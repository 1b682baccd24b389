// The float side over a policy V whose F8 is eight lanes on every instruction set: norms, attention, activations,
// activation quantisation. max(a, b) means a > b ? a : b and min(a, b) means a < b ? a : b, NaN included
// (a signalling NaN not: no arithmetic makes one, and compilers may pass it on, as Clang does for aarch64).
#pragma once

#include "kernels/kernels.h"

namespace bitnet::generic {

/// The tree that folds eight lanes is V::hsum. Sum of products in 32 lanes; a short tail is padded with zeros.
/// Load reads eight T as F8.
template <class V, class T, class Load>
inline float dot(const T* w, const float* x, std::size_t columns, Load load) {
  auto a = V::zero();
  auto b = V::zero();
  auto c = V::zero();
  auto d = V::zero();
  std::size_t i = 0;
  for (; i + 32 <= columns; i += 32) {
    a = V::add(a, V::mul(load(w + i), V::load(x + i)));
    b = V::add(b, V::mul(load(w + i + 8), V::load(x + i + 8)));
    c = V::add(c, V::mul(load(w + i + 16), V::load(x + i + 16)));
    d = V::add(d, V::mul(load(w + i + 24), V::load(x + i + 24)));
  }
  if (i < columns) {
    T tail_w[32] = {};
    float tail_x[32] = {};
    for (std::size_t j = 0; i + j < columns; ++j) {
      tail_w[j] = w[i + j];
      tail_x[j] = x[i + j];
    }
    a = V::add(a, V::mul(load(tail_w), V::load(tail_x)));
    b = V::add(b, V::mul(load(tail_w + 8), V::load(tail_x + 8)));
    c = V::add(c, V::mul(load(tail_w + 16), V::load(tail_x + 16)));
    d = V::add(d, V::mul(load(tail_w + 24), V::load(tail_x + 24)));
  }
  return V::hsum(V::add(V::add(a, b), V::add(c, d)));
}

template <class V> struct LoadFloat {
  auto operator()(const float* p) const { return V::load(p); }
};
template <class V> struct LoadHalf {
  auto operator()(const std::uint16_t* p) const { return V::load_half(p); }
};
template <class V> struct LoadBfloat {
  auto operator()(const std::uint16_t* p) const { return V::load_bfloat(p); }
};

/// Adding this rounds a float of magnitude below 2^22 to the nearest integer, ties to even, in its low mantissa bits.
inline constexpr float kRoundingMagic = 12582912.0F;

/// exp(x) within 2 ulp for x in [-87, 88], clamped outside. x = n ln 2 + r, |r| <= ln 2 / 2; Taylor to the seventh power
/// (next term below 2^-27); 2^n by V::pow2, which takes n in the low mantissa bits of x log2 e + magic.
template <class V> inline typename V::F8 exp8(typename V::F8 x) {
  x = V::min(V::max(x, V::set(-87.0F)), V::set(88.0F));
  const auto shifted = V::add(V::mul(x, V::set(1.44269504F)), V::set(kRoundingMagic));
  const auto n = V::sub(shifted, V::set(kRoundingMagic));
  // ln 2 in two parts: the first has few enough bits that n times it is exact.
  const auto r =
      V::sub(V::sub(x, V::mul(n, V::set(0.693359375F))), V::mul(n, V::set(-2.12194440e-4F)));
  auto p = V::set(1.0F / 5040);
  p = V::add(V::mul(p, r), V::set(1.0F / 720));
  p = V::add(V::mul(p, r), V::set(1.0F / 120));
  p = V::add(V::mul(p, r), V::set(1.0F / 24));
  p = V::add(V::mul(p, r), V::set(1.0F / 6));
  p = V::add(V::mul(p, r), V::set(0.5F));
  p = V::add(V::mul(p, r), V::set(1.0F));
  p = V::add(V::mul(p, r), V::set(1.0F));
  return V::mul(p, V::pow2(shifted));
}

/// Largest |x|; NaN counts as nothing.
template <class V> inline float largest_magnitude(const float* x, std::size_t columns) {
  auto most = V::zero();
  std::size_t i = 0;
  for (; i + 8 <= columns; i += 8) {
    const auto value = V::load(x + i);
    most = V::max(V::max(value, V::sub(V::zero(), value)), most);
  }
  float lanes[8];
  V::store(lanes, most);
  float result = 0.0F;
  for (const float lane : lanes)
    result = lane > result ? lane : result;
  for (; i < columns; ++i) {
    const float value = x[i] < 0.0F ? -x[i] : x[i];
    result = value > result ? value : result;
  }
  return result;
}

/// values[0, count) = rne(x * factor) clamped to [-127, 127]; NaN gives -127.
template <class V>
inline void round_to_i8(const float* x, std::size_t count, float factor, std::int8_t* values) {
  std::size_t i = 0;
  const auto round = [&](typename V::F8 value) {
    const auto scaled =
        V::min(V::max(V::mul(value, V::set(factor)), V::set(-127.0F)), V::set(127.0F));
    return V::add(scaled, V::set(kRoundingMagic));
  };
  for (; i + 8 <= count; i += 8)
    V::store_rounded_i8(values + i, round(V::load(x + i)));
  if (i < count) {
    float tail[8] = {};
    std::int8_t rounded[8];
    for (std::size_t j = 0; i + j < count; ++j)
      tail[j] = x[i + j];
    V::store_rounded_i8(rounded, round(V::load(tail)));
    for (std::size_t j = 0; i + j < count; ++j)
      values[i + j] = rounded[j];
  }
}

template <class V>
void quantize(const float* x, std::size_t columns, std::int8_t* values, std::int32_t* group_sums,
              float* scale) {
  float a = largest_magnitude<V>(x, columns);
  a = a > 1e-5F ? a : 1e-5F;
  round_to_i8<V>(x, columns, 127.0F / a, values);
  *scale = a / 127.0F;
  std::size_t i = columns;
  for (; i % kColumnPad != 0; ++i)
    values[i] = 0;
  for (std::size_t g = 0; g < i / kColumnPad; ++g) {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < kColumnPad; ++j)
      sum += values[g * kColumnPad + j];
    group_sums[g] = sum;
  }
}

template <class V>
void quantize_blocks(const float* x, std::size_t columns, std::int8_t* values,
                     float* block_scales) {
  std::size_t i = 0;
  for (; i < columns; i += 32) {
    const std::size_t count = columns - i < 32 ? columns - i : 32;
    const float a = largest_magnitude<V>(x + i, count);
    round_to_i8<V>(x + i, count, a > 0.0F ? 127.0F / a : 0.0F, values + i);
    for (std::size_t j = count; j < 32; ++j)
      values[i + j] = 0;
    block_scales[i / 32] = a / 127.0F;
  }
  for (; i % kColumnPad != 0; i += 32) {
    for (std::size_t j = 0; j < 32; ++j)
      values[i + j] = 0;
    block_scales[i / 32] = 0.0F;
  }
}

template <class V>
void rmsnorm(const float* x, const float* weight, std::size_t columns, float epsilon, float* out) {
  const float mean = dot<V>(x, x, columns, LoadFloat<V>{}) / static_cast<float>(columns);
  const float factor = 1.0F / __builtin_sqrtf(mean + epsilon);
  std::size_t i = 0;
  for (; i + 8 <= columns; i += 8)
    V::store(out + i, V::mul(V::mul(V::load(x + i), V::set(factor)), V::load(weight + i)));
  for (; i < columns; ++i)
    out[i] = (x[i] * factor) * weight[i];
}

/// Keys whose sums are folded together, and values that are added before the sums go back to memory.
inline constexpr std::size_t kAttendBlock = 8;
/// How far behind the value in hand is the one that memory is asked for, in bytes.
inline constexpr std::size_t kAttendAhead = 8192;
/// Widest head whose values are copied (mix_block).
inline constexpr std::size_t kAttendStaged = 256;

/// run.operator()<N>(first) for queries [first, first + N), which share each load of a key or a value.
template <class Run> inline void each_queries(std::size_t queries, Run run) {
  std::size_t n = 0;
  for (; n + 4 <= queries; n += 4)
    run.template operator()<4>(n);
  if (n + 2 <= queries) {
    run.template operator()<2>(n);
    n += 2;
  }
  if (n < queries)
    run.template operator()<1>(n);
}

/// sums[q * kAttendBlock] of one key and each query: dot()'s up to its last tree. V::kAttendSums of dot()'s four sums go on
/// side by side, as many as there are registers for with four queries. The key is read from one end to the other, the
/// pattern that memory is fast at.
template <class V, std::size_t Queries, class T, class Load>
inline void dot_queries(const T* key, const float* query, std::size_t stride, Load load,
                        typename V::F8* sums) {
  constexpr std::size_t kSums = V::kAttendSums;
  static_assert(kSums == 1 || kSums == 2);
  typename V::F8 quarters[Queries][4];
#pragma GCC unroll 4
  for (std::size_t from = 0; from < 4; from += kSums) {
#pragma GCC unroll 4
    for (std::size_t q = 0; q < Queries; ++q)
#pragma GCC unroll 2
      for (std::size_t j = 0; j < kSums; ++j)
        quarters[q][from + j] = V::zero();
    const auto step = [&](std::size_t i, std::size_t j) {
      const auto x = load(key + i);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q)
        quarters[q][from + j] =
            V::add(quarters[q][from + j], V::mul(x, V::load(query + q * stride + i)));
    };
    std::size_t i = 8 * from;
    for (; i + 8 * kSums <= stride; i += 32)
#pragma GCC unroll 2
      for (std::size_t j = 0; j < kSums; ++j)
        step(i + 8 * j, j);
    // dot() also adds the products of its padding; those are +0 and no sum here is ever -0.
    if (kSums == 2 && i < stride)
      step(i, 0);
  }
#pragma GCC unroll 4
  for (std::size_t q = 0; q < Queries; ++q)
    sums[q * kAttendBlock] =
        V::add(V::add(quarters[q][0], quarters[q][1]), V::add(quarters[q][2], quarters[q][3]));
}

/// mix_block() where the values are.
template <class V, std::size_t Queries, std::size_t Count, class T, class Load>
inline void mix_rows(const Attention& group, std::size_t first, std::size_t at, const T* values,
                     Load load) {
  // Measured: with four queries 8 is a third slower than 4, with one 4 is half as fast as 8; a WebAssembly engine spills
  // what is unrolled.
  constexpr std::size_t kUnroll = Count == 1 || V::kAttendSums == 1 ? 1 : Queries == 1 ? 8 : 4;
  static_assert(Count % kUnroll == 0);
  const float* weights = group.scores + first * group.score_stride + at;
  float* out = group.out + first * group.stride;
  const char* ahead = reinterpret_cast<const char*>(values) + kAttendAhead;
  const auto mix = [&]<std::size_t Lanes>(std::size_t d) {
    typename V::F8 acc[Queries][Lanes];
#pragma GCC unroll 4
    for (std::size_t q = 0; q < Queries; ++q)
#pragma GCC unroll 2
      for (std::size_t j = 0; j < Lanes; ++j)
        acc[q][j] = V::load(out + q * group.stride + d + 8 * j);
    const auto add_value = [&](std::size_t t) {
      if constexpr (V::kPrefetches)
        __builtin_prefetch(ahead);
      ahead += 8 * Lanes * sizeof(T);
      typename V::F8 value[Lanes];
#pragma GCC unroll 2
      for (std::size_t j = 0; j < Lanes; ++j)
        value[j] = load(values + t * group.stride + d + 8 * j);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q) {
        const auto weight = V::set(weights[q * group.score_stride + t]);
#pragma GCC unroll 2
        for (std::size_t j = 0; j < Lanes; ++j)
          acc[q][j] = V::add(acc[q][j], V::mul(weight, value[j]));
      }
    };
#pragma GCC unroll 1
    for (std::size_t t = 0; t < Count; t += kUnroll)
#pragma GCC unroll 8
      for (std::size_t u = 0; u < kUnroll; ++u)
        add_value(t + u);
#pragma GCC unroll 4
    for (std::size_t q = 0; q < Queries; ++q)
#pragma GCC unroll 2
      for (std::size_t j = 0; j < Lanes; ++j)
        V::store(out + q * group.stride + d + 8 * j, acc[q][j]);
  };
  std::size_t d = 0;
  for (; d + 8 * V::kAttendSums <= group.stride; d += 8 * V::kAttendSums)
    mix.template operator()<V::kAttendSums>(d);
  if (d < group.stride)
    mix.template operator()<1>(d);
}

/// Scores of kAttendBlock keys from `at`; each is dot()'s to the bit.
template <class V, std::size_t Queries, class T, class Load>
inline void score_block(const Attention& group, std::size_t first, std::size_t at, Load load) {
  const T* keys = static_cast<const T*>(group.keys) + at * group.stride;
  typename V::F8 sums[Queries * kAttendBlock];
  for (std::size_t t = 0; t < kAttendBlock; ++t)
    dot_queries<V, Queries>(keys + t * group.stride, group.query + first * group.stride,
                            group.stride, load, sums + t);
  for (std::size_t q = 0; q < Queries; ++q)
    V::store(group.scores + (first + q) * group.score_stride + at,
             V::mul(V::hsum8(sums + q * kAttendBlock), V::set(group.scale)));
}

/// out += the sum of weight * value over Count values from `at`, one after another. Rows are read in pieces here, which
/// memory's own prefetching does not see through. So every piece asks for a piece of what comes later, from one end to the
/// other; without, or in larger pieces, it is two to four times as slow. Where there is no such instruction, a block is first
/// read from one end to the other (halves: that costs them more than it gives).
template <class V, std::size_t Queries, std::size_t Count, class T, class Load>
inline void mix_block(const Attention& group, std::size_t first, std::size_t at, Load load) {
  if constexpr (!V::kPrefetches && Count > 1 && sizeof(T) == sizeof(float)) {
    if (group.stride <= kAttendStaged) {
      float block[Count * kAttendStaged];
      for (std::size_t i = 0; i < Count * group.stride; i += 8)
        V::store(block + i, load(static_cast<const T*>(group.values) + at * group.stride + i));
      mix_rows<V, Queries, Count>(group, first, at, block, load);
      return;
    }
  }
  mix_rows<V, Queries, Count>(group, first, at,
                              static_cast<const T*>(group.values) + at * group.stride, load);
}

/// The largest of count scores; NaN counts as nothing.
template <class V> inline float largest_score(const float* scores, std::size_t count) {
  auto most = V::set(-__builtin_inff());
  std::size_t t = 0;
  for (; t + 8 <= count; t += 8)
    most = V::max(V::load(scores + t), most);
  float lanes[8];
  V::store(lanes, most);
  float result = lanes[0];
  for (const float lane : lanes)
    result = lane > result ? lane : result;
  for (; t < count; ++t)
    result = scores[t] > result ? scores[t] : result;
  return result;
}

/// Scores become exp(score - largest), with zeros up to a multiple of eight.
template <class V> inline void exponentials(float* scores, std::size_t count) {
  const auto most = V::set(largest_score<V>(scores, count));
  const std::size_t padded = (count + 7) / 8 * 8;
  for (std::size_t t = count; t < padded; ++t)
    scores[t] = 0.0F;
  for (std::size_t t = 0; t < padded; t += 8)
    V::store(scores + t, exp8<V>(V::sub(V::load(scores + t), most)));
  for (std::size_t t = count; t < padded; ++t)
    scores[t] = 0.0F;
}

/// Softmax without its division: the sum of exp(score - max) divides the result once at the end. Keys are read once and
/// values once; every query of the group uses what is in registers or in the cache.
template <class V, class T, class Load> inline void attend(const Attention& group, Load load) {
  const std::size_t whole = group.count / kAttendBlock * kAttendBlock;
  for (std::size_t t = 0; t < whole; t += kAttendBlock)
    each_queries(group.queries, [&]<std::size_t Queries>(std::size_t first) {
      score_block<V, Queries, T>(group, first, t, load);
    });
  for (std::size_t n = 0; n < group.queries; ++n) {
    for (std::size_t t = whole; t < group.count; ++t)
      group.scores[n * group.score_stride + t] =
          dot<V>(static_cast<const T*>(group.keys) + t * group.stride,
                 group.query + n * group.stride, group.stride, load) *
          group.scale;
    exponentials<V>(group.scores + n * group.score_stride, group.count);
    for (std::size_t d = 0; d < group.stride; d += 8)
      V::store(group.out + n * group.stride + d, V::zero());
  }
  for (std::size_t t = 0; t < whole; t += kAttendBlock)
    each_queries(group.queries, [&]<std::size_t Queries>(std::size_t first) {
      mix_block<V, Queries, kAttendBlock, T>(group, first, t, load);
    });
  for (std::size_t t = whole; t < group.count; ++t)
    each_queries(group.queries, [&]<std::size_t Queries>(std::size_t first) {
      mix_block<V, Queries, 1, T>(group, first, t, load);
    });
  for (std::size_t n = 0; n < group.queries; ++n) {
    const float* scores = group.scores + n * group.score_stride;
    float* out = group.out + n * group.stride;
    auto sum = V::zero();
    for (std::size_t t = 0; t < group.count; t += 8)
      sum = V::add(sum, V::load(scores + t));
    const auto inverse = V::set(1.0F / V::hsum(sum));
    for (std::size_t d = 0; d < group.stride; d += 8)
      V::store(out + d, V::mul(V::load(out + d), inverse));
  }
}

template <class V> void attend_f32(const Attention& group) {
  attend<V, float>(group, LoadFloat<V>{});
}
template <class V> void attend_f16(const Attention& group) {
  attend<V, std::uint16_t>(group, LoadHalf<V>{});
}

/// Saturates at the largest half, so that a cache never holds an infinity; NaN gives the most negative half.
template <class V> void to_half(const float* x, std::size_t count, std::uint16_t* out) {
  const auto store = [](const float* from, std::uint16_t* to) {
    V::store_half(to, V::min(V::max(V::load(from), V::set(-65504.0F)), V::set(65504.0F)));
  };
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8)
    store(x + i, out + i);
  if (i < count) {
    float tail[8] = {};
    std::uint16_t halves[8];
    for (std::size_t j = 0; i + j < count; ++j)
      tail[j] = x[i + j];
    store(tail, halves);
    for (std::size_t j = 0; i + j < count; ++j)
      out[i + j] = halves[j];
  }
}

/// Apply Op to eight lanes at a time; a short tail goes through padded copies, so every element sees the same code.
template <class V, class Op> inline void zip(float* x, const float* y, std::size_t count, Op op) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8)
    V::store(x + i, op(V::load(x + i), V::load(y + i)));
  if (i < count) {
    float tail_x[8] = {};
    float tail_y[8] = {};
    for (std::size_t j = 0; i + j < count; ++j) {
      tail_x[j] = x[i + j];
      tail_y[j] = y[i + j];
    }
    V::store(tail_x, op(V::load(tail_x), V::load(tail_y)));
    for (std::size_t j = 0; i + j < count; ++j)
      x[i + j] = tail_x[j];
  }
}

template <class V> void relu2_mul(float* gate, const float* up, std::size_t count) {
  zip<V>(gate, up, count, [](auto g, auto u) {
    const auto positive = V::max(g, V::zero());
    return V::mul(V::mul(positive, positive), u);
  });
}

template <class V> void silu_mul(float* gate, const float* up, std::size_t count) {
  zip<V>(gate, up, count, [](auto g, auto u) {
    const auto denominator = V::add(V::set(1.0F), exp8<V>(V::sub(V::zero(), g)));
    return V::mul(V::div(g, denominator), u);
  });
}

template <class V> void add(float* x, const float* y, std::size_t count) {
  zip<V>(x, y, count, [](auto a, auto b) { return V::add(a, b); });
}

} // namespace bitnet::generic
