// Where a text may stand in its grammar: sets of stacks of states, each set made once and known by its number.
//
// A set holds states and, for each, the set of what may lie below it. So stacks that differ only below share everything
// above, and sets that are equal are one: a grammar whose texts can be read in 2^n ways has n sets. Steps from set to set
// are kept in a table, which makes a deterministic automaton of the part of the grammar that texts have visited.
#pragma once

#include "bitnet/memory.hpp"
#include "grammar/automaton.h"
#include "text/hash_index.h"

namespace bitnet::grammar {

using SetId = std::uint32_t;
inline constexpr SetId kDead = 0; ///< no stack: the text does not fit

class Stacks {
public:
  /// `automaton` must outlive it and not move.
  static Result<Stacks> make(const Automaton& automaton) noexcept;

  /// Where every text begins.
  SetId start() const noexcept { return start_; }
  /// After one more byte; kDead when it does not fit.
  Result<SetId> step(SetId set, std::uint8_t byte) noexcept {
    if (const SetId* known = find_step(set, byte))
      return *known;
    return find_step_anew(set, byte);
  }
  /// The same for a step that has been taken before; null otherwise.
  const SetId* find_step(SetId set, std::uint8_t byte) const noexcept {
    const std::uint32_t row = sets_[set].row;
    if (row == kNone)
      return nullptr;
    const SetId* known = &steps_[row + automaton_->class_of(byte)];
    return *known == kNone ? nullptr : known;
  }

  /// May the text end here?
  bool can_end(SetId set) const noexcept { return sets_[set].bottom; }
  /// May it go on?
  bool can_go_on(SetId set) const noexcept { return sets_[set].size > 0; }
  /// Fewest bytes to a whole text; kNever when the vocabulary's bytes do not lead to one.
  std::uint32_t cost(SetId set) const noexcept { return sets_[set].cost; }
  /// Calls under way.
  std::uint32_t calls(SetId set) const noexcept { return sets_[set].calls; }

  /// Are the tables so full that the next token might not find room?
  bool crowded() const noexcept;
  /// Forget everything but `set`, whose new number is the answer; also start() is new.
  Result<SetId> forget_all_but(SetId set) noexcept;

  /// Work is counted, and refused beyond kWork: call it before each token.
  void begin_token() noexcept { work_ = 0; }

private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Entry {
    StateId state;
    SetId below;
    bool operator==(const Entry&) const noexcept = default;
  };
  struct Set {
    std::uint32_t first, size; ///< entries, by rising state
    bool bottom;               ///< holds the empty stack
    std::uint32_t cost, calls;
    std::uint32_t row; ///< in steps_; kNone: no step taken yet
  };
  struct Place { ///< of a state that is being closed over
    StateId state;
    SetId below;
    bool queued;
  };

  explicit Stacks(const Automaton& automaton) noexcept : automaton_(&automaton) {}
  Status clear() noexcept;
  Status find_start() noexcept;
  Result<SetId> find_step_anew(SetId set, std::uint8_t byte) noexcept;
  Status add(StateId state, SetId below) noexcept;
  Result<SetId> close() noexcept;
  Status visit(std::size_t place) noexcept;
  Result<SetId> unite(SetId a, SetId b) noexcept;
  /// The set of these entries (by rising state), which may lie in scratch_ but not in entries_.
  Result<SetId> intern(std::span<const Entry> entries, bool bottom) noexcept;
  Status index(SetId set, std::uint64_t hash) noexcept;
  static std::uint64_t hash(std::span<const Entry> entries, bool bottom) noexcept;
  std::span<const Entry> entries(SetId set) const noexcept {
    return entries_.span().subspan(sets_[set].first, sets_[set].size);
  }
  Status work(std::size_t amount = 1) noexcept;
  /// Looking at the edges of a state is cheaper than a visit.
  Status work_on(std::span<const Edge> edges) noexcept { return work(edges.size() / 8); }

  const Automaton* automaton_;
  SetId start_ = kDead;
  SetId bottom_ = kDead; ///< nothing but the empty stack
  Vec<Set> sets_;
  Vec<Entry> entries_;
  Vec<SetId> steps_;
  HashIndex index_;
  std::size_t indexed_ = 0; ///< sets for which index_ has room
  std::uint32_t work_ = 0;

  // Scratch: of one closure, and of unions (a stack: unite() calls itself).
  Vec<Place> places_;
  Vec<std::uint32_t> queue_;
  Buffer<std::uint32_t> place_of_; ///< of each state, plus 1; 0: none
  bool bottom_reached_ = false;
  Vec<Entry> scratch_;
  struct Union {
    SetId a, b, result;
  };
  Buffer<Union> unions_; ///< those made lately, by a hash of a and b
};

} // namespace bitnet::grammar
