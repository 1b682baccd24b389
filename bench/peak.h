// The two loops that bound every kernel of an engine: reading memory, and multiplying int8 in registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__wasm__)
#include <wasm_simd128.h>
#endif

namespace peak {

/// Keeps the compiler from dropping what a loop computes.
inline volatile std::int32_t sink = 0;

/// `ahead`: asks for memory a page before it is read, which helps some processors and slows others.
inline void read(const std::uint8_t* data, std::size_t bytes, bool ahead) {
  constexpr std::size_t kLine = 64, kAhead = 4096;
  using Block = std::uint64_t __attribute__((vector_size(16)));
  Block sums[8] = {};
  for (std::size_t i = 0; i + 128 <= bytes; i += 128) {
    if (ahead) {
      __builtin_prefetch(data + i + kAhead);
      __builtin_prefetch(data + i + kAhead + kLine);
    }
    for (std::size_t j = 0; j < 8; ++j)
      sums[j] ^= *reinterpret_cast<const Block*>(data + i + 16 * j);
  }
  std::uint64_t all = 0;
  for (const Block& sum : sums)
    all ^= sum[0] ^ sum[1];
  sink = static_cast<std::int32_t>(all);
}

constexpr std::size_t kSteps = 1 << 20;
constexpr std::size_t kChains = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vnni"))) inline void dot_avx512() {
  __m512i acc[kChains] = {};
  __m512i a = _mm512_set1_epi8(static_cast<char>(sink));
  for (std::size_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (auto& one : acc) {
      one = _mm512_dpbusd_epi32(one, a, a);
      __asm__("" : "+v"(one));
    }
  }
  for (std::size_t i = 1; i < kChains; ++i)
    acc[0] = _mm512_add_epi32(acc[0], acc[i]);
  sink = _mm512_reduce_add_epi32(acc[0]);
}
__attribute__((target("avx2"))) inline void dot_avx2() {
  __m256i acc[kChains] = {};
  __m256i a = _mm256_set1_epi8(static_cast<char>(sink));
  for (std::size_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (auto& one : acc) {
      __m256i product = _mm256_maddubs_epi16(a, one);
      one = _mm256_add_epi16(one, product);
    }
  }
  for (std::size_t i = 1; i < kChains; ++i)
    acc[0] = _mm256_add_epi32(acc[0], acc[i]);
  sink = _mm256_extract_epi32(acc[0], 0);
}
#elif defined(__wasm_relaxed_simd__)
inline void dot_wasm() {
  v128_t acc[kChains] = {};
  const v128_t a = wasm_i8x16_splat(static_cast<std::int8_t>(sink & 127));
  for (std::size_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (auto& one : acc)
      one = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, a, one);
  }
  for (std::size_t i = 1; i < kChains; ++i)
    acc[0] = wasm_i32x4_add(acc[0], acc[i]);
  sink = wasm_i32x4_extract_lane(acc[0], 0);
}
inline void dot_wasm16() {
  v128_t acc[kChains] = {};
  const v128_t a = wasm_i8x16_splat(static_cast<std::int8_t>(sink & 127));
  for (std::size_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (auto& one : acc)
      one = wasm_i16x8_add(one, wasm_i16x8_relaxed_dot_i8x16_i7x16(a, one));
  }
  for (std::size_t i = 1; i < kChains; ++i)
    acc[0] = wasm_i32x4_add(acc[0], acc[i]);
  sink = wasm_i32x4_extract_lane(acc[0], 0);
}
#elif defined(__wasm_simd128__)
inline void dot_wasm() {
  v128_t acc[kChains] = {};
  const v128_t a = wasm_i16x8_splat(static_cast<std::int16_t>(sink & 127));
  for (std::size_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (auto& one : acc)
      one = wasm_i32x4_add(one, wasm_i32x4_dot_i16x8(a, one));
  }
  for (std::size_t i = 1; i < kChains; ++i)
    acc[0] = wasm_i32x4_add(acc[0], acc[i]);
  sink = wasm_i32x4_extract_lane(acc[0], 0);
}
#endif

/// Multiply-adds that dot(isa) makes; 0: there is no such loop for it.
inline double dot_macs(std::string_view isa) {
  constexpr double kTimes = static_cast<double>(kSteps) * kChains;
#if defined(__x86_64__)
  if (isa.starts_with("avx512_vnni"))
    return kTimes * 64;
  if (isa == "avx2")
    return kTimes * 32;
#elif defined(__wasm_relaxed_simd__)
  if (isa == "wasm_relaxed" || isa == "wasm_relaxed16")
    return kTimes * 16;
#elif defined(__wasm_simd128__)
  if (isa == "wasm_simd128")
    return kTimes * 8;
#endif
  (void)isa;
  return 0.0 * kTimes;
}

inline void dot(std::string_view isa) {
#if defined(__x86_64__)
  if (isa.starts_with("avx512_vnni"))
    dot_avx512();
  if (isa == "avx2")
    dot_avx2();
#elif defined(__wasm_relaxed_simd__)
  if (isa == "wasm_relaxed")
    dot_wasm();
  if (isa == "wasm_relaxed16")
    dot_wasm16();
#elif defined(__wasm_simd128__)
  dot_wasm();
#endif
  (void)isa;
}

} // namespace peak
