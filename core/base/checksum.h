// XXH64, as xxHash's specification has it: eight bytes that tell whether many have changed. It finds damage; who wants to
// deceive it can.
#pragma once

#include "bitnet/types.hpp"

namespace bitnet {

class Checksum {
public:
  /// More bytes; how they are cut into pieces does not matter.
  void add(Bytes bytes) noexcept;
  /// Of what was added so far.
  std::uint64_t value() const noexcept;

private:
  static constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87ULL, kPrime2 = 0xC2B2AE3D27D4EB4FULL;
  std::uint64_t lanes_[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  std::uint64_t size_ = 0;
  std::uint8_t rest_[32] = {}; ///< the last size_ % 32 bytes
};

} // namespace bitnet
