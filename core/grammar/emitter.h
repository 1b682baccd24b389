// Writes expressions out as states and edges: repetitions as copies, characters as the byte sequences of UTF-8.
#pragma once

#include "bitnet/memory.hpp"
#include "grammar/automaton.h"
#include "grammar/expression.h"

namespace bitnet::grammar {

class Emitter {
public:
  struct Arrow {
    StateId from;
    Edge edge;
  };

  explicit Emitter(const Expressions& expressions) noexcept : expressions_(expressions) {}
  /// States, arrows and starts of all rules and of those that sets of characters are made into.
  Status run() noexcept;

  Vec<Arrow> arrows;
  Vec<StateId> starts; ///< of each rule
  Vec<bool> ends;      ///< of each state: is it the end of its rule?

private:
  /// Invariant: adds only edges that leave `from`, reach `to`, or lie between new states.
  Status emit(Expr e, StateId from, StateId to) noexcept;
  Status emit_literal(std::string_view bytes, StateId from, StateId to) noexcept;
  Status emit_repeat(const Expression& e, StateId from, StateId to) noexcept;
  Status emit_characters(Expr e, StateId from, StateId to) noexcept;
  /// Those of a set beyond ASCII, as a rule's network from `from` to `to`.
  Status emit_long_characters(std::span<const Range> ranges, StateId from, StateId to) noexcept;
  Status emit_utf8(std::uint32_t first, std::uint32_t last, StateId from, StateId to) noexcept;

  Status arrow(StateId from, StateId to, Label label) noexcept;
  Result<StateId> state(bool end = false) noexcept;

  const Expressions& expressions_;
  Vec<RuleId>
      long_rules_; ///< of each expression: the rule of its longer characters, plus 1; 0: none yet
  Vec<Expr> long_sets_; ///< of each such rule: the set
};

} // namespace bitnet::grammar
