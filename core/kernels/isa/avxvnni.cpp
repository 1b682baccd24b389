// AVX2 with AVX-VNNI, for processors whose VNNI has no AVX-512: vpdpbusd as in avx512_vnni.cpp on vectors of half the
// width. The same intrinsic stands for AVX-512's encoding, so that tests/CMakeLists.txt can compile this file for that too.
#include "kernels/isa/x86_lanes.h"

namespace bitnet {
namespace {

struct AvxVnni : X86Bytes {
  using PartLane = std::int32_t;
  static Part mac(Part part, I8 a, U8 codes) { return _mm256_dpbusd_epi32(part, codes, a); }
  static Acc widen(Acc acc, Part part) { return _mm256_add_epi32(acc, part); }
  static L8 dot4_i8(B32 a, B32 b) {
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_abs_epi8(b), _mm256_sign_epi8(a, b));
  }
};

} // namespace

extern const Kernels kernels_avxvnni;
constinit const Kernels kernels_avxvnni = generic::make_kernels<AvxVnni>("avxvnni");

} // namespace bitnet
