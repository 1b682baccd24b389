// NEON with the dot product of ARMv8.2-A: SDOT adds four products of signed bytes to each of four 32-bit sums, which never
// overflow (kernels.h), so sums are only folded at the end of a row.
//
// Of 32 registers, the sums of sixteen rows take sixteen, four vectors of activations four, the mask one.
#include "kernels/isa/neon_lanes.h"

namespace bitnet {
namespace {

struct NeonDotprod : NeonLanes {
  static constexpr std::size_t kTileRows = 16, kGemmRows = 4, kGemmColumns = 4, kStripBytes = 16;

  using Part = int32x4_t;
  using PartLane = std::int32_t;
  static Part part_zero() { return vdupq_n_s32(0); }
  static Part mac(Part part, I8 a, U8 codes) {
    return vdotq_s32(part, a, vreinterpretq_s8_u8(codes));
  }
  static Acc widen(Acc acc, Part part) { return vaddq_s32(acc, part); }

  static int32x4_t dot4(uint8x16_t a, uint8x16_t b) {
    return vdotq_s32(vdupq_n_s32(0), vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b));
  }
  static L8 dot4_i8(B32 a, B32 b) { return {dot4(a.lo, b.lo), dot4(a.hi, b.hi)}; }
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

extern const Kernels kernels_neon_dotprod;
constinit const Kernels kernels_neon_dotprod = generic::make_kernels<NeonDotprod>("neon_dotprod");

} // namespace bitnet
