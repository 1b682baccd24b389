// See constraint.h.
#include "grammar/constraint.h"

#include "grammar/gbnf.h"
#include "grammar/limits.h"
#include "grammar/schema.h"

#include <algorithm>
#include <new>

namespace bitnet::grammar {

Status Constraint::begin(const Tokenizer& tokenizer, std::size_t vocabulary,
                         const GenerateOptions& options) noexcept {
  active_ = false;
  if (options.grammar.empty() && options.json_schema.empty())
    return {};
  if (!options.grammar.empty() && !options.json_schema.empty())
    return Error(ErrorCode::InvalidArgument) << "grammar and json_schema: only one of them";
  if (tokenizer_ != &tokenizer || vocabulary_ != vocabulary || trie_ == nullptr) {
    const auto trie = tokenizer.trie();
    BITNET_TRY(trie);
    trie_ = *trie;
    tokenizer_ = &tokenizer;
    vocabulary_ = vocabulary;
    stacks_.reset();
    path_.clear();
    for (std::size_t i = 0; i <= trie_->longest(); ++i)
      BITNET_TRY(path_.push(kDead));
  }
  const bool is_schema = options.grammar.empty();
  const std::string_view source = is_schema ? options.json_schema : options.grammar;
  if (!stacks_ || is_schema != is_schema_ || view(source_) != source) {
    stacks_.reset();
    BITNET_TRY(compile(options.grammar, options.json_schema));
    source_.clear();
    BITNET_TRY(source_.append(source));
    is_schema_ = is_schema;
  }
  at_ = stacks_->start();
  ignore_end_ = options.ignore_end;
  active_ = true;
  return {};
}

Status Constraint::compile(std::string_view grammar, std::string_view schema) noexcept {
  masks_.clear();
  bits_.clear();
  next_mask_ = 0;
  Expressions expressions;
  const auto root =
      grammar.empty() ? compile_schema(schema, expressions) : parse_gbnf(grammar, expressions);
  BITNET_TRY(root);
  auto automaton = Automaton::make(expressions, *root, trie_->alone());
  BITNET_TRY(automaton);
  automaton_.reset(new (std::nothrow) Automaton(std::move(*automaton)));
  if (automaton_ == nullptr)
    return Error(ErrorCode::OutOfMemory) << "grammar";
  auto stacks = Stacks::make(*automaton_);
  BITNET_TRY(stacks);
  stacks_.emplace(std::move(*stacks));
  return {};
}

Status Constraint::check(std::uint64_t left) const noexcept {
  if (needed() == kNever)
    return Error(ErrorCode::GrammarEnd)
           << "the vocabulary has no tokens for the single bytes that the grammar needs";
  if (needed() > left)
    return Error(ErrorCode::GrammarEnd)
           << "a whole text may take " << needed() << " tokens, there is room for " << left;
  return {};
}

/// A token is good when what is then left suffices, byte by byte, and rules do not nest too deep. What leads towards the
/// end is never too deep, so there is always a good token: the first byte of a shortest completion.
bool Constraint::good(SetId set, std::uint64_t left) const noexcept {
  const std::uint32_t cost = stacks_->cost(set);
  return cost != kNever && cost < left && // the token itself is one of them
         (stacks_->calls(set) <= limits::kCalls || cost < stacks_->cost(at_));
}

/// No token that passes there is looked at: it does not fit, or nests far too deep within itself.
bool Constraint::lost(SetId set) const noexcept {
  return set == kDead ||
         (stacks_->calls(set) > limits::kMostCalls / 2 && stacks_->cost(set) >= stacks_->cost(at_));
}

Result<SetId> Constraint::after(std::string_view bytes) noexcept {
  SetId set = at_;
  for (const char byte : bytes) {
    const auto next = stacks_->step(set, static_cast<std::uint8_t>(byte));
    BITNET_TRY(next);
    set = *next;
    if (lost(set))
      return kDead;
  }
  return set;
}

Result<bool> Constraint::find_allowed(TokenId id, std::uint64_t left) noexcept {
  if (!stacks_)
    return lost_tables();
  if (!tokenizer_->valid(id))
    return false;
  if (tokenizer_->ends_generation(id))
    return can_end_here();
  stacks_->begin_token();
  piece_.clear();
  BITNET_TRY(tokenizer_->decode(id, piece_));
  if (piece_.empty())
    return false;
  const auto set = after(view(piece_));
  BITNET_TRY(set);
  return *set != kDead && good(*set, left);
}

void Constraint::allow(std::uint64_t* bits, TokenId id) const noexcept {
  const auto i = static_cast<std::size_t>(id);
  if (i < vocabulary_)
    bits[i / 64] |= std::uint64_t{1} << i % 64;
}

Status Constraint::walk(std::uint64_t* bits, std::uint64_t left, std::uint32_t& most) noexcept {
  stacks_->begin_token();
  path_[0] = at_;
  for (std::size_t i = 0; i < trie_->size();) {
    const TokenTrie::Node& node = (*trie_)[i];
    const SetId from = path_[node.depth];
    SetId set = kDead;
    if (const SetId* known = stacks_->find_step(from, node.byte)) {
      set = *known;
    } else {
      const auto found = stacks_->step(from, node.byte);
      BITNET_TRY(found);
      set = *found;
    }
    if (lost(set)) {
      i = node.next;
      continue;
    }
    path_[node.depth + 1] = set;
    const auto ids = trie_->ids(i);
    if (!ids.empty() && good(set, left)) {
      most = std::max(most, stacks_->cost(set));
      for (const TokenId id : ids)
        allow(bits, id);
    }
    ++i;
  }
  return {};
}

/// Most sets lead to places from which few bytes complete the text, so one mask serves until the very end.
Result<std::size_t> Constraint::find_mask() noexcept {
  const bool ends = can_end_here();
  for (std::size_t i = 0; i < masks_.size(); ++i)
    if (masks_[i].set == at_ && masks_[i].ends == ends)
      return i;
  const std::size_t slot = next_mask_;
  if (slot == masks_.size())
    BITNET_TRY(masks_.push({}));
  masks_[slot] = {.set = kDead, .most = 0, .ends = ends};
  std::uint32_t most = 0;
  BITNET_TRY(fill(slot, UINT64_MAX, most));
  masks_[slot].set = at_;
  masks_[slot].most = most;
  const std::size_t room = static_cast<std::size_t>(limits::kMaskBytes / (8 * words()));
  next_mask_ = (slot + 1) % std::clamp<std::size_t>(room, 4, 256);
  return slot;
}

Status Constraint::fill(std::size_t slot, std::uint64_t left, std::uint32_t& most) noexcept {
  while (bits_.size() < (slot + 1) * words())
    BITNET_TRY(bits_.push(0));
  std::uint64_t* const bits = bits_.data() + slot * words();
  std::fill(bits, bits + words(), 0);
  BITNET_TRY(walk(bits, left, most));
  if (can_end_here())
    for (const TokenId id : trie_->ends())
      allow(bits, id);
  return {};
}

Result<std::span<const std::uint64_t>> Constraint::make_mask(std::uint64_t left) noexcept {
  if (!stacks_)
    return lost_tables();
  auto slot = find_mask();
  BITNET_TRY(slot);
  if (masks_[*slot].most >=
      left) { // tokens are short: a mask for here and now, in the next one's place
    *slot = next_mask_;
    if (*slot < masks_.size())
      masks_[*slot].set = kDead;
    std::uint32_t most = 0;
    BITNET_TRY(fill(*slot, left, most));
  }
  const auto bits = bits_.span().subspan(*slot * words(), words());
  if (std::all_of(bits.begin(), bits.end(), [](std::uint64_t word) { return word == 0; }))
    return Error(ErrorCode::GrammarEnd);
  return bits;
}

Status Constraint::advance(TokenId id) noexcept {
  if (!stacks_)
    return lost_tables();
  stacks_->begin_token();
  if (tokenizer_->ends_generation(id))
    return {};
  piece_.clear();
  BITNET_TRY(tokenizer_->decode(id, piece_));
  const auto set = after(view(piece_));
  BITNET_TRY(set);
  if (*set == kDead)
    return Error(ErrorCode::InvalidState) << "token " << id << " does not fit the grammar";
  at_ = *set;
  if (!stacks_->crowded())
    return {};
  masks_.clear();
  next_mask_ = 0;
  const auto kept = stacks_->forget_all_but(at_);
  BITNET_TRY(kept);
  at_ = *kept;
  return {};
}

} // namespace bitnet::grammar
