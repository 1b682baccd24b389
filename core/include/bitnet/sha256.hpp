// SHA-256 (FIPS 180-4) of bytes that come in pieces: what a file's name and its integrity are told by.
#pragma once

#include "types.hpp"

#include <array>
#include <cstdint>

namespace bitnet {

class Sha256 {
public:
  void update(Bytes bytes) noexcept;
  /// Of all bytes so far. Ends the object: begin a new one for other bytes.
  std::array<std::uint8_t, 32> digest() noexcept;

private:
  void block(const std::uint8_t* bytes) noexcept;

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> rest_{}; // a block that is not whole yet
  std::size_t rest_bytes_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace bitnet
