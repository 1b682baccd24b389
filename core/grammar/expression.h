// Grammars as expressions: what the GBNF parser, the schema compiler and the pattern compiler make, and what the automaton
// is made of. Texts are UTF-8 bytes; sets of characters are sets of code points.
//
// Builders call these functions by the dozen, so errors stick: after the first, every call gives kNothing and changes
// nothing, and status() tells what happened.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"
#include "grammar/limits.h"

#include <initializer_list>
#include <string_view>

namespace bitnet::grammar {

/// Number of an expression in its Expressions.
using Expr = std::uint32_t;
using RuleId = std::uint32_t;
inline constexpr Expr kNothing = 0; ///< matches no text at all
inline constexpr Expr kEmpty = 1;   ///< matches the empty text
inline constexpr std::uint32_t kNoMost = UINT32_MAX;

/// Code points from `first` to `last`.
struct Range {
  std::uint32_t first, last;
};
inline constexpr std::uint32_t kLastCode = 0x10FFFF;

struct Expression {
  enum class Kind : std::uint8_t {
    kNothing,
    kEmpty,
    kLiteral,    ///< bytes [a, a + b) of the text
    kCharacters, ///< ranges [a, a + b)
    kSequence,   ///< children [a, a + b), one after the other
    kChoice,     ///< children [a, a + b), one of them
    kRepeat,     ///< expression a, b to c times
    kRule        ///< what rule a says
  };
  Kind kind = Kind::kNothing;
  std::uint16_t depth = 0;
  std::uint32_t a = 0, b = 0, c = 0;
};

struct Rule {
  Expr body = kNothing;
  std::uint32_t name = 0, name_size = 0; ///< in the text; none: made by a compiler
  std::uint32_t line = 0;                ///< where it is defined; 0: nowhere yet
};

class Expressions {
public:
  Expressions() noexcept;

  Expr literal(std::string_view bytes) noexcept;
  /// One character of these ranges, which may overlap and come in any order; surrogates are left out.
  Expr characters(std::span<const Range> ranges, bool negated = false) noexcept;
  Expr characters(std::initializer_list<Range> ranges, bool negated = false) noexcept {
    return characters(std::span(ranges.begin(), ranges.size()), negated);
  }
  Expr sequence(std::span<const Expr> parts) noexcept;
  Expr sequence(std::initializer_list<Expr> parts) noexcept {
    return sequence(std::span(parts.begin(), parts.size()));
  }
  /// Branches that match nothing are left out.
  Expr choice(std::span<const Expr> branches) noexcept;
  Expr choice(std::initializer_list<Expr> branches) noexcept {
    return choice(std::span(branches.begin(), branches.size()));
  }
  /// `least` to `most` times; kNoMost: without end.
  Expr repeat(Expr what, std::uint32_t least, std::uint32_t most) noexcept;
  Expr optional(Expr what) noexcept { return repeat(what, 0, 1); }
  Expr rule(RuleId id) noexcept;

  /// A rule whose body is defined later; until then it matches nothing.
  RuleId add_rule(std::string_view name = {}) noexcept;
  void define(RuleId id, Expr body, std::uint32_t line = 1) noexcept;
  /// A rule that is this body: so that what stands in many places is in the automaton once.
  Expr shared(Expr body) noexcept;

  const Status& status() const noexcept { return status_; }
  /// Unless something failed before.
  void fail(const Error& error) noexcept;

  const Expression& operator[](Expr e) const noexcept { return expressions_[e]; }
  std::string_view bytes(const Expression& e) const noexcept {
    return view(text_).substr(e.a, e.b);
  }
  std::span<const Range> ranges(const Expression& e) const noexcept {
    return ranges_.span().subspan(e.a, e.b);
  }
  std::span<const Expr> children(const Expression& e) const noexcept {
    return children_.span().subspan(e.a, e.b);
  }
  std::span<const Rule> rules() const noexcept { return rules_.span(); }
  std::string_view name(const Rule& rule) const noexcept {
    return view(text_).substr(rule.name, rule.name_size);
  }

private:
  Expr add(const Expression& e) noexcept;
  Expr combine(Expression::Kind kind, std::span<const Expr> parts) noexcept;
  /// Appends to text_ and tells where.
  std::uint32_t write(std::string_view bytes) noexcept;
  void note(const Status& status) noexcept;

  Vec<Expression> expressions_;
  Vec<Expr> children_;
  Vec<Range> ranges_;
  Text text_;
  Vec<Rule> rules_;
  Vec<Range> sorted_; ///< scratch
  Status status_;
};

} // namespace bitnet::grammar
