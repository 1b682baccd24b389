// SentencePiece-style BPE (formats.md 4.2). Enters: text between user-defined tokens, spaces already escaped. Leaves:
// ids; what is no token is spelled in byte tokens, so nothing is lost.
#pragma once

#include "text/merge.h"
#include "text/vocabulary.h"

#include <array>

namespace bitnet {

/// U+2581, which stands for a space.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// `text` with its spaces as marks, appended to `out`.
Status escape_spaces(std::string_view text, Text& out) noexcept;
/// And back.
Status unescape_spaces(std::string_view text, Text& out) noexcept;
/// The byte that `<0xHH>` spells; nothing for any other text.
std::optional<std::uint8_t> spelled_byte(std::string_view token) noexcept;

class Spm {
public:
  /// `scores` has one entry per token. `unknown` stands for a byte without a token (kNoToken: that byte is dropped).
  static Result<Spm> make(const Vocabulary& vocabulary, const NumberArray& scores,
                          TokenId unknown) noexcept;

  Status encode(const Vocabulary& vocabulary, std::string_view escaped,
                Vec<TokenId>& out) const noexcept;
  /// Memory taken.
  std::uint64_t bytes() const noexcept { return ranks_.bytes(); }

private:
  Buffer<std::uint32_t> ranks_; ///< lower for a higher score
  std::array<TokenId, 256> byte_ids_{};
};

} // namespace bitnet
