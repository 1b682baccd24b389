// Plain WebAssembly SIMD: ternary products by lookup. It has no product of bytes, and extended multiplies take seven
// instructions for the 16 products that a look makes in three.
#include "kernels/generic/ternary_lut.h"
#include "kernels/isa/wasm_lanes.h"

namespace bitnet {
namespace {

struct WasmSimd128 : WasmLanes {
  static constexpr std::size_t kTileRows = 32, kStripBytes = 1;

  using Bytes = v128_t;
  static Bytes load_bytes(const std::uint8_t* p) { return wasm_v128_load(p); }
  static Bytes zero_bytes() { return wasm_i8x16_splat(0); }
  static Bytes look(Bytes table, Bytes indices) { return wasm_i8x16_swizzle(table, indices); }
  static Bytes low_nibbles(Bytes a) { return wasm_v128_and(a, bytes<15>()); }
  static Bytes high_nibbles(Bytes a) { return wasm_v128_and(wasm_u16x8_shr(a, 4), bytes<15>()); }
  static Bytes add_bytes(Bytes a, Bytes b) { return wasm_i8x16_add(a, b); }
  static Bytes add_words(Bytes a, Bytes b) { return wasm_i16x8_add(a, b); }
  static Bytes high_bytes(Bytes a) { return wasm_u16x8_shr(a, 8); }
  template <std::int32_t Bias>
  static void add_digits(Bytes low_words, Bytes low_odd, Bytes high_words, Bytes high_odd,
                         std::int32_t* sums) {
    const auto add = [](std::int32_t* p, v128_t low, v128_t high) {
      const v128_t sum = wasm_i32x4_add(low, wasm_i32x4_shl(high, 5));
      wasm_v128_store(
          p, wasm_i32x4_add(wasm_v128_load(p), wasm_i32x4_sub(sum, wasm_i32x4_splat(Bias))));
    };
    const auto even = [](v128_t words, v128_t odd) {
      return wasm_i16x8_sub(words, wasm_i16x8_shl(odd, 8));
    };
    const auto first = [](v128_t a, v128_t b) { // words of rows 0..7
      return wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    };
    const auto second = [](v128_t a, v128_t b) {
      return wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    };
    const v128_t low_even = even(low_words, low_odd), high_even = even(high_words, high_odd);
    const v128_t low0 = first(low_even, low_odd), low1 = second(low_even, low_odd);
    const v128_t high0 = first(high_even, high_odd), high1 = second(high_even, high_odd);
    add(sums, wasm_u32x4_extend_low_u16x8(low0), wasm_u32x4_extend_low_u16x8(high0));
    add(sums + 4, wasm_u32x4_extend_high_u16x8(low0), wasm_u32x4_extend_high_u16x8(high0));
    add(sums + 8, wasm_u32x4_extend_low_u16x8(low1), wasm_u32x4_extend_low_u16x8(high1));
    add(sums + 12, wasm_u32x4_extend_high_u16x8(low1), wasm_u32x4_extend_high_u16x8(high1));
  }
  static void store_tables(std::int8_t x0, std::int8_t x1, std::uint8_t* to) {
    const v128_t a =
        wasm_i16x8_mul(wasm_i16x8_splat(x0), wasm_i16x8_const(-1, 0, 1, 2, -1, 0, 1, 2));
    const v128_t b = wasm_i16x8_splat(x1);
    // Second codes 0 and 1, then 2 and 3.
    const v128_t small =
        wasm_i16x8_sub(a, wasm_v128_and(b, wasm_i16x8_const(-1, -1, -1, -1, 0, 0, 0, 0)));
    const v128_t large =
        wasm_i16x8_add(a, wasm_i16x8_mul(b, wasm_i16x8_const(1, 1, 1, 1, 2, 2, 2, 2)));
    const v128_t digit = wasm_i16x8_splat(31);
    const v128_t bias = wasm_i16x8_splat(16);
    wasm_v128_store(
        to, wasm_u8x16_narrow_i16x8(wasm_v128_and(small, digit), wasm_v128_and(large, digit)));
    wasm_v128_store(to + 16,
                    wasm_u8x16_narrow_i16x8(wasm_i16x8_add(wasm_i16x8_shr(small, 5), bias),
                                            wasm_i16x8_add(wasm_i16x8_shr(large, 5), bias)));
  }
  static L8 dot4_centred(B32 a, B32 codes, std::uint8_t centre) {
    const v128_t c = fill(centre);
    return dot4_i8(a, {wasm_i8x16_sub(codes.lo, c), wasm_i8x16_sub(codes.hi, c)});
  }
  using Scales = const std::int8_t*;
  static Scales load_scales(const std::int8_t* p) { return p; }
  template <int K> static L8 dot4_scaled(B32 a, B32 codes, std::uint8_t centre, Scales scales) {
    return scale_lanes(dot4_centred(a, codes, centre), scales[2 * K], scales[2 * K + 1]);
  }
};

/// For scans: their codes are too many for tables.
struct Products : WasmLanes {
  static constexpr std::size_t kTileRows = 8, kStripBytes = 16;

  using Part = v128_t;
  using PartLane = std::int16_t;
  static Part part_zero() { return wasm_i16x8_splat(0); }
  static Part mac(Part part, I8 a, U8 codes) {
    return wasm_i16x8_add(part, wasm_i16x8_add(wasm_i16x8_extmul_low_i8x16(a, codes),
                                               wasm_i16x8_extmul_high_i8x16(a, codes)));
  }
  static Acc widen(Acc acc, Part part) {
    return wasm_i32x4_add(acc, wasm_i32x4_extadd_pairwise_i16x8(part));
  }
};

} // namespace

// For one vector and for many: looking up has nothing to unpack.
constexpr auto* kLookUp = generic::ternary_lut<WasmSimd128>;

extern const Kernels kernels_wasm_simd128;
constinit const Kernels kernels_wasm_simd128 =
    generic::make_kernels<WasmSimd128, kLookUp, kLookUp, Products>("wasm_simd128");

} // namespace bitnet
