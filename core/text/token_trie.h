// The vocabulary as a tree of the bytes that its tokens are in a text: what constrained sampling walks. Nodes stand in
// the order of a walk, children behind their parent, so that a branch is skipped by one jump.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "bitnet/types.hpp"

#include <array>

namespace bitnet {

class Tokenizer;

class TokenTrie {
public:
  /// Tokens that give text; those that give none (control, unused) are not in it.
  static Result<TokenTrie> make(const Tokenizer& tokenizer) noexcept;

  struct Node {
    std::uint8_t byte;   ///< on the edge to it
    std::uint16_t depth; ///< bytes from the root to its parent
    std::uint32_t next;  ///< the first node that is not below it
    std::uint32_t ids;   ///< the first of its tokens; the next node's are behind them
  };
  std::size_t size() const noexcept { return nodes_.size() - 1; }
  const Node& operator[](std::size_t i) const noexcept { return nodes_[i]; }
  /// Tokens whose bytes end at this node.
  std::span<const TokenId> ids(std::size_t node) const noexcept {
    return ids_.span().subspan(nodes_[node].ids, nodes_[node + 1].ids - nodes_[node].ids);
  }
  /// Bytes of the longest token.
  std::size_t longest() const noexcept { return longest_; }
  /// Which bytes are a token alone.
  const std::array<bool, 256>& alone() const noexcept { return alone_; }
  /// Tokens that end a generation; they are not in the tree.
  std::span<const TokenId> ends() const noexcept { return ends_.span(); }

private:
  Vec<Node> nodes_; ///< and one more, where the last node's ids end
  Vec<TokenId> ids_;
  Vec<TokenId> ends_;
  std::array<bool, 256> alone_{};
  std::size_t longest_ = 0;
};

} // namespace bitnet
