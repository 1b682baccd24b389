// What the two NEON sets share: the float side, the byte vectors of the dense types and the planes of the ternary codes, as
// pairs of 128-bit vectors; plain ARMv8-A. Each includer wraps it in its own anonymous namespace, so nothing is shared at
// link time.
#pragma once

#include "kernels/generic/make_kernels.h"

#include <arm_neon.h>

namespace bitnet {
// Shared code would be compiled with one set's flags and run by another's.
namespace { // NOLINT(misc-anonymous-namespace-in-header)

struct NeonLanes {
  static constexpr std::size_t kAttendSums = 2;
  static constexpr bool kPrefetches = true;
  struct F8 {
    float32x4_t lo, hi;
  };
  static F8 zero() { return set(0.0F); }
  static F8 set(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
  static F8 load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
  static void store(float* p, F8 a) {
    vst1q_f32(p, a.lo);
    vst1q_f32(p + 4, a.hi);
  }
  // Subnormals included, unless somebody sets FPCR.FZ16; floats are converted back to nearest, ties to even.
  static F8 load_half(const std::uint16_t* p) {
    const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(p));
    return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
  }
  static void store_half(std::uint16_t* p, F8 a) {
    vst1q_u16(p, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(a.lo), a.hi)));
  }
  static F8 load_bfloat(const std::uint16_t* p) {
    const uint16x8_t halves = vld1q_u16(p);
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16))};
  }
  static F8 add(F8 a, F8 b) { return {vaddq_f32(a.lo, b.lo), vaddq_f32(a.hi, b.hi)}; }
  static F8 sub(F8 a, F8 b) { return {vsubq_f32(a.lo, b.lo), vsubq_f32(a.hi, b.hi)}; }
  static F8 mul(F8 a, F8 b) { return {vmulq_f32(a.lo, b.lo), vmulq_f32(a.hi, b.hi)}; }
  static F8 div(F8 a, F8 b) { return {vdivq_f32(a.lo, b.lo), vdivq_f32(a.hi, b.hi)}; }
  // Not vmaxq and vminq: they give NaN where either is one, and the contract gives b.
  static F8 max(F8 a, F8 b) {
    return {vbslq_f32(vcgtq_f32(a.lo, b.lo), a.lo, b.lo),
            vbslq_f32(vcgtq_f32(a.hi, b.hi), a.hi, b.hi)};
  }
  static F8 min(F8 a, F8 b) {
    return {vbslq_f32(vcltq_f32(a.lo, b.lo), a.lo, b.lo),
            vbslq_f32(vcltq_f32(a.hi, b.hi), a.hi, b.hi)};
  }
  static float32x4_t pow2_half(float32x4_t shifted) {
    const uint32x4_t n = vshlq_n_u32(vreinterpretq_u32_f32(shifted), 23);
    return vreinterpretq_f32_u32(vaddq_u32(n, vdupq_n_u32(0x3f800000U)));
  }
  static F8 pow2(F8 shifted) { return {pow2_half(shifted.lo), pow2_half(shifted.hi)}; }
  static float hsum(F8 a) {
    const float32x4_t s = vaddq_f32(a.lo, a.hi);                       // 0+4 1+5 2+6 3+7
    const float32x2_t t = vadd_f32(vget_low_f32(s), vget_high_f32(s)); // (0+4)+(2+6) (1+5)+(3+7)
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
  }
  /// hsum of each of eight.
  static F8 hsum8(const F8* a) { return {hsum4(a), hsum4(a + 4)}; }
  static float32x4_t hsum4(const F8* a) {
    const auto pairs = [](F8 x, F8 y) { // (0+4)+(2+6) (1+5)+(3+7) of x, then of y
      const float32x4_t s = vaddq_f32(x.lo, x.hi);
      const float32x4_t t = vaddq_f32(y.lo, y.hi);
      return vaddq_f32(vcombine_f32(vget_low_f32(s), vget_low_f32(t)),
                       vcombine_f32(vget_high_f32(s), vget_high_f32(t)));
    };
    return vpaddq_f32(pairs(a[0], a[1]), pairs(a[2], a[3]));
  }
  static void store_rounded_i8(std::int8_t* p, F8 shifted) {
    // The integer stands in the low mantissa byte; each narrowing keeps the low half of a lane.
    const uint16x4_t low = vmovn_u32(vreinterpretq_u32_f32(shifted.lo));
    const uint16x8_t both = vmovn_high_u32(low, vreinterpretq_u32_f32(shifted.hi));
    vst1_s8(p, vreinterpret_s8_u8(vmovn_u16(both)));
  }

  struct B32 {
    uint8x16_t lo, hi;
  };
  struct L8 {
    int32x4_t lo, hi;
  };
  static B32 load32(const void* p) {
    const auto* bytes = static_cast<const std::uint8_t*>(p);
    return {vld1q_u8(bytes), vld1q_u8(bytes + 16)};
  }
  static B32 nibbles(const std::uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    return {vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4)};
  }
  static B32 and32(B32 a, std::uint8_t mask) {
    return {vandq_u8(a.lo, vdupq_n_u8(mask)), vandq_u8(a.hi, vdupq_n_u8(mask))};
  }
  static B32 or32(B32 a, B32 b) { return {vorrq_u8(a.lo, b.lo), vorrq_u8(a.hi, b.hi)}; }
  template <int N> static B32 shr32(B32 a) { return {vshrq_n_u8(a.lo, N), vshrq_n_u8(a.hi, N)}; }
  template <int N> static B32 shl32(B32 a) { return {vshlq_n_u8(a.lo, N), vshlq_n_u8(a.hi, N)}; }
  static L8 scale_lanes(L8 a, std::int32_t low, std::int32_t high) {
    return {vmulq_n_s32(a.lo, low), vmulq_n_s32(a.hi, high)};
  }
  static F8 lanes_to_float(L8 a) { return {vcvtq_f32_s32(a.lo), vcvtq_f32_s32(a.hi)}; }

  // The 2-bit planes of one vector of codes. Codes are 0 to 3: the same bytes signed and unsigned.
  using U8 = uint8x16_t;
  using I8 = int8x16_t;
  using Acc = int32x4_t;
  static U8 load_codes(const std::uint8_t* p) { return vld1q_u8(p); }
  static void store_codes(std::uint8_t* p, U8 codes) { vst1q_u8(p, codes); }
  static I8 load_i8(const std::int8_t* p) { return vld1q_s8(p); }
  template <int P> static U8 plane(U8 w) {
    if constexpr (P == 0)
      return vandq_u8(w, vdupq_n_u8(3));
    else if constexpr (P == 3)
      return vshrq_n_u8(w, 6);
    else
      return vandq_u8(vshrq_n_u8(w, 2 * P), vdupq_n_u8(3));
  }
  template <int P> static U8 nibble(U8 w) {
    if constexpr (P == 0)
      return vandq_u8(w, vdupq_n_u8(15));
    else
      return vshrq_n_u8(w, 4);
  }
  static Acc acc_zero() { return vdupq_n_s32(0); }
  static void sum4(const Acc* acc, std::int32_t* sums) {
    vst1q_s32(sums, vpaddq_s32(vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3])));
  }
};

/// And what they share that rests on Set's dot4, four neighbouring products of signed bytes per lane. Of 32 registers, the
/// sums of sixteen rows take sixteen, four vectors of activations four, the mask one.
template <class Set> struct NeonBytes : NeonLanes {
  static constexpr std::size_t kTileRows = 16, kGemmRows = 4, kGemmColumns = 4, kStripBytes = 16;

  static L8 dot4_i8(B32 a, B32 b) { return {Set::dot4(a.lo, b.lo), Set::dot4(a.hi, b.hi)}; }
  static L8 dot4_centred(B32 a, B32 codes, std::uint8_t centre) {
    const uint8x16_t c = vdupq_n_u8(centre);
    return dot4_i8(a, {vsubq_u8(codes.lo, c), vsubq_u8(codes.hi, c)});
  }
  using Scales = const std::int8_t*;
  static Scales load_scales(const std::int8_t* p) { return p; }
  template <int K> static L8 dot4_scaled(B32 a, B32 codes, std::uint8_t centre, Scales scales) {
    return scale_lanes(dot4_centred(a, codes, centre), scales[2 * K], scales[2 * K + 1]);
  }
};

} // namespace
} // namespace bitnet
