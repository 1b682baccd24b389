// JSON Schema (the part of draft 2020-12 and draft 7 that a grammar can enforce) as expressions. Every text that the result
// matches is a JSON document that the schema accepts; what cannot be promised is refused by keyword and JSON pointer.
// What is written is a choice among what is valid: compact, members in the order in which `properties` names them, numbers
// of at most 15 significant digits, no member that `properties` does not name unless the schema asks for it.
// docs/grammars.md has the keywords.
#pragma once

#include "grammar/expression.h"

#include <string_view>

namespace bitnet::grammar {

/// The rules of a schema; the answer is the document's. BadGrammar, LimitExceeded.
Result<RuleId> compile_schema(std::string_view text, Expressions& out) noexcept;

} // namespace bitnet::grammar
