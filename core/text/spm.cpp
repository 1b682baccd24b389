// SentencePiece-style BPE: characters merged by score, byte tokens for the rest.
#include "text/spm.h"

#include "text/unicode.h"

#include <bit>

namespace bitnet {

namespace {

/// Ranks in the opposite order of scores, so that one merger serves both tokenizers.
std::uint32_t rank_of(float score) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F); // -0 becomes 0
  const std::uint32_t ascending = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
  return ~ascending;
}

Status replace(std::string_view text, std::string_view from, std::string_view to,
               Text& out) noexcept {
  for (;;) {
    const std::size_t at = text.find(from);
    BITNET_TRY(out.append(text.substr(0, at)));
    if (at == std::string_view::npos)
      return {};
    BITNET_TRY(out.append(to));
    text.remove_prefix(at + from.size());
  }
}

} // namespace

Status escape_spaces(std::string_view text, Text& out) noexcept {
  return replace(text, " ", kSpaceMark, out);
}
Status unescape_spaces(std::string_view text, Text& out) noexcept {
  return replace(text, kSpaceMark, " ", out);
}

std::optional<std::uint8_t> spelled_byte(std::string_view token) noexcept {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
    return std::nullopt;
  unsigned value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0)
      return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return static_cast<std::uint8_t>(value);
}

Result<Spm> Spm::make(const Vocabulary& vocabulary, const NumberArray& scores,
                      TokenId unknown) noexcept {
  Spm spm;
  auto ranks = Buffer<std::uint32_t>::make(vocabulary.size(), "token ranks");
  if (!ranks)
    return ranks.error();
  spm.ranks_ = std::move(*ranks);
  spm.byte_ids_.fill(unknown);
  // Backwards, so that of two tokens for one byte the first stays.
  for (std::size_t i = vocabulary.size(); i-- > 0;) {
    const auto score = static_cast<float>(scores.number(i));
    if (score != score)
      return Error(ErrorCode::Malformed)
             << "tokenizer.ggml.scores: not a number at " << std::uint64_t{i};
    spm.ranks_[i] = rank_of(score);
    const auto id = static_cast<TokenId>(i);
    if (const auto byte = spelled_byte(vocabulary.text(id));
        byte && vocabulary.kind(id) == TokenKind::kByte)
      spm.byte_ids_[*byte] = id;
  }
  return spm;
}

Status Spm::encode(const Vocabulary& vocabulary, std::string_view escaped,
                   Vec<TokenId>& out) const noexcept {
  Merger merger;
  for (std::uint32_t begin = 0; begin < escaped.size();) {
    const std::uint32_t size = first_char(escaped.substr(begin)).size;
    BITNET_TRY(merger.add(begin, size, vocabulary.find_plain(escaped.substr(begin, size))));
    begin += size;
  }
  BITNET_TRY(merger.run([&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const TokenId id = vocabulary.find_plain(escaped.substr(left.begin, left.size + right.size));
    if (id == kNoToken)
      return std::nullopt;
    return Merge{ranks_[static_cast<std::size_t>(id)], id};
  }));
  return merger.each([&](const Symbol& symbol) -> Status {
    if (symbol.id != kNoToken)
      return out.push(symbol.id);
    for (const char byte : escaped.substr(symbol.begin, symbol.size))
      if (const TokenId id = byte_ids_[static_cast<std::uint8_t>(byte)]; id != kNoToken)
        BITNET_TRY(out.push(id));
    return {};
  });
}

} // namespace bitnet
