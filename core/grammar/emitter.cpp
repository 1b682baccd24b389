// See emitter.h.
#include "grammar/emitter.h"

#include <algorithm>

namespace bitnet::grammar {

namespace {

struct Utf8 {
  std::array<std::uint8_t, 4> bytes{};
  std::size_t size = 0;
};
Utf8 encode(std::uint32_t code) noexcept {
  const auto tail = [&](unsigned shift) {
    return static_cast<std::uint8_t>(0x80U | (code >> shift & 0x3fU));
  };
  const auto head = [](std::uint32_t value) { return static_cast<std::uint8_t>(value); };
  if (code < 0x80)
    return {{head(code)}, 1};
  if (code < 0x800)
    return {{head(0xc0U | code >> 6), tail(0)}, 2};
  if (code < 0x10000)
    return {{head(0xe0U | code >> 12), tail(6), tail(0)}, 3};
  return {{head(0xf0U | code >> 18), tail(12), tail(6), tail(0)}, 4};
}

} // namespace

Status Emitter::arrow(StateId from, StateId to, Label label) noexcept {
  if (arrows.size() >= limits::kEdges)
    return Error(ErrorCode::LimitExceeded)
           << "grammar: more than " << limits::kEdges << " edges, repetitions written out";
  return arrows.push({from, {to, label}});
}

Result<StateId> Emitter::state(bool end) noexcept {
  if (ends.size() >= limits::kStates)
    return Error(ErrorCode::LimitExceeded)
           << "grammar: more than " << limits::kStates << " states, repetitions written out";
  BITNET_TRY(ends.push(end));
  return static_cast<StateId>(ends.size() - 1);
}

Status Emitter::run() noexcept {
  const auto rules = expressions_.rules();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto start = state();
    BITNET_TRY(start);
    BITNET_TRY(starts.push(*start));
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto end = state(true);
    BITNET_TRY(end);
    BITNET_TRY(emit(rules[i].body, starts[i], *end));
  }
  for (std::size_t i = 0; i < long_sets_.size(); ++i) {
    const auto end = state(true);
    BITNET_TRY(end);
    BITNET_TRY(emit_long_characters(expressions_.ranges(expressions_[long_sets_[i]]),
                                    starts[rules.size() + i], *end));
  }
  return {};
}

Status Emitter::emit(Expr e, StateId from, StateId to) noexcept {
  const Expression& expression = expressions_[e];
  switch (expression.kind) {
  case Expression::Kind::kNothing: return {};
  case Expression::Kind::kEmpty: return arrow(from, to, Label::empty());
  case Expression::Kind::kLiteral: return emit_literal(expressions_.bytes(expression), from, to);
  case Expression::Kind::kCharacters: return emit_characters(e, from, to);
  case Expression::Kind::kSequence: {
    const auto parts = expressions_.children(expression);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto next = i + 1 == parts.size() ? Result<StateId>(to) : state();
      BITNET_TRY(next);
      BITNET_TRY(emit(parts[i], from, *next));
      from = *next;
    }
    return {};
  }
  case Expression::Kind::kChoice:
    for (const Expr branch : expressions_.children(expression))
      BITNET_TRY(emit(branch, from, to));
    return {};
  case Expression::Kind::kRepeat: return emit_repeat(expression, from, to);
  case Expression::Kind::kRule: return arrow(from, to, Label::call(expression.a));
  }
  return {};
}

Status Emitter::emit_literal(std::string_view bytes, StateId from, StateId to) noexcept {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto next = i + 1 == bytes.size() ? Result<StateId>(to) : state();
    BITNET_TRY(next);
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    BITNET_TRY(arrow(from, *next, Label::byte(byte, byte)));
    from = *next;
  }
  return {};
}

Status Emitter::emit_repeat(const Expression& e, StateId from, StateId to) noexcept {
  const Expression repeat = e;
  for (std::uint32_t i = 0; i < repeat.b; ++i) {
    const auto next = i + 1 == repeat.c ? Result<StateId>(to) : state();
    BITNET_TRY(next);
    BITNET_TRY(emit(repeat.a, from, *next));
    from = *next;
  }
  if (repeat.c == kNoMost) { // a state of its own, so that the loop touches nothing else
    const auto loop = state();
    BITNET_TRY(loop);
    BITNET_TRY(arrow(from, *loop, Label::empty()));
    BITNET_TRY(emit(repeat.a, *loop, *loop));
    return arrow(*loop, to, Label::empty());
  }
  for (std::uint32_t i = repeat.b; i < repeat.c; ++i) {
    const auto next = i + 1 == repeat.c ? Result<StateId>(to) : state();
    BITNET_TRY(next);
    BITNET_TRY(arrow(from, to, Label::empty()));
    BITNET_TRY(emit(repeat.a, from, *next));
    from = *next;
  }
  return {};
}

Status Emitter::emit_characters(Expr e, StateId from, StateId to) noexcept {
  bool has_long = false;
  for (const Range& range : expressions_.ranges(expressions_[e])) {
    if (range.first < 0x80)
      BITNET_TRY(arrow(from, to, Label::byte(range.first, std::min(range.last, 0x7fU))));
    has_long = has_long || range.last >= 0x80;
  }
  if (!has_long)
    return {};
  // Where a set is repeated a hundred times, its byte sequences are there once.
  while (long_rules_.size() <= e)
    BITNET_TRY(long_rules_.push(0));
  if (long_rules_[e] == 0) {
    const auto start = state();
    BITNET_TRY(start);
    BITNET_TRY(starts.push(*start));
    BITNET_TRY(long_sets_.push(e));
    long_rules_[e] = static_cast<RuleId>(starts.size());
  }
  return arrow(from, to, Label::call(long_rules_[e] - 1));
}

Status Emitter::emit_long_characters(std::span<const Range> ranges, StateId from,
                                     StateId to) noexcept {
  constexpr std::uint32_t kFirstOfSize[] = {0x80, 0x800, 0x10000, kLastCode + 1};
  for (const Range& range : ranges)
    for (std::size_t i = 0; i + 1 < std::size(kFirstOfSize); ++i) {
      const std::uint32_t first = std::max(range.first, kFirstOfSize[i]);
      const std::uint32_t last = std::min(range.last, kFirstOfSize[i + 1] - 1);
      if (first <= last)
        BITNET_TRY(emit_utf8(first, last, from, to));
    }
  return {};
}

/// All of one size. Cut until every byte but those behind a difference is free: then it is a product of byte ranges.
Status Emitter::emit_utf8(std::uint32_t first, std::uint32_t last, StateId from,
                          StateId to) noexcept {
  for (unsigned shift = 6; shift <= 18; shift += 6) {
    const std::uint32_t low = (1U << shift) - 1;
    if ((first & ~low) == (last & ~low))
      continue;
    if ((first & low) != 0) {
      BITNET_TRY(emit_utf8(first, first | low, from, to));
      return emit_utf8((first | low) + 1, last, from, to);
    }
    if ((last & low) != low) {
      BITNET_TRY(emit_utf8(first, (last & ~low) - 1, from, to));
      return emit_utf8(last & ~low, last, from, to);
    }
  }
  const Utf8 low = encode(first);
  const Utf8 high = encode(last);
  for (std::size_t i = 0; i < low.size; ++i) {
    const auto next = i + 1 == low.size ? Result<StateId>(to) : state();
    BITNET_TRY(next);
    BITNET_TRY(arrow(from, *next, Label::byte(low.bytes[i], high.bytes[i])));
    from = *next;
  }
  return {};
}

} // namespace bitnet::grammar
