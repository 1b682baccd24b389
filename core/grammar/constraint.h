// Constrained generation: which tokens may come next so that the text stays within a grammar and can be completed with the
// tokens that are left. The engine asks before it samples and tells what it took.
//
// Sampling sees a refused token as one without a finite logit, before top-k, top-p and min-p. Tokens that end generation
// are allowed where the text may end; other tokens without text never are.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "bitnet/types.hpp"
#include "grammar/automaton.h"
#include "grammar/stacks.h"
#include "text/tokenizer.h"

#include <memory>
#include <optional>
#include <string_view>

namespace bitnet::grammar {

class Constraint {
public:
  /// For a new generation by a model of `vocabulary` ids. One of the texts is empty; both: no constraint. What was
  /// compiled for the same text before is kept, with its masks. BadGrammar, LimitExceeded.
  Status begin(const Tokenizer& tokenizer, std::size_t vocabulary,
               const GenerateOptions& options) noexcept;
  bool active() const noexcept { return active_; }
  /// As many tokens complete the text from here, whatever the model prefers; the fewest may be less.
  std::uint32_t needed() const noexcept { return stacks_ ? stacks_->cost(at_) : kNever; }
  Status check(std::uint64_t left) const noexcept; ///< GrammarEnd when `left` tokens do not suffice

  /// May this token come next, when it is one of `left` that are still to come?
  Result<bool> allows(TokenId id, std::uint64_t left) noexcept {
    return keep(find_allowed(id, left));
  }
  /// One bit for each id: may it come next? GrammarEnd when none may. Valid until the next call.
  Result<std::span<const std::uint64_t>> mask(std::uint64_t left) noexcept {
    return keep(make_mask(left));
  }
  /// A token that allows() or mask() allowed has been taken.
  Status accept(TokenId id) noexcept { return keep(advance(id)); }
  /// Is the text whole, and nothing may follow?
  bool must_end() const noexcept { return is_whole() && !stacks_->can_go_on(at_); }
  /// May the text end here, as far as the grammar goes?
  bool is_whole() const noexcept { return stacks_ && stacks_->can_end(at_); }

private:
  /// An error may leave the tables full, or half made: the next generation begins with new ones.
  template <class T> T keep(T result) noexcept {
    if (!result && result.error().code() != ErrorCode::GrammarEnd)
      stacks_.reset();
    return result;
  }
  Result<bool> find_allowed(TokenId id, std::uint64_t left) noexcept;
  Result<std::span<const std::uint64_t>> make_mask(std::uint64_t left) noexcept;
  Status advance(TokenId id) noexcept;
  static Error lost_tables() noexcept {
    return Error(ErrorCode::InvalidState) << "grammar: an error came before";
  }
  Status compile(std::string_view grammar, std::string_view schema) noexcept;
  /// After a token's bytes; kDead when they do not fit.
  Result<SetId> after(std::string_view bytes) noexcept;
  /// Is it good to stand there with so many tokens left?
  bool good(SetId set, std::uint64_t left) const noexcept;
  bool lost(SetId set) const noexcept;
  bool can_end_here() const noexcept { return !ignore_end_ && stacks_->can_end(at_); }
  /// Sets the bits of all tokens that fit; `most` becomes the largest cost of where they lead.
  Status walk(std::uint64_t* bits, std::uint64_t left, std::uint32_t& most) noexcept;
  Status fill(std::size_t slot, std::uint64_t left, std::uint32_t& most) noexcept;
  Result<std::size_t> find_mask() noexcept;
  void allow(std::uint64_t* bits, TokenId id) const noexcept;
  std::size_t words() const noexcept { return (vocabulary_ + 63) / 64; }

  bool active_ = false;
  bool ignore_end_ = false;
  const Tokenizer* tokenizer_ = nullptr;
  const TokenTrie* trie_ = nullptr;
  std::size_t vocabulary_ = 0;
  Text source_; ///< the text compiled, and whether it is a schema
  bool is_schema_ = false;
  std::unique_ptr<Automaton> automaton_; ///< stacks_ points to it
  std::optional<Stacks> stacks_;
  SetId at_ = kDead;
  Text piece_;
  Vec<SetId> path_; ///< of a walk: where each depth stands

  /// The mask of a set, good while more than `most` tokens are left. A few are kept; the oldest gives way.
  struct Mask {
    SetId set = kDead;
    std::uint32_t most = 0;
    bool ends = false; ///< with the tokens that end generation
  };
  Vec<Mask> masks_;
  Vec<std::uint64_t> bits_; ///< of masks_, one after the other
  std::size_t next_mask_ = 0;
};

} // namespace bitnet::grammar
