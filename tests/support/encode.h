// Encoders of every weight type we read, written the slow and obvious way, one weight at a time, from the layouts'
// description alone: they share no code with core/tensor/rows.cpp, so that each checks the other.
// Enters: floats or ternary codes. Leaves: the bytes a GGUF file would hold. For tests only.
#pragma once

#include "base/half.h"
#include "tensor/dtype.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

namespace bitnet::test {

/// The same numbers on every machine (splitmix64).
class Random {
public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// 0 to n-1.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  /// [-1, 1)
  float uniform() { return static_cast<float>(static_cast<double>(next() >> 11) * 0x1p-52 - 1.0); }

private:
  std::uint64_t state_;
};

using ByteVector = std::vector<std::uint8_t>;

template <class T> void put(ByteVector& out, T value) {
  std::uint8_t bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}

inline std::uint16_t float_to_bfloat(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16); // not for NaN
}

inline float largest(std::span<const float> weights) {
  float most = 0;
  for (const float w : weights)
    most = std::max(most, std::fabs(w));
  return most;
}

/// w to the nearest multiple of `unit`, held to [low, high].
inline int quantise(float w, float unit, int low, int high) {
  return unit == 0.0F ? 0 : std::clamp(static_cast<int>(std::lround(w / unit)), low, high);
}

inline void encode_q8_0(std::span<const float> block, ByteVector& out) { // 32 weights
  const std::uint16_t d = float_to_half(largest(block) / 127.0F);
  put(out, d);
  for (const float w : block)
    put(out, static_cast<std::int8_t>(quantise(w, half_to_float(d), -127, 127)));
}

inline void encode_q4_0(std::span<const float> block, ByteVector& out) { // 32 weights
  const std::uint16_t d = float_to_half(largest(block) / 7.0F);
  put(out, d);
  for (std::size_t j = 0; j < 16; ++j) {
    const int low = quantise(block[j], half_to_float(d), -8, 7) + 8;
    const int high = quantise(block[j + 16], half_to_float(d), -8, 7) + 8;
    put(out, static_cast<std::uint8_t>(low | high << 4));
  }
}

inline void encode_q6_k(std::span<const float> block, ByteVector& out) { // 256 weights
  const std::uint16_t d = float_to_half(largest(block) / (31.0F * 127.0F));
  std::uint8_t ql[128] = {}, qh[64] = {};
  std::int8_t scales[16] = {};
  for (std::size_t i = 0; i < 256; ++i) {
    const float unit = half_to_float(d);
    const int scale = quantise(largest(block.subspan(i / 16 * 16, 16)) / 31.0F, unit, 0, 127);
    scales[i / 16] = static_cast<std::int8_t>(scale);
    const int q = quantise(block[i], unit * static_cast<float>(scale), -32, 31) + 32;
    const std::size_t half = i / 128, quarter = i % 128 / 32, l = i % 32;
    ql[64 * half + 32 * (quarter % 2) + l] |=
        static_cast<std::uint8_t>((q & 15) << (quarter < 2 ? 0 : 4));
    qh[32 * half + l] |= static_cast<std::uint8_t>((q >> 4) << (2 * quarter));
  }
  out.insert(out.end(), ql, ql + 128);
  out.insert(out.end(), qh, qh + 64);
  for (const std::int8_t scale : scales)
    put(out, scale);
  put(out, d);
}

/// Any float type: F32, F16, BF16, Q8_0, Q4_0 and Q6_K. The count must be a whole number of blocks.
inline ByteVector encode_floats(DType type, std::span<const float> weights) {
  ByteVector out;
  for (std::size_t i = 0; i < weights.size();) {
    const std::size_t n = dtype_info(type).block_weights;
    const auto block = weights.subspan(i, n);
    i += n;
    switch (type) {
    case DType::kF32: put(out, block[0]); break;
    case DType::kF16: put(out, float_to_half(block[0])); break;
    case DType::kBF16: put(out, float_to_bfloat(block[0])); break;
    case DType::kQ8_0: encode_q8_0(block, out); break;
    case DType::kQ4_0: encode_q4_0(block, out); break;
    case DType::kQ6_K: encode_q6_k(block, out); break;
    default: break;
    }
  }
  return out;
}

/// Five (or fewer) base-3 digits, most significant first, as one byte.
inline std::uint8_t encode_trits(std::span<const std::uint8_t> digits) {
  unsigned value = 0;
  for (std::size_t n = 0; n < 5; ++n)
    value = 3 * value + (n < digits.size() ? digits[n] : 0U);
  return static_cast<std::uint8_t>((256 * value + 242) / 243);
}

inline void encode_tq1_0(std::span<const std::uint8_t> codes, float scale,
                         ByteVector& out) { // 256 codes
  const auto column = [&](std::size_t first, std::size_t stride, std::size_t digits) {
    std::uint8_t d[5] = {};
    for (std::size_t n = 0; n < digits; ++n)
      d[n] = codes[first + n * stride];
    put(out, encode_trits({d, digits}));
  };
  for (std::size_t m = 0; m < 32; ++m)
    column(m, 32, 5);
  for (std::size_t m = 0; m < 16; ++m)
    column(160 + m, 16, 5);
  for (std::size_t j = 0; j < 4; ++j)
    column(240 + j, 4, 4);
  put(out, float_to_half(scale));
}

inline void encode_tq2_0(std::span<const std::uint8_t> codes, float scale,
                         ByteVector& out) { // 256 codes
  std::uint8_t qs[64] = {};
  for (std::size_t i = 0; i < 256; ++i)
    qs[i / 128 * 32 + i % 32] |= static_cast<std::uint8_t>(codes[i] << (2 * (i % 128 / 32)));
  out.insert(out.end(), qs, qs + 64);
  put(out, float_to_half(scale));
}

/// A ternary type: I2_S (one scale, then padding), TQ1_0 or TQ2_0 (the same scale in every block).
inline ByteVector encode_codes(DType type, std::span<const std::uint8_t> codes, float scale) {
  ByteVector out;
  if (type == DType::kI2_S) {
    out.resize(codes.size() / 4);
    for (std::size_t i = 0; i < codes.size(); ++i)
      out[i / 128 * 32 + i % 32] |= static_cast<std::uint8_t>(codes[i] << (6 - 2 * (i % 128 / 32)));
    put(out, scale);
    out.resize(out.size() + 28);
    return out;
  }
  for (std::size_t i = 0; i + 256 <= codes.size(); i += 256) {
    if (type == DType::kTQ1_0)
      encode_tq1_0(codes.subspan(i, 256), scale, out);
    else
      encode_tq2_0(codes.subspan(i, 256), scale, out);
  }
  return out;
}

} // namespace bitnet::test
