// SHA-256, FIPS 180-4: section numbers below are its.
#include "bitnet/sha256.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

namespace bitnet {
namespace {

// 4.2.2: the fractions of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> kRound{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t load_big(const std::uint8_t* bytes) noexcept {
  return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
         std::uint32_t{bytes[2]} << 8U | bytes[3];
}
void store_big(std::uint32_t value, std::uint8_t* bytes) noexcept {
  for (unsigned i = 0; i < 4; ++i)
    bytes[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

// 4.1.2
std::uint32_t small0(std::uint32_t x) noexcept {
  return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3U;
}
std::uint32_t small1(std::uint32_t x) noexcept {
  return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10U;
}
std::uint32_t big0(std::uint32_t x) noexcept {
  return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22);
}
std::uint32_t big1(std::uint32_t x) noexcept {
  return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25);
}

} // namespace

// 6.2.2
void Sha256::block(const std::uint8_t* bytes) noexcept {
  std::array<std::uint32_t, 64> w; // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  for (std::size_t i = 0; i < 16; ++i)
    w[i] = load_big(bytes + 4 * i);
  for (std::size_t i = 16; i < 64; ++i)
    w[i] = small1(w[i - 2]) + w[i - 7] + small0(w[i - 15]) + w[i - 16];
  auto [a, b, c, d, e, f, g, h] = state_;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t t1 = h + big1(e) + (g ^ (e & (f ^ g))) + kRound[i] + w[i];
    const std::uint32_t t2 = big0(a) + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> end{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < end.size(); ++i)
    state_[i] += end[i];
}

void Sha256::update(Bytes bytes) noexcept {
  bytes_ += bytes.size();
  if (rest_bytes_ != 0) {
    const std::size_t taken = std::min(bytes.size(), rest_.size() - rest_bytes_);
    std::copy_n(bytes.data(), taken, rest_.data() + rest_bytes_);
    bytes = bytes.subspan(taken);
    rest_bytes_ += taken;
    if (rest_bytes_ < rest_.size())
      return;
    block(rest_.data());
    rest_bytes_ = 0;
  }
  for (; bytes.size() >= rest_.size(); bytes = bytes.subspan(rest_.size()))
    block(bytes.data());
  std::copy_n(bytes.data(), bytes.size(), rest_.data());
  rest_bytes_ = bytes.size();
}

std::array<std::uint8_t, 32> Sha256::digest() noexcept {
  const std::uint64_t bits = bytes_ * 8; // 5.1.1: the length in bits, modulo 2^64
  std::array<std::uint8_t, 72> padding{0x80};
  const std::size_t zeros = (rest_bytes_ < 56 ? 56 : 120) - rest_bytes_;
  store_big(static_cast<std::uint32_t>(bits >> 32U), padding.data() + zeros);
  store_big(static_cast<std::uint32_t>(bits), padding.data() + zeros + 4);
  update({padding.data(), zeros + 8});
  std::array<std::uint8_t, 32> digest{};
  for (std::size_t i = 0; i < state_.size(); ++i)
    store_big(state_[i], digest.data() + 4 * i);
  return digest;
}

} // namespace bitnet
