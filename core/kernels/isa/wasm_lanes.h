// What the WebAssembly sets share: the float side and the byte vectors, as pairs of v128. Each includer wraps it in
// its own anonymous namespace, so nothing is shared at link time.
#pragma once

#include "base/half.h"
#include "kernels/generic/make_kernels.h"

#include <wasm_simd128.h>

namespace bitnet {
namespace {

struct WasmLanes {
  static constexpr std::size_t kAttendSums =
      1; // of the four of dot(): an engine has sixteen registers
  static constexpr bool kPrefetches = false;
  /// A constant, by memory: the linker's optimiser (Binaryen) puts v128.const back to where it is used, and V8 makes each
  /// use of one anew, in three instructions. It sees through locals, not through loads: decode doubled.
  template <std::uint32_t Lane> static v128_t constant() {
    static constexpr std::uint32_t kLanes[] = {Lane, Lane, Lane, Lane};
    const std::uint32_t* lanes = kLanes;
    __asm__("" : "+r"(lanes));
    return wasm_v128_load(lanes);
  }
  template <std::uint8_t Byte> static v128_t bytes() { return constant<Byte * 0x01010101U>(); }
  /// The same for a byte below 64 that is constant where this is inlined.
  static v128_t fill(std::uint8_t byte) {
    static constexpr std::uint8_t kBytes[] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const std::uint8_t* from = kBytes;
    __asm__("" : "+r"(from));
    return wasm_v128_load8_splat(from + byte);
  }

  struct F8 {
    v128_t lo, hi;
  };
  static F8 zero() { return set(0.0F); }
  static F8 set(float x) { return {wasm_f32x4_splat(x), wasm_f32x4_splat(x)}; }
  static F8 load(const float* p) { return {wasm_v128_load(p), wasm_v128_load(p + 4)}; }
  static void store(float* p, F8 a) {
    wasm_v128_store(p, a.lo);
    wasm_v128_store(p + 4, a.hi);
  }
  /// Four halves in the high halves of the lanes. Shifted down by three (arithmetically, so that the sign stays on
  /// top) and masked, exponent and mantissa stand where a float has them, 2^112 too small; the product is exact,
  /// subnormals included. Equals half_to_float for all that is finite, and the loader lets nothing else in.
  static v128_t widen_half(v128_t high) {
    const v128_t small = wasm_v128_and(wasm_i32x4_shr(high, 3), constant<0x8fffe000U>());
    return wasm_f32x4_mul(small, constant<std::bit_cast<std::uint32_t>(0x1p112F)>());
  }
  static F8 load_half(const std::uint16_t* p) {
    const v128_t halves = wasm_v128_load(p);
    const v128_t none = wasm_i16x8_splat(0);
    return {widen_half(wasm_i16x8_shuffle(none, halves, 0, 8, 1, 9, 2, 10, 3, 11)),
            widen_half(wasm_i16x8_shuffle(none, halves, 4, 12, 5, 13, 6, 14, 7, 15))};
  }
  static F8 load_bfloat(const std::uint16_t* p) {
    const v128_t halves = wasm_v128_load(p);
    return {wasm_i32x4_shl(wasm_u32x4_extend_low_u16x8(halves), 16),
            wasm_i32x4_shl(wasm_u32x4_extend_high_u16x8(halves), 16)};
  }
  static F8 add(F8 a, F8 b) { return {wasm_f32x4_add(a.lo, b.lo), wasm_f32x4_add(a.hi, b.hi)}; }
  static F8 sub(F8 a, F8 b) { return {wasm_f32x4_sub(a.lo, b.lo), wasm_f32x4_sub(a.hi, b.hi)}; }
  static F8 mul(F8 a, F8 b) { return {wasm_f32x4_mul(a.lo, b.lo), wasm_f32x4_mul(a.hi, b.hi)}; }
  static F8 div(F8 a, F8 b) { return {wasm_f32x4_div(a.lo, b.lo), wasm_f32x4_div(a.hi, b.hi)}; }
  // pmax(x, y) is x < y ? y : x and pmin(x, y) is y < x ? y : x: swapped, they are the contract's max and min.
  static F8 max(F8 a, F8 b) { return {wasm_f32x4_pmax(b.lo, a.lo), wasm_f32x4_pmax(b.hi, a.hi)}; }
  static F8 min(F8 a, F8 b) { return {wasm_f32x4_pmin(b.lo, a.lo), wasm_f32x4_pmin(b.hi, a.hi)}; }
  static v128_t pow2_half(v128_t shifted) {
    return wasm_i32x4_add(wasm_i32x4_shl(shifted, 23), constant<0x3f800000>());
  }
  static F8 pow2(F8 shifted) { return {pow2_half(shifted.lo), pow2_half(shifted.hi)}; }
  static float hsum(F8 a) {
    const v128_t s = wasm_f32x4_add(a.lo, a.hi); // 0+4 1+5 2+6 3+7
    const v128_t t =
        wasm_f32x4_add(s, wasm_i32x4_shuffle(s, s, 2, 3, 2, 3)); // (0+4)+(2+6) (1+5)+(3+7)
    return wasm_f32x4_extract_lane(t, 0) + wasm_f32x4_extract_lane(t, 1);
  }
  /// hsum of each of eight.
  static F8 hsum8(const F8* a) { return {hsum4(a), hsum4(a + 4)}; }
  static v128_t hsum4(const F8* a) {
    const auto pairs = [](F8 x, F8 y) { // (0+4)+(2+6) of x and y, then (1+5)+(3+7) of both
      const v128_t s = wasm_f32x4_add(x.lo, x.hi);
      const v128_t t = wasm_f32x4_add(y.lo, y.hi);
      return wasm_f32x4_add(wasm_i32x4_shuffle(s, t, 0, 4, 1, 5),
                            wasm_i32x4_shuffle(s, t, 2, 6, 3, 7));
    };
    const v128_t low = pairs(a[0], a[1]);
    const v128_t high = pairs(a[2], a[3]);
    return wasm_f32x4_add(wasm_i32x4_shuffle(low, high, 0, 1, 4, 5),
                          wasm_i32x4_shuffle(low, high, 2, 3, 6, 7));
  }
  static void store_rounded_i8(std::int8_t* p, F8 shifted) {
    const v128_t bytes = wasm_i8x16_shuffle(shifted.lo, shifted.hi, 0, 4, 8, 12, 16, 20, 24, 28, //
                                            0, 4, 8, 12, 16, 20, 24, 28);
    wasm_v128_store64_lane(p, bytes, 0);
  }
  static void store_half(std::uint16_t* p, F8 a) {
    float lanes[8];
    store(lanes, a);
    for (std::size_t i = 0; i < 8; ++i)
      p[i] = float_to_half(lanes[i]);
  }

