// Attention over a policy V: a group of queries that share one head of keys and values. One order of additions, and memory
// read once, from one end to the other.
#pragma once

#include "kernels/generic/floats.h"

#include <cstring>

namespace bitnet::generic {

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
      // Not a loop: LLVM 21, which WasmEdge 0.17 compiles with, crashes as it unrolls one here (llvm-project, issue 222852).
      std::memcpy(block, static_cast<const T*>(group.values) + at * group.stride,
                  Count * group.stride * sizeof(T));
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

} // namespace bitnet::generic
