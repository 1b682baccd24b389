// Plain WebAssembly SIMD. Products by extended multiplies in 16-bit sums: one strip adds at most 4 planes * 2 products *
// 127 * 3 = 3048 per lane, so ten strips fit below 32767; eight are used.
#include "kernels/isa/wasm_lanes.h"

namespace bitnet {
namespace {

struct WasmSimd128 : WasmLanes {
  static constexpr std::size_t kTileRows = 8, kGemmRows = 2, kGemmColumns = 4, kShared = 0,
                               kStripBytes = 16, kPartStrips = 8;

  using Part = v128_t;
  static Part part_zero() { return wasm_i16x8_splat(0); }
  static Part mac(Part part, I8 a, U8 codes) {
    return wasm_i16x8_add(part, wasm_i16x8_add(wasm_i16x8_extmul_low_i8x16(a, codes),
                                               wasm_i16x8_extmul_high_i8x16(a, codes)));
  }
  static Acc widen(Acc acc, Part part) {
    return wasm_i32x4_add(acc, wasm_i32x4_extadd_pairwise_i16x8(part));
  }
  static L8 dot4_centred(B32 a, B32 codes, std::uint8_t centre) {
    const v128_t c = wasm_u8x16_splat(centre);
    return dot4_i8(a, {wasm_i8x16_sub(codes.lo, c), wasm_i8x16_sub(codes.hi, c)});
  }
  using Scales = const std::int8_t*;
  static Scales load_scales(const std::int8_t* p) { return p; }
  template <int K> static L8 dot4_scaled(B32 a, B32 codes, std::uint8_t centre, Scales scales) {
    return scale_lanes(dot4_centred(a, codes, centre), scales[2 * K], scales[2 * K + 1]);
  }
};

} // namespace

extern const Kernels kernels_wasm_simd128;
constinit const Kernels kernels_wasm_simd128 = generic::make_kernels<WasmSimd128>("wasm_simd128");

} // namespace bitnet
