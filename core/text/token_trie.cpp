// See token_trie.h.
#include "text/token_trie.h"

#include "gguf/limits.h"
#include "text/tokenizer.h"

#include <algorithm>

namespace bitnet {

Result<TokenTrie> TokenTrie::make(const Tokenizer& tokenizer) noexcept {
  struct Word {
    std::uint32_t begin, size;
    TokenId id;
  };
  TokenTrie trie;
  Text arena;
  Vec<Word> words;
  for (std::size_t i = 0; i < tokenizer.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (tokenizer.ends_generation(id)) {
      BITNET_TRY(trie.ends_.push(id));
      continue;
    }
    const auto begin = static_cast<std::uint32_t>(arena.size()); // headers are below 64 MiB
    BITNET_TRY(tokenizer.decode(id, arena));
    const auto size = static_cast<std::uint32_t>(arena.size() - begin);
    if (size > 0)
      BITNET_TRY(words.push({begin, size, id}));
  }
  const auto text = [&](const Word& word) { return view(arena).substr(word.begin, word.size); };
  std::sort(words.begin(), words.end(), [&](const Word& a, const Word& b) {
    const int order = text(a).compare(text(b)); // as unsigned bytes
    return order != 0 ? order < 0 : a.id < b.id;
  });

  static_assert(limits::kTokenBytes < 65536, "depths are 16-bit");
  Vec<std::uint32_t> path; // nodes from the root to the last one made
  std::string_view before;
  for (const Word& word : words) {
    const std::string_view bytes = text(word);
    const auto common = static_cast<std::size_t>(
        std::mismatch(bytes.begin(), bytes.end(), before.begin(), before.end()).first -
        bytes.begin());
    const auto node = static_cast<std::uint32_t>(trie.nodes_.size());
    for (std::size_t i = common; i < path.size(); ++i)
      trie.nodes_[path[i]].next = node;
    path.truncate(common);
    for (std::size_t i = common; i < bytes.size(); ++i) {
      BITNET_TRY(path.push(static_cast<std::uint32_t>(trie.nodes_.size())));
      BITNET_TRY(trie.nodes_.push({.byte = static_cast<std::uint8_t>(bytes[i]),
                                   .depth = static_cast<std::uint16_t>(i),
                                   .next = 0,
                                   .ids = static_cast<std::uint32_t>(trie.ids_.size())}));
    }
    BITNET_TRY(trie.ids_.push(word.id));
    trie.longest_ = std::max(trie.longest_, bytes.size());
    if (bytes.size() == 1)
      trie.alone_[static_cast<std::uint8_t>(bytes[0])] = true;
    before = bytes;
  }
  const auto end = static_cast<std::uint32_t>(trie.nodes_.size());
  for (const std::uint32_t open : path)
    trie.nodes_[open].next = end;
  BITNET_TRY(trie.nodes_.push({.byte = 0,
                               .depth = 0,
                               .next = end + 1,
                               .ids = static_cast<std::uint32_t>(trie.ids_.size())}));
  return trie;
}

} // namespace bitnet
