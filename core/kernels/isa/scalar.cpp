// The definition: plain C++, no intrinsics. Every other instruction set equals this one bit for bit.
#include "base/half.h"
#include "kernels/generic/make_kernels.h"

#include <bit>
#include <cstring>

namespace bitnet {
namespace {

struct Scalar {
  static constexpr std::size_t kAttendSums = 2;
  static constexpr bool kPrefetches = true;
  static constexpr std::size_t kTileRows = 4, kGemmRows = 4, kGemmColumns = 4, kStripBytes = 16;

  struct U8 {
    std::uint8_t v[16];
  };
  struct I8 {
    std::int8_t v[16];
  };
  using Part = std::int32_t;
  using PartLane = std::int32_t;
  using Acc = std::int32_t;
  static U8 load_codes(const std::uint8_t* p) {
    U8 r;
    std::memcpy(r.v, p, 16);
    return r;
  }
  static void store_codes(std::uint8_t* p, const U8& codes) { std::memcpy(p, codes.v, 16); }
  static I8 load_i8(const std::int8_t* p) {
    I8 r;
    std::memcpy(r.v, p, 16);
    return r;
  }
  template <int P> static U8 plane(U8 w) {
    for (auto& byte : w.v)
      byte = (byte >> (2 * P)) & 3;
    return w;
  }
  template <int P> static U8 nibble(U8 w) {
    for (auto& byte : w.v)
      byte = (byte >> (4 * P)) & 15;
    return w;
  }
  static Part part_zero() { return 0; }
  static Acc acc_zero() { return 0; }
  static Part mac(Part part, const I8& a, const U8& codes) {
    for (std::size_t i = 0; i < 16; ++i)
      part += a.v[i] * codes.v[i];
    return part;
  }
  static Acc widen(Acc acc, Part part) { return acc + part; }
  static void sum4(const Acc* acc, std::int32_t* sums) { std::memcpy(sums, acc, 4 * sizeof *acc); }

  struct F8 {
    float v[8];
  };
  template <class Op> static F8 each(Op op) {
    F8 r;
    for (std::size_t i = 0; i < 8; ++i)
      r.v[i] = op(i);
    return r;
  }
  static F8 zero() { return set(0.0F); }
  static F8 set(float x) {
    return each([&](std::size_t) { return x; });
  }
  static F8 load(const float* p) {
    return each([&](std::size_t i) { return p[i]; });
  }
  static void store(float* p, const F8& a) { std::memcpy(p, a.v, sizeof a.v); }
  static F8 load_half(const std::uint16_t* p) {
    return each([&](std::size_t i) { return half_to_float(p[i]); });
  }
  static F8 load_bfloat(const std::uint16_t* p) {
    return each([&](std::size_t i) { return bfloat_to_float(p[i]); });
  }
  static F8 add(const F8& a, const F8& b) {
    return each([&](std::size_t i) { return a.v[i] + b.v[i]; });
  }
  static F8 sub(const F8& a, const F8& b) {
    return each([&](std::size_t i) { return a.v[i] - b.v[i]; });
  }
  static F8 mul(const F8& a, const F8& b) {
    return each([&](std::size_t i) { return a.v[i] * b.v[i]; });
  }
  static F8 div(const F8& a, const F8& b) {
    return each([&](std::size_t i) { return a.v[i] / b.v[i]; });
  }
  static F8 max(const F8& a, const F8& b) {
    return each([&](std::size_t i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static F8 min(const F8& a, const F8& b) {
    return each([&](std::size_t i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static F8 pow2(const F8& shifted) {
    return each([&](std::size_t i) {
      return std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted.v[i]) << 23) + 0x3f800000U);
    });
  }
  static float hsum(const F8& a) {
    return ((a.v[0] + a.v[4]) + (a.v[2] + a.v[6])) + ((a.v[1] + a.v[5]) + (a.v[3] + a.v[7]));
  }
  static F8 hsum8(const F8* a) {
    return each([&](std::size_t i) { return hsum(a[i]); });
  }
  static void store_rounded_i8(std::int8_t* p, const F8& shifted) {
    for (std::size_t i = 0; i < 8; ++i)
      p[i] = static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(shifted.v[i]) & 0xffU);
  }
  static void store_half(std::uint16_t* p, const F8& a) {
    for (std::size_t i = 0; i < 8; ++i)
      p[i] = float_to_half(a.v[i]);
  }

  struct B32 {
    std::uint8_t v[32];
  };
  struct L8 {
    std::int32_t v[8];
  };
  static B32 load32(const void* p) {
    B32 r;
    std::memcpy(r.v, p, 32);
    return r;
  }
  static B32 nibbles(const std::uint8_t* p) {
    B32 r;
    for (std::size_t i = 0; i < 16; ++i) {
      r.v[i] = p[i] & 15;
      r.v[16 + i] = p[i] >> 4;
    }
    return r;
  }
  static B32 and32(B32 a, std::uint8_t mask) {
    for (auto& x : a.v)
      x &= mask;
    return a;
  }
  static B32 or32(B32 a, const B32& b) {
    for (std::size_t i = 0; i < 32; ++i)
      a.v[i] |= b.v[i];
    return a;
  }
  template <int N> static B32 shr32(B32 a) {
    for (auto& x : a.v)
      x = static_cast<std::uint8_t>(x >> N);
    return a;
  }
  template <int N> static B32 shl32(B32 a) {
    for (auto& x : a.v)
      x = static_cast<std::uint8_t>(x << N);
    return a;
  }
  static L8 dot4_i8(const B32& a, const B32& b) {
    L8 r = {};
    for (std::size_t i = 0; i < 32; ++i)
      r.v[i / 4] += static_cast<std::int8_t>(a.v[i]) * static_cast<std::int8_t>(b.v[i]);
    return r;
  }
  static L8 scale_lanes(L8 a, std::int32_t low, std::int32_t high) {
    for (std::size_t i = 0; i < 8; ++i)
      a.v[i] *= i < 4 ? low : high;
    return a;
  }
  static L8 dot4_centred(const B32& a, const B32& codes, std::uint8_t centre) {
    B32 weights = codes;
    for (auto& x : weights.v)
      x = static_cast<std::uint8_t>(x - centre);
    return dot4_i8(a, weights);
  }
  using Scales = const std::int8_t*;
  static Scales load_scales(const std::int8_t* p) { return p; }
  template <int K>
  static L8 dot4_scaled(const B32& a, const B32& codes, std::uint8_t centre, Scales scales) {
    return scale_lanes(dot4_centred(a, codes, centre), scales[2 * K], scales[2 * K + 1]);
  }
  static F8 lanes_to_float(const L8& a) {
    return each([&](std::size_t i) { return static_cast<float>(a.v[i]); });
  }
};

} // namespace

extern const Kernels kernels_scalar;
constinit const Kernels kernels_scalar = generic::make_kernels<Scalar>("scalar");

} // namespace bitnet
