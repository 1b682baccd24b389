#include "printable.h"

namespace cli {
namespace {

/// Would a terminal act on the first character of `text`? C0, DEL, and C1 as UTF-8 spells it.
bool is_control(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte < 0x20 || byte == 0x7F)
    return true;
  return byte == 0xC2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xA0;
}

} // namespace

std::string printable(std::string_view text, std::string_view allowed) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_control(text.substr(i)) || allowed.find(text[i]) != std::string_view::npos) {
      clean += text[i];
      continue;
    }
    clean += '?';
    i += static_cast<unsigned char>(text[i]) == 0xC2 ? 1 : 0;
  }
  return clean;
}

} // namespace cli
