// See expression.h.
#include "grammar/expression.h"

#include <algorithm>

namespace bitnet::grammar {

Expressions::Expressions() noexcept {
  note(expressions_.push({.kind = Expression::Kind::kNothing}));
  note(expressions_.push({.kind = Expression::Kind::kEmpty}));
}

void Expressions::note(const Status& status) noexcept {
  if (!status)
    fail(status.error());
}

void Expressions::fail(const Error& error) noexcept {
  if (status_)
    status_ = error;
}

Expr Expressions::add(const Expression& e) noexcept {
  if (!status_)
    return kNothing;
  if (expressions_.size() >= limits::kExpressions)
    fail(Error(ErrorCode::LimitExceeded)
         << "grammar: more than " << limits::kExpressions << " elements");
  else if (e.depth > limits::kNesting)
    fail(Error(ErrorCode::LimitExceeded)
         << "grammar: nested deeper than " << limits::kNesting << " levels");
  else
    note(expressions_.push(e));
  return status_ ? static_cast<Expr>(expressions_.size() - 1) : kNothing;
}

std::uint32_t Expressions::write(std::string_view bytes) noexcept {
  const auto at = static_cast<std::uint32_t>(text_.size());
  if (bytes.size() > limits::kTextBytes - text_.size())
    fail(Error(ErrorCode::LimitExceeded)
         << "grammar: more than " << limits::kTextBytes << " bytes of literals and names");
  if (status_)
    note(text_.append(bytes));
  return at;
}

Expr Expressions::literal(std::string_view bytes) noexcept {
  if (bytes.empty())
    return kEmpty;
  const std::uint32_t at = write(bytes);
  return add(
      {.kind = Expression::Kind::kLiteral, .a = at, .b = static_cast<std::uint32_t>(bytes.size())});
}

Expr Expressions::characters(std::span<const Range> ranges, bool negated) noexcept {
  constexpr std::uint32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;
  // Merging and leaving out the surrogates makes at most two more.
  if (ranges.size() + 2 > limits::kRanges - ranges_.size())
    fail(Error(ErrorCode::LimitExceeded)
         << "grammar: more than " << limits::kRanges << " ranges of characters");
  if (!status_)
    return kNothing;
  sorted_.clear();
  note(sorted_.append(ranges));
  std::sort(sorted_.begin(), sorted_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  const auto at = static_cast<std::uint32_t>(ranges_.size());
  const auto put = [&](std::uint32_t first, std::uint32_t last) {
    last = std::min(last, kLastCode);
    if (first > last)
      return;
    if (first < kFirstSurrogate)
      note(ranges_.push({first, std::min(last, kFirstSurrogate - 1)}));
    if (last > kLastSurrogate)
      note(ranges_.push({std::max(first, kLastSurrogate + 1), last}));
  };
  std::uint32_t next = 0; // the first code point that no range so far holds
  for (std::size_t i = 0; i < sorted_.size();) {
    Range merged = sorted_[i];
    for (++i; i < sorted_.size() && sorted_[i].first <= merged.last + 1; ++i)
      merged.last = std::max(merged.last, sorted_[i].last);
    if (!negated)
      put(merged.first, merged.last);
    else if (merged.first > next)
      put(next, merged.first - 1);
    next = merged.last + 1;
  }
  if (negated)
    put(next, kLastCode);
  const auto count = static_cast<std::uint32_t>(ranges_.size()) - at;
  return count == 0 ? kNothing : add({.kind = Expression::Kind::kCharacters, .a = at, .b = count});
}

Expr Expressions::combine(Expression::Kind kind, std::span<const Expr> parts) noexcept {
  const auto at = static_cast<std::uint32_t>(children_.size());
  std::uint16_t depth = 0;
  for (const Expr part : parts)
    depth = std::max(depth, expressions_[part].depth);
  note(children_.append(parts));
  return add({.kind = kind,
              .depth = static_cast<std::uint16_t>(depth + 1),
              .a = at,
              .b = static_cast<std::uint32_t>(parts.size())});
}

Expr Expressions::sequence(std::span<const Expr> parts) noexcept {
  if (!status_ || std::find(parts.begin(), parts.end(), kNothing) != parts.end())
    return kNothing;
  if (parts.empty())
    return kEmpty;
  return parts.size() == 1 ? parts[0] : combine(Expression::Kind::kSequence, parts);
}

Expr Expressions::choice(std::span<const Expr> branches) noexcept {
  if (!status_)
    return kNothing;
  Vec<Expr> some;
  if (std::find(branches.begin(), branches.end(), kNothing) != branches.end()) {
    for (const Expr branch : branches)
      if (branch != kNothing)
        note(some.push(branch));
    branches = some.span();
  }
  if (!status_ || branches.empty())
    return kNothing;
  return branches.size() == 1 ? branches[0] : combine(Expression::Kind::kChoice, branches);
}

Expr Expressions::repeat(Expr what, std::uint32_t least, std::uint32_t most) noexcept {
  if (!status_ || (what == kNothing && least > 0) || most < least)
    return kNothing;
  if (most == 0 || what == kEmpty || what == kNothing)
    return kEmpty;
  if (least > limits::kRepetitions || (most != kNoMost && most > limits::kRepetitions))
    fail(Error(ErrorCode::LimitExceeded)
         << "grammar: a repetition of more than " << limits::kRepetitions);
  if (least == 1 && most == 1)
    return what;
  return add({.kind = Expression::Kind::kRepeat,
              .depth = static_cast<std::uint16_t>(expressions_[what].depth + 1),
              .a = what,
              .b = least,
              .c = most});
}

Expr Expressions::rule(RuleId id) noexcept {
  return add({.kind = Expression::Kind::kRule, .a = id});
}

RuleId Expressions::add_rule(std::string_view name) noexcept {
  if (!status_)
    return 0;
  if (rules_.size() >= limits::kRules)
    fail(Error(ErrorCode::LimitExceeded) << "grammar: more than " << limits::kRules << " rules");
  const std::uint32_t at = write(name);
  note(rules_.push({.name = at, .name_size = static_cast<std::uint32_t>(name.size())}));
  return static_cast<RuleId>(rules_.size() - 1);
}

void Expressions::define(RuleId id, Expr body, std::uint32_t line) noexcept {
  if (!status_)
    return;
  rules_[id].body = body;
  rules_[id].line = line;
}

Expr Expressions::shared(Expr body) noexcept {
  const RuleId id = add_rule();
  define(id, body);
  return body == kNothing ? kNothing : rule(id);
}

} // namespace bitnet::grammar
