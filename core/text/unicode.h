// UTF-8 and the three character classes that pre-tokenisers speak of. Enters: any bytes. Leaves: code points, sizes,
// classes. Allocates nothing, and no bytes are an error: what is not UTF-8 is said to be so and has a size.
#pragma once

#include <cstdint>
#include <string_view>

namespace bitnet {

/// \p{L}, \p{N}, \s (White_Space) and the rest; disjoint.
enum class CharClass : std::uint8_t { kOther = 0, kLetter = 1, kNumber = 2, kSpace = 3 };

CharClass char_class(char32_t code) noexcept;

inline constexpr char32_t kReplacement = 0xFFFD;
inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

struct Utf8Char {
  char32_t code = kReplacement;
  std::uint32_t size =
      0; ///< bytes; of an invalid character: its maximal subpart (Unicode 3.9), at least 1
  bool valid = false;
  bool unfinished = false; ///< not valid, but more bytes could make it so
};

/// The first character of a text that is not empty.
Utf8Char first_char(std::string_view text) noexcept;

/// Without white space at either end, as Python's str.strip and so Jinja's trim understand it.
std::string_view trim_start(std::string_view text) noexcept;
std::string_view trim_end(std::string_view text) noexcept;
inline std::string_view trim(std::string_view text) noexcept { return trim_end(trim_start(text)); }

} // namespace bitnet
