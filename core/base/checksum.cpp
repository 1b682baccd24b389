// See checksum.h. Four lanes take 8 bytes each of every 32; they are folded at the end, with what was left over.
#include "base/checksum.h"

#include "base/reader.h"

#include <algorithm>
#include <bit>

namespace bitnet {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87ULL, kPrime2 = 0xC2B2AE3D27D4EB4FULL,
                        kPrime3 = 0x165667B19E3779F9ULL, kPrime4 = 0x85EBCA77C2B2AE63ULL,
                        kPrime5 = 0x27D4EB2F165667C5ULL;

std::uint64_t mix(std::uint64_t lane, std::uint64_t word) noexcept {
  return std::rotl(lane + word * kPrime2, 31) * kPrime1;
}

void add_stripe(std::uint64_t (&lanes)[4], const std::uint8_t* bytes) noexcept {
  for (std::size_t i = 0; i < 4; ++i)
    lanes[i] = mix(lanes[i], load_le<std::uint64_t>(bytes + 8 * i));
}

} // namespace

void Checksum::add(Bytes bytes) noexcept {
  const std::size_t held = size_ % sizeof rest_;
  size_ += bytes.size();
  if (held != 0) {
    const std::size_t more = std::min(bytes.size(), sizeof rest_ - held);
    std::copy_n(bytes.data(), more, rest_ + held);
    bytes = bytes.subspan(more);
    if (held + more < sizeof rest_)
      return;
    add_stripe(lanes_, rest_);
  }
  for (; bytes.size() >= sizeof rest_; bytes = bytes.subspan(sizeof rest_))
    add_stripe(lanes_, bytes.data());
  std::copy_n(bytes.data(), bytes.size(), rest_);
}

std::uint64_t Checksum::value() const noexcept {
  std::uint64_t sum = kPrime5;
  if (size_ >= sizeof rest_) {
    sum = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
          std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_)
      sum = (sum ^ mix(0, lane)) * kPrime1 + kPrime4;
  }
  sum += size_;
  const std::size_t held = size_ % sizeof rest_;
  std::size_t i = 0;
  for (; i + 8 <= held; i += 8)
    sum = std::rotl(sum ^ mix(0, load_le<std::uint64_t>(rest_ + i)), 27) * kPrime1 + kPrime4;
  for (; i + 4 <= held; i += 4)
    sum = std::rotl(sum ^ load_le<std::uint32_t>(rest_ + i) * kPrime1, 23) * kPrime2 + kPrime3;
  for (; i < held; ++i)
    sum = std::rotl(sum ^ rest_[i] * kPrime5, 11) * kPrime1;
  sum = (sum ^ sum >> 33) * kPrime2;
  sum = (sum ^ sum >> 29) * kPrime3;
  return sum ^ sum >> 32;
}

} // namespace bitnet
