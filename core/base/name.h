// Short names put together from parts ("blk.7.attn_q.weight"), without allocation. What does not fit is cut: no name that
// a model could have is that long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bitnet {

class Name {
public:
  Name& operator<<(std::string_view part) noexcept {
    for (const char c : part)
      if (length_ < sizeof text_)
        text_[length_++] = c;
    return *this;
  }
  Name& operator<<(std::uint32_t number) noexcept {
    char digits[10];
    std::size_t count = sizeof digits;
    do
      digits[--count] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    return *this << std::string_view(digits + count, sizeof digits - count);
  }
  /// Valid as long as the object lives.
  operator std::string_view() const noexcept {
    return {text_, length_};
  } // NOLINT(google-explicit-constructor)

private:
  char text_[96] = {};
  std::size_t length_ = 0;
};

} // namespace bitnet
