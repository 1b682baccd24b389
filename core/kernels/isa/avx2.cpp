// AVX2 (and F16C for halves). Ternary products by vpmaddubsw in 16-bit sums: one strip adds at most 4 planes * 2
// products * 127 * 3 = 3048 per lane, so ten strips fit below 32767; eight are used.
#include "kernels/isa/x86_lanes.h"

namespace bitnet {
namespace {

struct Avx2 : X86Bytes {
  using PartLane = std::int16_t;
  // Between two lines of weights there is so much to compute that few reads are under way at once. Measured on Zen 3 only
  // (docs/performance.md).
  static constexpr std::size_t kAhead = 4096;
  static Part mac(Part part, I8 a, U8 codes) {
    return _mm256_add_epi16(part, _mm256_maddubs_epi16(codes, a));
  }
  static Acc widen(Acc acc, Part part) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(part, _mm256_set1_epi16(1)));
  }
};

} // namespace

extern const Kernels kernels_avx2;
constinit const Kernels kernels_avx2 = generic::make_kernels<Avx2>("avx2");

} // namespace bitnet
