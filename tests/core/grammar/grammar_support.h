// A grammar or a schema as something to ask: does this text fit, does it begin one that fits?
#pragma once

#include "grammar/automaton.h"
#include "grammar/gbnf.h"
#include "grammar/schema.h"
#include "grammar/stacks.h"

#include <catch_amalgamated.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bitnet::test {

inline grammar::ByteSet every_byte() {
  grammar::ByteSet all;
  all.fill(true);
  return all;
}

class Matcher {
public:
  using Compile = Result<grammar::RuleId> (*)(std::string_view, grammar::Expressions&) noexcept;

  Matcher(Compile compile, std::string_view text, const grammar::ByteSet& alone = every_byte()) {
    grammar::Expressions expressions;
    const auto root = compile(text, expressions);
    if (!root) {
      error_ = root.error();
      return;
    }
    make(expressions, *root, alone);
  }
  /// What an expression made by `build` matches.
  template <class Build> static Matcher of(Build build) {
    Matcher matcher;
    grammar::Expressions expressions;
    const grammar::RuleId root = expressions.add_rule("root");
    expressions.define(root, build(expressions));
    matcher.make(expressions, root, every_byte());
    return matcher;
  }

  bool valid() const { return !error_; }
  ErrorCode code() const { return error_ ? error_->code() : ErrorCode::Ok; }
  std::string detail() const { return error_ ? std::string(error_->detail()) : ""; }

  /// Where the text leads; kDead when it does not fit. An error counts as not fitting and is kept.
  grammar::SetId walk(std::string_view text) {
    grammar::SetId set = stacks_->start();
    stacks_->begin_token();
    for (const char c : text) {
      const auto next = stacks_->step(set, static_cast<std::uint8_t>(c));
      if (!next) {
        error_ = next.error();
        return grammar::kDead;
      }
      set = *next;
    }
    return set;
  }
  bool accepts(std::string_view text) {
    REQUIRE(valid());
    return stacks_->can_end(walk(text));
  }
  bool begins(std::string_view text) {
    REQUIRE(valid());
    const grammar::SetId set = walk(text);
    return set != grammar::kDead && stacks_->cost(set) != grammar::kNever;
  }
  grammar::Stacks& stacks() { return *stacks_; }
  const grammar::Automaton& automaton() const { return *automaton_; }

private:
  Matcher() = default;
  void make(const grammar::Expressions& expressions, grammar::RuleId root,
            const grammar::ByteSet& alone) {
    auto automaton = grammar::Automaton::make(expressions, root, alone);
    if (!automaton) {
      error_ = automaton.error();
      return;
    }
    automaton_ = std::make_unique<grammar::Automaton>(std::move(*automaton));
    auto stacks = grammar::Stacks::make(*automaton_);
    if (!stacks) {
      error_ = stacks.error();
      return;
    }
    stacks_.emplace(std::move(*stacks));
  }

  std::optional<Error> error_;
  std::unique_ptr<grammar::Automaton> automaton_;
  std::optional<grammar::Stacks> stacks_;
};

inline Matcher gbnf(std::string_view text) { return {grammar::parse_gbnf, text}; }
inline Matcher schema(std::string_view text) { return {grammar::compile_schema, text}; }

/// What the grammar of `matcher`, made of `text`, lets through and what not.
inline void check_words(Matcher matcher, std::string_view text,
                        std::initializer_list<std::string_view> good,
                        std::initializer_list<std::string_view> bad) {
  INFO(text);
  INFO(matcher.detail());
  REQUIRE(matcher.valid());
  for (const auto word : good) {
    INFO(word);
    CHECK(matcher.accepts(word));
  }
  for (const auto word : bad) {
    INFO(word);
    CHECK_FALSE(matcher.accepts(word));
  }
}

/// `text` was refused, and its error says `detail`.
inline void check_refused(const Matcher& matcher, std::string_view text, std::string_view detail,
                          ErrorCode code) {
  INFO(text);
  INFO(matcher.detail());
  CHECK(matcher.code() == code);
  CHECK(matcher.detail().find(detail) != std::string::npos);
}

} // namespace bitnet::test
