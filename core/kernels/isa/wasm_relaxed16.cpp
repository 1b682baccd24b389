// WebAssembly relaxed SIMD for engines that lower its dot product to pmaddubsw (x86 without VNNI): the 16-bit form is
// that one instruction, where the 32-bit form needs three. Sums stay in 16 bits for eight strips, as in avx2.cpp.
#include "kernels/isa/wasm_lanes.h"

namespace bitnet {
namespace {

struct WasmRelaxed16 : WasmLanes {
  static constexpr std::size_t kTileRows = 8, kGemmRows = 2, kGemmColumns = 4, kStripBytes = 16;

  using Part = v128_t;
  using PartLane = std::int16_t;
  static Part part_zero() { return wasm_i16x8_splat(0); }
  static Part mac(Part part, I8 a, U8 codes) {
    return wasm_i16x8_add(part, wasm_i16x8_relaxed_dot_i8x16_i7x16(a, codes));
  }
  static Acc widen(Acc acc, Part part) {
    return wasm_i32x4_add(acc, wasm_i32x4_extadd_pairwise_i16x8(part));
  }
  /// Pairs of products of activations and code - centre; they fit 16 bits.
  static v128_t pairs(v128_t a, v128_t codes, std::uint8_t centre) {
    return wasm_i16x8_sub(wasm_i16x8_relaxed_dot_i8x16_i7x16(a, codes),
                          wasm_i16x8_relaxed_dot_i8x16_i7x16(a, fill(centre)));
  }
  static L8 dot4_centred(B32 a, B32 codes, std::uint8_t centre) {
    return {wasm_i32x4_extadd_pairwise_i16x8(pairs(a.lo, codes.lo, centre)),
            wasm_i32x4_extadd_pairwise_i16x8(pairs(a.hi, codes.hi, centre))};
  }
  using Scales = const std::int8_t*;
  static Scales load_scales(const std::int8_t* p) { return p; }
  static v128_t scale_words(const std::int8_t* p) {
    return wasm_i16x8_shr(wasm_v128_load8_splat(p), 8);
  }
  template <int K> static L8 dot4_scaled(B32 a, B32 codes, std::uint8_t centre, Scales scales) {
    return {wasm_i32x4_dot_i16x8(pairs(a.lo, codes.lo, centre), scale_words(scales + 2 * K)),
            wasm_i32x4_dot_i16x8(pairs(a.hi, codes.hi, centre), scale_words(scales + 2 * K + 1))};
  }

  /// Outside seven bits the dot product shows how an engine computes it: 4 * 127 * 255 = 129540 with VNNI, -508 where
  /// bytes are signed (ARM), 2 * 32767 with the saturating pmaddubsw.
  static bool suits() {
    volatile std::uint8_t all_ones =
        255; // not a constant: the engine must compute it, not the compiler
    const v128_t sums = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(
        wasm_i8x16_splat(127), wasm_u8x16_splat(all_ones), wasm_i32x4_splat(0));
    const std::int32_t sum = wasm_i32x4_extract_lane(sums, 0);
    return sum == 2 * 32767;
  }
};

} // namespace

extern const Kernels kernels_wasm_relaxed16;
constinit const Kernels kernels_wasm_relaxed16 =
    generic::make_kernels<WasmRelaxed16>("wasm_relaxed16", WasmRelaxed16::suits);

} // namespace bitnet