  struct B32 {
    v128_t lo, hi;
  };
  struct L8 {
    v128_t lo, hi;
  };
  static B32 load32(const void* p) {
    const auto* bytes = static_cast<const std::uint8_t*>(p);
    return {wasm_v128_load(bytes), wasm_v128_load(bytes + 16)};
  }
  static B32 nibbles(const std::uint8_t* p) {
    const v128_t packed = wasm_v128_load(p);
    return {wasm_v128_and(packed, bytes<15>()),
            wasm_v128_and(wasm_u16x8_shr(packed, 4), bytes<15>())};
  }
  static B32 and32(B32 a, std::uint8_t mask) {
    return {wasm_v128_and(a.lo, fill(mask)), wasm_v128_and(a.hi, fill(mask))};
  }
  static B32 or32(B32 a, B32 b) { return {wasm_v128_or(a.lo, b.lo), wasm_v128_or(a.hi, b.hi)}; }
  // 16-bit shifts: engines have no byte shift, and bits that cross a byte are masked off by the and32 that follows.
  template <int N> static B32 shr32(B32 a) {
    return {wasm_u16x8_shr(a.lo, N), wasm_u16x8_shr(a.hi, N)};
  }
  template <int N> static B32 shl32(B32 a) {
    return {wasm_i16x8_shl(a.lo, N), wasm_i16x8_shl(a.hi, N)};
  }
  /// Four neighbouring products per lane, any signed bytes: the even ones and the odd ones as words.
  static v128_t dot4(v128_t a, v128_t b) {
    const auto even = [](v128_t x) { return wasm_i16x8_shr(wasm_i16x8_shl(x, 8), 8); };
    return wasm_i32x4_add(wasm_i32x4_dot_i16x8(even(a), even(b)),
                          wasm_i32x4_dot_i16x8(wasm_i16x8_shr(a, 8), wasm_i16x8_shr(b, 8)));
  }
  static L8 dot4_i8(B32 a, B32 b) { return {dot4(a.lo, b.lo), dot4(a.hi, b.hi)}; }
  static L8 sub_lanes(L8 a, L8 b) {
    return {wasm_i32x4_sub(a.lo, b.lo), wasm_i32x4_sub(a.hi, b.hi)};
  }
  static L8 scale_lanes(L8 a, std::int32_t low, std::int32_t high) {
    return {wasm_i32x4_mul(a.lo, wasm_i32x4_splat(low)),
            wasm_i32x4_mul(a.hi, wasm_i32x4_splat(high))};
  }
  static F8 lanes_to_float(L8 a) {
    return {wasm_f32x4_convert_i32x4(a.lo), wasm_f32x4_convert_i32x4(a.hi)};
  }

  // The 2-bit planes of one vector of codes.
  using U8 = v128_t;
  using I8 = v128_t;
  using Acc = v128_t;
  static U8 load_codes(const std::uint8_t* p) { return wasm_v128_load(p); }
  static void store_codes(std::uint8_t* p, U8 codes) { wasm_v128_store(p, codes); }
  static I8 load_i8(const std::int8_t* p) { return wasm_v128_load(p); }
  template <int P> static U8 plane(U8 w) {
    return wasm_v128_and(P == 0 ? w : wasm_u16x8_shr(w, 2 * P), bytes<3>());
  }
  template <int P> static U8 nibble(U8 w) {
    return wasm_v128_and(P == 0 ? w : wasm_u16x8_shr(w, 4), bytes<15>());
  }
  static Acc acc_zero() { return wasm_i32x4_splat(0); }
  static void sum4(const Acc* acc, std::int32_t* sums) {
    const auto pairs = [](Acc a, Acc b) { // 0+2 1+3 of a, then of b
      return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 1, 4, 5),
                            wasm_i32x4_shuffle(a, b, 2, 3, 6, 7));
    };
    const v128_t low = pairs(acc[0], acc[1]);
    const v128_t high = pairs(acc[2], acc[3]);
    wasm_v128_store(sums, wasm_i32x4_add(wasm_i32x4_shuffle(low, high, 0, 2, 4, 6),
                                         wasm_i32x4_shuffle(low, high, 1, 3, 5, 7)));
  }
};

} // namespace
} // namespace bitnet
