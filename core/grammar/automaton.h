// A grammar as an automaton over bytes: one network of states for each rule, whose edges read a byte, read nothing, or
// call another rule. So a token may end inside a character. Enters: expressions. Leaves: what Stacks walks.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"
#include "grammar/expression.h"

#include <array>

namespace bitnet::grammar {

using StateId = std::uint32_t;
/// Cost of what can never be completed.
inline constexpr std::uint32_t kNever = UINT32_MAX;

/// What an edge reads: a byte from low to high, nothing, or the text of a rule.
class Label {
public:
  static constexpr Label byte(std::uint32_t low, std::uint32_t high) noexcept {
    return Label(low << 8 | high);
  }
  static constexpr Label empty() noexcept { return Label(kFirstCall - 1); }
  static constexpr Label call(RuleId rule) noexcept { return Label(kFirstCall + rule); }

  constexpr bool is_byte() const noexcept { return value_ < kFirstCall - 1; }
  constexpr bool is_empty() const noexcept { return value_ == kFirstCall - 1; }
  constexpr bool is_call() const noexcept { return value_ >= kFirstCall; }
  constexpr std::uint32_t low() const noexcept { return value_ >> 8; }
  constexpr std::uint32_t high() const noexcept { return value_ & 0xffU; }
  constexpr RuleId rule() const noexcept { return value_ - kFirstCall; }

private:
  static constexpr std::uint32_t kFirstCall = (1U << 16) + 1;
  explicit constexpr Label(std::uint32_t value) noexcept : value_(value) {}
  std::uint32_t value_;
};

struct Edge {
  StateId target;
  Label label;
};

/// Which bytes a vocabulary can spell alone.
using ByteSet = std::array<bool, 256>;

class Automaton {
public:
  /// The automaton of rule `root`. `alone` tells which bytes have a token of their own: costs count only these.
  /// BadGrammar: left recursion, or nothing can be completed. LimitExceeded: more edges than kEdges.
  static Result<Automaton> make(const Expressions& expressions, RuleId root,
                                const ByteSet& alone) noexcept;

  StateId start(RuleId rule) const noexcept { return starts_[rule]; }
  RuleId root() const noexcept { return root_; }
  bool is_end(StateId state) const noexcept { return ends_[state]; }
  std::size_t states() const noexcept { return ends_.size(); }
  std::span<const Edge> edges(StateId state) const noexcept {
    return edges_.span().subspan(first_[state], first_[state + 1] - first_[state]);
  }
  /// Fewest bytes from here to the end of the state's rule; kNever when there is no way.
  std::uint32_t cost(StateId state) const noexcept { return costs_[state]; }

  /// Bytes that no edge tells apart are of one class.
  std::uint32_t classes() const noexcept { return classes_; }
  std::uint8_t class_of(std::uint8_t byte) const noexcept { return class_of_[byte]; }
  std::uint8_t member_of(std::uint32_t byte_class) const noexcept { return members_[byte_class]; }

private:
  friend class Emitter;
  Status check_left_recursion(const Expressions& expressions) const noexcept;
  Status find_costs(const ByteSet& alone) noexcept;
  void find_classes() noexcept;

  RuleId root_ = 0;
  Vec<StateId> starts_;      ///< of each rule
  Vec<bool> ends_;           ///< of each state: is it the end of its rule?
  Vec<std::uint32_t> first_; ///< of each state: its edges begin here; and one more
  Buffer<Edge> edges_;
  Buffer<std::uint32_t> costs_;
  std::uint32_t classes_ = 0;
  std::array<std::uint8_t, 256> class_of_{};
  std::array<std::uint8_t, 256> members_{};
};

} // namespace bitnet::grammar
