// GBNF, the grammar format of llama.cpp: rules `name ::= ...` of "literals", [sets], (groups), other rules, alternatives
// with |, repetitions with * + ? {m} {m,} {m,n}, any character with a dot, comments from # on. docs/grammars.md has all.
#pragma once

#include "grammar/expression.h"

#include <string_view>

namespace bitnet::grammar {

/// The rules of a grammar; the answer is the one named root. BadGrammar tells line and column.
Result<RuleId> parse_gbnf(std::string_view text, Expressions& out) noexcept;

/// Append a code point as UTF-8.
Status append_utf8(std::uint32_t code, Text& out) noexcept;

} // namespace bitnet::grammar
