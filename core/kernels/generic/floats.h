// The float side over a policy V whose F8 is eight lanes on every instruction set: norms, activations, activation
// quantisation. max(a, b) means a > b ? a : b and min(a, b) means a < b ? a : b, NaN included
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
