// Characters of JSON strings as expressions: a set of code points means what stands for them between the quotes.
#pragma once

#include "grammar/expression.h"

#include <string_view>

namespace bitnet::grammar {

/// Any one character, as it is or escaped; no lone surrogate.
Expr any_json_character(Expressions& out) noexcept;
/// One of the characters of a set (what characters() gave), as it is, or escaped where it must be.
Expr json_characters(Expressions& out, Expr set) noexcept;

/// What an ECMAScript pattern matches (anywhere, unless it is anchored), as the content of a JSON string: alternatives,
/// groups, sets, the escapes of characters and classes, quantifiers, ^ first and $ last in an alternative. BadGrammar,
/// begun with `where`, for look-around, references, word boundaries and \p.
Result<Expr> compile_pattern(std::string_view pattern, const Error& where,
                             Expressions& out) noexcept;

/// What a format stands for; kNothing when it is not one that can be enforced.
Expr compile_format(std::string_view format, Expressions& out) noexcept;

} // namespace bitnet::grammar
