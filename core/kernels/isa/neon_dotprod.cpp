// NEON with the dot product of ARMv8.2-A: SDOT adds four products of signed bytes to each of four 32-bit sums, which never
// overflow (kernels.h), so sums are only folded at the end of a row.
#include "kernels/isa/neon_lanes.h"

namespace bitnet {
namespace {

struct NeonDotprod : NeonBytes<NeonDotprod> {
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
};

} // namespace

extern const Kernels kernels_neon_dotprod;
constinit const Kernels kernels_neon_dotprod = generic::make_kernels<NeonDotprod>("neon_dotprod");

} // namespace bitnet
