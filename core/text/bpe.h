// Byte-level BPE (formats.md 4.1). Enters: text between user-defined tokens, any bytes. Leaves: ids. Words come from
// hand-written splitters that follow each rule set's regular expression; no regular expression is ever run.
#pragma once

#include "text/merge.h"
#include "text/vocabulary.h"

#include <array>

namespace bitnet {

/// How text is cut into words before merging. kQwen2 is tested on its expression only, never against a published
/// vocabulary.
enum class WordRules : std::uint8_t { kGpt2, kLlamaBpe, kQwen2 };

/// The bytes of the first word of a text that is not empty; at least 1.
std::size_t first_word(WordRules rules, std::string_view text) noexcept;

class Bpe {
public:
  /// Merges that name a text which is no token are skipped: tiktoken-born files list such, and they can never apply.
  /// `unknown` stands for a byte that the vocabulary has no token for (kNoToken: that byte is dropped).
  static Result<Bpe> make(const Vocabulary& vocabulary, StringArray merges, WordRules rules,
                          TokenId unknown) noexcept;

  Status encode(const Vocabulary& vocabulary, std::string_view text,
                Vec<TokenId>& out) const noexcept;
  /// Memory taken.
  std::uint64_t bytes() const noexcept { return pairs_.bytes() + index_.bytes(); }

  /// The bytes that a normal token's text spells in the escaped alphabet; what is not in the alphabet stays as it is.
  static Status unescape(std::string_view token, Text& out) noexcept;

private:
  struct Pair {
    TokenId left, right, merged;
  };
  std::optional<Merge> find(TokenId left, TokenId right) const noexcept;

  WordRules rules_ = WordRules::kGpt2;
  std::array<TokenId, 256> byte_ids_{};
  TokenId unknown_ = kNoToken;
  Vec<Pair> pairs_; ///< by rank
  HashIndex index_;
};

} // namespace bitnet
