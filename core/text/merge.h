// The merging that both tokenizer kinds share: while two neighbours form a token, join the pair of the lowest rank, the
// leftmost on ties. Enters: symbols in text order. Leaves: the same list, shorter. O(n log n): a heap of candidate
// pairs, of which those that a merge has outdated are skipped when they come up.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"

#include <algorithm>
#include <optional>

namespace bitnet {

struct Symbol {
  std::uint32_t begin = 0; ///< bytes of the text; neighbours touch
  std::uint32_t size = 0;  ///< 0: has been joined to its left neighbour
  std::uint32_t previous = 0, next = 0;
  TokenId id = kNoToken; ///< kNoToken: these bytes are no token
};

struct Merge {
  std::uint32_t rank;
  TokenId id;
};

/// The lists of one encode() call, used again for each word.
class Merger {
public:
  /// Begin a new word.
  void clear() noexcept { symbols_.clear(); }
  Status add(std::uint32_t begin, std::uint32_t size, TokenId id) noexcept {
    const auto at = static_cast<std::uint32_t>(symbols_.size());
    return symbols_.push({begin, size, at - 1, at + 1, id}); // the first one's `previous` is kEnd
  }

  /// `find(left, right)` says what two neighbouring symbols merge to: std::optional<Merge>.
  template <class Find> Status run(Find&& find) noexcept {
    if (symbols_.size() < 2)
      return {};
    heap_.clear();
    for (std::uint32_t right = 1; right < symbols_.size(); ++right)
      if (const auto candidate = look(right - 1, right, find))
        BITNET_TRY(heap_.push(*candidate));
    std::make_heap(heap_.begin(), heap_.end(), later);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Candidate best = heap_[heap_.size() - 1];
      heap_.truncate(heap_.size() - 1);
      Symbol& left = symbols_[best.left];
      Symbol& right = symbols_[best.right];
      // Symbols only grow or vanish, so equal sizes mean that neither has changed.
      if (left.size == 0 || right.size == 0 || left.size + right.size != best.size)
        continue;
      left.size = best.size;
      left.id = best.id;
      left.next = right.next;
      right.size = 0;
      if (left.next < symbols_.size()) {
        symbols_[left.next].previous = best.left;
        BITNET_TRY(push(best.left, left.next, find));
      }
      if (left.previous != kEnd)
        BITNET_TRY(push(left.previous, best.left, find));
    }
    return {};
  }

  /// `emit(symbol)` for each symbol left, in order; stops at the first error.
  template <class Emit> Status each(Emit&& emit) const noexcept {
    for (std::uint32_t i = 0; i < symbols_.size(); i = symbols_[i].next)
      BITNET_TRY(emit(symbols_[i]));
    return {};
  }

private:
  static constexpr std::uint32_t kEnd = ~0U;

  struct Candidate {
    std::uint32_t rank, left, right, size;
    TokenId id;
  };
  static bool later(const Candidate& a, const Candidate& b) noexcept {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  }

  template <class Find>
  std::optional<Candidate> look(std::uint32_t left, std::uint32_t right,
                                Find& find) const noexcept {
    const std::optional<Merge> merge = find(symbols_[left], symbols_[right]);
    if (!merge)
      return std::nullopt;
    return Candidate{merge->rank, left, right, symbols_[left].size + symbols_[right].size,
                     merge->id};
  }
  template <class Find> Status push(std::uint32_t left, std::uint32_t right, Find& find) noexcept {
    if (const auto candidate = look(left, right, find)) {
      BITNET_TRY(heap_.push(*candidate));
      std::push_heap(heap_.begin(), heap_.end(), later);
    }
    return {};
  }

  Vec<Symbol> symbols_;
  Vec<Candidate> heap_;
};

} // namespace bitnet
