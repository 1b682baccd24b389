// The token texts of a model in one arena, found by id or by text. Enters: the file's list of strings and their kinds.
// Leaves: views into the arena. Knows nothing of merging or of special rules.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "gguf/limits.h"
#include "gguf/metadata.h"
#include "text/hash_index.h"
#include "text/tokenizer.h"

#include <string_view>

namespace bitnet {

class Vocabulary {
public:
  /// All tokens are kNormal at first. Of tokens with equal texts, the first is the one that is found.
  static Result<Vocabulary> make(StringArray texts) noexcept {
    Vocabulary v;
    auto index = HashIndex::make(texts.size(), "vocabulary index");
    if (!index)
      return index.error();
    v.index_ = std::move(*index);
    auto kinds = Buffer<TokenKind>::make(texts.size(), "token kinds");
    if (!kinds)
      return kinds.error();
    v.kinds_ = std::move(*kinds);
    BITNET_TRY(v.ends_.reserve(v.kinds_.size()));
    for (std::size_t i = 0; i < v.kinds_.size(); ++i) {
      const std::string_view spelling = texts.next();
      if (spelling.size() > limits::kTokenBytes)
        return Error(ErrorCode::LimitExceeded) << "token " << std::uint64_t{i} << " has "
                                               << std::uint64_t{spelling.size()} << " bytes";
      BITNET_TRY(v.arena_.append(spelling));
      BITNET_TRY(
          v.ends_.push(static_cast<std::uint32_t>(v.arena_.size()))); // headers are below 64 MiB
      v.kinds_[i] = TokenKind::kNormal;
      const std::string_view text = v.text(static_cast<TokenId>(i));
      BITNET_TRY(
          v.index_.insert(text_hash(text), static_cast<std::uint32_t>(i), [&](std::uint32_t id) {
            return v.text(static_cast<TokenId>(id)) == text;
          }));
      v.longest_ = text.size() > v.longest_ ? text.size() : v.longest_;
    }
    return v;
  }

  std::size_t size() const noexcept { return kinds_.size(); }
  std::uint64_t bytes() const noexcept {
    return arena_.bytes() + ends_.bytes() + kinds_.bytes() + index_.bytes();
  }
  bool valid(TokenId id) const noexcept { return id >= 0 && static_cast<std::size_t>(id) < size(); }
  /// Only for valid ids, as is everything below that takes one.
  std::string_view text(TokenId id) const noexcept {
    const auto i = static_cast<std::size_t>(id);
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {arena_.data() + begin, ends_[i] - begin};
  }
  TokenKind kind(TokenId id) const noexcept { return kinds_[static_cast<std::size_t>(id)]; }
  void set_kind(TokenId id, TokenKind kind) noexcept {
    kinds_[static_cast<std::size_t>(id)] = kind;
  }

  TokenId find(std::string_view wanted) const noexcept {
    if (wanted.size() > longest_)
      return kNoToken;
    const std::uint32_t id = index_.find(text_hash(wanted), [&](std::uint32_t candidate) {
      return text(static_cast<TokenId>(candidate)) == wanted;
    });
    return id == HashIndex::kNone ? kNoToken : static_cast<TokenId>(id);
  }
  /// The same, but only a token that plain text may become: never control, unknown, unused or byte tokens.
  TokenId find_plain(std::string_view wanted) const noexcept {
    const TokenId id = find(wanted);
    return id != kNoToken && plain(id) ? id : kNoToken;
  }
  bool plain(TokenId id) const noexcept {
    return kind(id) == TokenKind::kNormal || kind(id) == TokenKind::kUserDefined;
  }

private:
  Text arena_;
  Vec<std::uint32_t> ends_;
  Buffer<TokenKind> kinds_;
  HashIndex index_;
  std::size_t longest_ = 0;
};

} // namespace bitnet
