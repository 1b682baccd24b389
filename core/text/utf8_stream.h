// Holds back the bytes of an unfinished UTF-8 character between tokens, so that a stream never splits one.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"

#include <string_view>

namespace bitnet {

class Utf8Stream {
public:
  /// Take the next bytes; append to `out` all complete characters. Bytes that can never become a character are
  /// replaced by U+FFFD (maximal subpart practice, Unicode 3.9). Keeps at most 3 bytes back.
  Status push(std::string_view bytes, Text& out) noexcept;
  /// The stream has ended: what is still held back becomes one U+FFFD.
  Status finish(Text& out) noexcept;
  void reset() noexcept { held_ = 0; }

private:
  char hold_[4] = {};
  std::size_t held_ = 0;
};

} // namespace bitnet
