// What the x86 sets share: the float side, always eight lanes, and the byte vectors of the dense types; AVX2 and F16C. Each
// includer wraps it in its own anonymous namespace, so nothing is shared at link time.
#pragma once

#include "kernels/generic/make_kernels.h"

#include <immintrin.h>

namespace bitnet {
// Shared code would be compiled with one set's flags and run by another's.
namespace { // NOLINT(misc-anonymous-namespace-in-header)

struct X86Lanes {
  using F8 = __m256;
  static constexpr std::size_t kAttendSums = 2;
  static constexpr bool kPrefetches = true;
  static F8 zero() { return _mm256_setzero_ps(); }
  static F8 set(float x) { return _mm256_set1_ps(x); }
  static F8 load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F8 a) { _mm256_storeu_ps(p, a); }
  static F8 load_half(const std::uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static F8 load_bfloat(const std::uint16_t* p) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
  }
  static F8 add(F8 a, F8 b) { return _mm256_add_ps(a, b); }
  static F8 sub(F8 a, F8 b) { return _mm256_sub_ps(a, b); }
  static F8 mul(F8 a, F8 b) { return _mm256_mul_ps(a, b); }
  static F8 div(F8 a, F8 b) { return _mm256_div_ps(a, b); }
  static F8 max(F8 a, F8 b) { return _mm256_max_ps(a, b); }
  static F8 min(F8 a, F8 b) { return _mm256_min_ps(a, b); }
  static F8 pow2(F8 shifted) {
    const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(0x3f800000)));
  }
  static float hsum(F8 a) {
    __m128 s =
        _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); // 0+4 1+5 2+6 3+7
    s = _mm_add_ps(s, _mm_movehl_ps(s, s)); // (0+4)+(2+6) (1+5)+(3+7)
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
  /// hsum of each of eight.
  static F8 hsum8(const F8* a) {
    F8 s[4]; // 0+4 1+5 2+6 3+7 of a[k], then of a[k + 4]
    for (int k = 0; k < 4; ++k)
      s[k] = _mm256_add_ps(_mm256_permute2f128_ps(a[k], a[k + 4], 0x20),
                           _mm256_permute2f128_ps(a[k], a[k + 4], 0x31));
    const F8 t0 = _mm256_add_ps(_mm256_unpacklo_ps(s[0], s[1]), _mm256_unpackhi_ps(s[0], s[1]));
    const F8 t1 = _mm256_add_ps(_mm256_unpacklo_ps(s[2], s[3]), _mm256_unpackhi_ps(s[2], s[3]));
    return _mm256_add_ps(_mm256_shuffle_ps(t0, t1, 0x44), _mm256_shuffle_ps(t0, t1, 0xee));
  }
  static void store_rounded_i8(std::int8_t* p, F8 shifted) {
    // The integer stands in the low mantissa byte; gather the four low bytes of each half.
    const __m256i pick =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, //
                         0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_castps_si256(shifted), pick);
    const __m128i both =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), both);
  }
  static void store_half(std::uint16_t* p, F8 a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }

  using B32 = __m256i;
  using L8 = __m256i;
  static B32 load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static B32 fill32(std::uint8_t x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  static B32 nibbles(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i both = _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
  }
  static B32 and32(B32 a, std::uint8_t mask) { return _mm256_and_si256(a, fill32(mask)); }
  static B32 or32(B32 a, B32 b) { return _mm256_or_si256(a, b); }
  // Bits that cross a byte are masked off by the and32 that follows every shift.
  template <int N> static B32 shr32(B32 a) { return _mm256_srli_epi16(a, N); }
  template <int N> static B32 shl32(B32 a) { return _mm256_slli_epi16(a, N); }
  /// Pairs of a * (code - centre): at most 2 * 127 * (63 + 32), inside 16 bits.
  static __m256i centred_pairs(B32 a, B32 codes, std::uint8_t centre) {
    return _mm256_sub_epi16(_mm256_maddubs_epi16(codes, a),
                            _mm256_maddubs_epi16(fill32(centre), a));
  }
  static L8 dot4_centred(B32 a, B32 codes, std::uint8_t centre) {
    return _mm256_madd_epi16(centred_pairs(a, codes, centre), _mm256_set1_epi16(1));
  }
  using Scales = __m256i; // as 16 bits: the even ones, then the odd ones
  static Scales load_scales(const std::int8_t* p) {
    const __m128i evens_odds = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return _mm256_cvtepi8_epi16(
        _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), evens_odds));
  }
  template <int K> static L8 dot4_scaled(B32 a, B32 codes, std::uint8_t centre, Scales scales) {
    const __m256i both = _mm256_shuffle_epi8(scales, _mm256_set1_epi16(2 * K | (2 * K + 1) << 8));
    return _mm256_madd_epi16(centred_pairs(a, codes, centre), both);
  }
  static L8 dot4_i8(B32 a, B32 b) {
    // |b| is at most 128 as an unsigned byte and |a| at most 127: two products stay below 32767.
    return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(b), _mm256_sign_epi8(a, b)),
                             _mm256_set1_epi16(1));
  }
  static F8 lanes_to_float(L8 a) { return _mm256_cvtepi32_ps(a); }
};

/// And what those share whose codes go by 32 bytes.
struct X86Bytes : X86Lanes {
  static constexpr std::size_t kTileRows = 8, kGemmRows = 2, kGemmColumns = 4, kStripBytes = 32;

  using U8 = __m256i;
  using I8 = __m256i;
  using Part = __m256i;
  using Acc = __m256i;
  static U8 load_codes(const std::uint8_t* p) { return load32(p); }
  static void store_codes(std::uint8_t* p, U8 codes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), codes);
  }
  static I8 load_i8(const std::int8_t* p) { return load32(p); }
  template <int P> static U8 plane(U8 w) {
    return _mm256_and_si256(P == 0 ? w : _mm256_srli_epi16(w, 2 * P), _mm256_set1_epi8(3));
  }
  template <int P> static U8 nibble(U8 w) {
    return _mm256_and_si256(P == 0 ? w : _mm256_srli_epi16(w, 4), _mm256_set1_epi8(15));
  }
  static Part part_zero() { return _mm256_setzero_si256(); }
  static Acc acc_zero() { return _mm256_setzero_si256(); }
  static void sum4(const Acc* acc, std::int32_t* sums) {
    const __m256i lanes =
        _mm256_hadd_epi32(_mm256_hadd_epi32(acc[0], acc[1]), _mm256_hadd_epi32(acc[2], acc[3]));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums),
        _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1)));
  }
};

} // namespace
} // namespace bitnet
