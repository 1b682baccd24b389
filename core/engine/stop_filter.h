// Finds stop strings in a stream of text and holds back what may yet become one.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"

#include <array>
#include <string_view>

namespace bitnet {

class StopFilter {
public:
  static constexpr std::size_t kMostStrings = 16;
  static constexpr std::size_t kMostBytes = 256;

  /// InvalidArgument for too many, too long or empty strings. Copies them.
  Status set(std::span<const std::string_view> stops) noexcept;

  /// Take more text; append to `out` what can no longer be part of a stop string. True when a stop string came up:
  /// everything before the first one has been given out and the rest dropped.
  Result<bool> push(std::string_view text, Text& out) noexcept;
  /// The stream has ended: give out what was held back.
  Status finish(Text& out) noexcept;

private:
  std::array<std::array<char, kMostBytes>, kMostStrings> bytes_{};
  std::array<std::size_t, kMostStrings> lengths_{};
  std::size_t count_ = 0;
  Text held_;
};

} // namespace bitnet
