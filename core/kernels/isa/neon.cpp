// NEON as every ARMv8-A processor has it. Ternary products by multiplies that add into 16-bit sums: one strip adds at most
// 4 planes * 2 products * 127 * 3 = 3048 per lane, so ten strips fit below 32767; eight are used.
#include "kernels/isa/neon_lanes.h"

namespace bitnet {
namespace {

struct Neon : NeonBytes<Neon> {
  using Part = int16x8_t;
  using PartLane = std::int16_t;
  static Part part_zero() { return vdupq_n_s16(0); }
  static Part mac(Part part, I8 a, U8 codes) {
    const int8x16_t w = vreinterpretq_s8_u8(codes);
    return vmlal_high_s8(vmlal_s8(part, vget_low_s8(a), vget_low_s8(w)), a, w);
  }
  static Acc widen(Acc acc, Part part) { return vpadalq_s16(acc, part); }

  /// Four neighbouring products per lane, any signed bytes: a product is at most 127 * 128, so two fit only in 32 bits.
  static int32x4_t dot4(uint8x16_t a, uint8x16_t b) {
    const int8x16_t x = vreinterpretq_s8_u8(a), y = vreinterpretq_s8_u8(b);
    return vpaddq_s32(vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(y))),
                      vpaddlq_s16(vmull_high_s8(x, y)));
  }
};

} // namespace

extern const Kernels kernels_neon;
constinit const Kernels kernels_neon = generic::make_kernels<Neon>("neon");

} // namespace bitnet
