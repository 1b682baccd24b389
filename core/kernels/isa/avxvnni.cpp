// AVX2 with AVX-VNNI, for processors whose VNNI has no AVX-512: vpdpbusd as in avx512_vnni.cpp on vectors of half the
// width. The same intrinsic stands for AVX-512's encoding, so that tests/CMakeLists.txt can compile this file for that too.
#include "kernels/isa/x86_lanes.h"

namespace bitnet {
namespace {

struct AvxVnni : X86Lanes {
  static constexpr std::size_t kTileRows = 8, kGemmRows = 2, kGemmColumns = 4, kStripBytes = 32;

  using U8 = __m256i;
  using I8 = __m256i;
  using Part = __m256i;
  using PartLane = std::int32_t;
  using Acc = __m256i;
  static U8 load_codes(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static void store_codes(std::uint8_t* p, U8 codes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), codes);
  }
  static I8 load_i8(const std::int8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  template <int P> static U8 plane(U8 w) {
    return _mm256_and_si256(P == 0 ? w : _mm256_srli_epi16(w, 2 * P), _mm256_set1_epi8(3));
  }
  template <int P> static U8 nibble(U8 w) {
    return _mm256_and_si256(P == 0 ? w : _mm256_srli_epi16(w, 4), _mm256_set1_epi8(15));
  }
  static Part part_zero() { return _mm256_setzero_si256(); }
  static Acc acc_zero() { return _mm256_setzero_si256(); }
  static Part mac(Part part, I8 a, U8 codes) { return _mm256_dpbusd_epi32(part, codes, a); }
  static Acc widen(Acc acc, Part part) { return _mm256_add_epi32(acc, part); }
  static L8 dot4_i8(B32 a, B32 b) {
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_abs_epi8(b), _mm256_sign_epi8(a, b));
  }
  static void sum4(const Acc* acc, std::int32_t* sums) {
    const __m256i lanes =
        _mm256_hadd_epi32(_mm256_hadd_epi32(acc[0], acc[1]), _mm256_hadd_epi32(acc[2], acc[3]));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums),
        _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1)));
  }
};

} // namespace

extern const Kernels kernels_avxvnni;
constinit const Kernels kernels_avxvnni = generic::make_kernels<AvxVnni>("avxvnni");

} // namespace bitnet
