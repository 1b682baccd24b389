// AVX-512 with VNNI: vpdpbusd takes codes as its unsigned bytes and activations as its signed ones, sixteen 32-bit sums at
// once, which never overflow (kernels.h), so sums are only folded at the end of a row. Each includer has its own copy, as of
// x86_lanes.h.
#pragma once

#include "kernels/isa/x86_lanes.h"

namespace bitnet {
namespace { // NOLINT(misc-anonymous-namespace-in-header)

struct Avx512Vnni : X86Lanes {
  static constexpr std::size_t kTileRows = 8, kGemmRows = 4, kGemmColumns = 4, kStripBytes = 64;

  using U8 = __m512i;
  using I8 = __m512i;
  using Part = __m512i;
  using PartLane = std::int32_t;
  using Acc = __m512i;
  static U8 load_codes(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
  static void store_codes(std::uint8_t* p, U8 codes) { _mm512_storeu_si512(p, codes); }
  static I8 load_i8(const std::int8_t* p) { return _mm512_loadu_si512(p); }
  template <int P> static U8 plane(U8 w) {
    return _mm512_and_si512(P == 0 ? w : _mm512_srli_epi16(w, 2 * P), _mm512_set1_epi8(3));
  }
  template <int P> static U8 nibble(U8 w) {
    return _mm512_and_si512(P == 0 ? w : _mm512_srli_epi16(w, 4), _mm512_set1_epi8(15));
  }
  static Part part_zero() { return _mm512_setzero_si512(); }
  static Acc acc_zero() { return _mm512_setzero_si512(); }
  static Part mac(Part part, I8 a, U8 codes) { return _mm512_dpbusd_epi32(part, codes, a); }
  static Acc widen(Acc acc, Part part) { return _mm512_add_epi32(acc, part); }
  static L8 dot4_i8(B32 a, B32 b) {
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_abs_epi8(b), _mm256_sign_epi8(a, b));
  }
  static void sum4(const Acc* acc, std::int32_t* sums) {
    const auto pairs = [](Acc a, Acc b) {
      return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    };
    const Acc low = pairs(acc[0], acc[1]);
    const Acc high = pairs(acc[2], acc[3]);
    const Acc lanes =
        _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums),
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
  }
};

} // namespace

} // namespace bitnet
