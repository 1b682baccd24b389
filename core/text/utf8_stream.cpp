// Bytes in, whole characters out; between calls at most three bytes of one unfinished character stay here.
#include "text/utf8_stream.h"

#include "text/unicode.h"

namespace bitnet {

Status Utf8Stream::push(std::string_view bytes, Text& out) noexcept {
  // First the character that was cut: each byte either goes on with it or shows that it will never be one.
  while (held_ > 0 && !bytes.empty()) {
    hold_[held_] = bytes.front();
    const Utf8Char c = first_char({hold_, held_ + 1});
    const bool belongs = c.valid || c.unfinished;
    if (c.valid)
      BITNET_TRY(out.append({hold_, held_ + 1}));
    if (!belongs)
      BITNET_TRY(out.append(kReplacementUtf8));
    held_ = c.unfinished ? held_ + 1 : 0;
    bytes.remove_prefix(belongs ? 1 : 0);
  }
  // Then whole stretches of good text at once.
  std::size_t good = 0;
  while (good < bytes.size()) {
    const Utf8Char c = first_char(bytes.substr(good));
    if (c.valid) {
      good += c.size;
      continue;
    }
    BITNET_TRY(out.append(bytes.substr(0, good)));
    bytes.remove_prefix(good);
    good = 0;
    if (c.unfinished) {
      held_ = bytes.copy(hold_, sizeof hold_);
      return {};
    }
    BITNET_TRY(out.append(kReplacementUtf8));
    bytes.remove_prefix(c.size);
  }
  return out.append(bytes);
}

Status Utf8Stream::finish(Text& out) noexcept {
  if (held_ == 0)
    return {};
  held_ = 0;
  return out.append(kReplacementUtf8);
}

} // namespace bitnet
