// FNV-1a over the bits of results: one number stored in a test stands for many, and every engine must give the same.
#pragma once

#include <bit>
#include <cstdint>

namespace bitnet::test {

class Hash {
public:
  template <class T> Hash& add(T value) {
    std::uint64_t bits = 0;
    if constexpr (sizeof(T) == 8)
      bits = std::bit_cast<std::uint64_t>(value);
    else
      bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned i = 0; i < sizeof(T); ++i)
      state_ = (state_ ^ (bits >> (8 * i) & 255U)) * 1099511628211ULL;
    return *this;
  }
  std::uint64_t value() const { return state_; }

private:
  std::uint64_t state_ = 14695981039346656037ULL;
};

} // namespace bitnet::test
