// Character classes by binary search in the generated ranges, and one UTF-8 decoder for the whole layer.
#include "text/unicode.h"

#include "text/unicode_tables.h"

#include <algorithm>
#include <iterator>

namespace bitnet {

CharClass char_class(char32_t code) noexcept {
  // The entry that begins at or before `code`; the largest class bits make an equal start count as before.
  const std::uint32_t key = static_cast<std::uint32_t>(code) << 2 | 3;
  const auto* after = std::upper_bound(std::begin(kClassStarts), std::end(kClassStarts), key);
  return static_cast<CharClass>(*(after - 1) & 3);
}

Utf8Char first_char(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80)
    return {lead, 1, true};
  const std::uint32_t size = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (size == 0)
    return {kReplacement, 1};
  // The second byte's range is what excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t code = lead & (0x7FU >> size);
  for (std::uint32_t i = 1; i < size; ++i, low = 0x80, high = 0xBF) {
    if (i == text.size())
      return {kReplacement, i, false, true};
    if (byte(i) < low || byte(i) > high)
      return {kReplacement, i};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {code, size, true};
}

namespace {

/// Python counts the four information separators as space; White_Space does not.
bool is_python_space(char32_t code) noexcept {
  return char_class(code) == CharClass::kSpace || (code >= 0x1C && code <= 0x1F);
}

} // namespace

std::string_view trim_start(std::string_view text) noexcept {
  while (!text.empty()) {
    const Utf8Char c = first_char(text);
    if (!is_python_space(c.code))
      break;
    text.remove_prefix(c.size);
  }
  return text;
}

std::string_view trim_end(std::string_view text) noexcept {
  while (!text.empty()) {
    // White space is at most three bytes long; step back over continuation bytes to the lead.
    std::size_t begin = text.size() - 1;
    while (begin > 0 && text.size() - begin < 4 &&
           (static_cast<std::uint8_t>(text[begin]) & 0xC0) == 0x80)
      --begin;
    const Utf8Char c = first_char(text.substr(begin));
    if (!c.valid || begin + c.size != text.size() || !is_python_space(c.code))
      break;
    text.remove_suffix(c.size);
  }
  return text;
}

} // namespace bitnet
