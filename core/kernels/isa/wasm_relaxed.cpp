// WebAssembly relaxed SIMD: only the integer dot product, activations FIRST and codes SECOND. Codes are 0..63, inside the
// seven bits the second operand may use, and two products stay below 32767, so every lawful engine gives the same sum.
#include "kernels/isa/wasm_lanes.h"

namespace bitnet {
namespace {

struct WasmRelaxed : WasmLanes {
  static constexpr std::size_t kTileRows = 8, kGemmRows = 2, kGemmColumns = 4, kStripBytes = 16;

  using Part = v128_t;
  using PartLane = std::int32_t;
  static Part part_zero() { return wasm_i32x4_splat(0); }
  static Part mac(Part part, I8 a, U8 codes) {
    return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, codes, part);
  }
  static Acc widen(Acc acc, Part part) { return wasm_i32x4_add(acc, part); }
  static L8 dot4_u7(B32 a, B32 codes) {
    const v128_t none = wasm_i32x4_splat(0);
    return {mac(none, a.lo, codes.lo), mac(none, a.hi, codes.hi)};
  }
  static L8 dot4_centred(B32 a, B32 codes, std::uint8_t centre) {
    return sub_lanes(dot4_u7(a, codes), dot4_u7(a, {fill(centre), fill(centre)}));
  }
  using Scales = const std::int8_t*;
  static Scales load_scales(const std::int8_t* p) { return p; }
  template <int K> static L8 dot4_scaled(B32 a, B32 codes, std::uint8_t centre, Scales scales) {
    return scale_lanes(dot4_centred(a, codes, centre), scales[2 * K], scales[2 * K + 1]);
  }
};

} // namespace

extern const Kernels kernels_wasm_relaxed;
constinit const Kernels kernels_wasm_relaxed = generic::make_kernels<WasmRelaxed>("wasm_relaxed");

} // namespace bitnet
