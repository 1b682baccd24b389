// See stacks.h.
#include "grammar/stacks.h"

#include <algorithm>

namespace bitnet::grammar {

namespace {
constexpr std::size_t kUnions = 4096;

std::uint64_t pair_hash(std::uint64_t a, std::uint64_t b) noexcept { return mix_hash(a << 32 | b); }
} // namespace

Result<Stacks> Stacks::make(const Automaton& automaton) noexcept {
  Stacks stacks(automaton);
  auto places = Buffer<std::uint32_t>::make(automaton.states(), "grammar");
  BITNET_TRY(places);
  stacks.place_of_ = std::move(*places);
  auto unions = Buffer<Union>::make(kUnions, "grammar");
  BITNET_TRY(unions);
  stacks.unions_ = std::move(*unions);
  BITNET_TRY(stacks.clear());
  BITNET_TRY(stacks.find_start());
  return stacks;
}

Status Stacks::clear() noexcept {
  sets_.clear();
  entries_.clear();
  steps_.clear();
  indexed_ = 0;
  for (Union& known : unions_)
    known = {};
  const auto dead = intern({}, false);
  BITNET_TRY(dead);
  const auto bottom = intern({}, true);
  BITNET_TRY(bottom);
  bottom_ = *bottom;
  return {};
}

Status Stacks::find_start() noexcept {
  places_.clear();
  queue_.clear();
  bottom_reached_ = false;
  BITNET_TRY(add(automaton_->start(automaton_->root()), bottom_));
  const auto start = close();
  BITNET_TRY(start);
  start_ = *start;
  return {};
}

Status Stacks::work(std::size_t amount) noexcept {
  work_ += static_cast<std::uint32_t>(amount); // below 2^20: no overflow
  if (work_ > limits::kWork)
    return Error(ErrorCode::LimitExceeded) << "grammar: more than " << limits::kWork
                                           << " visits for one token: it is too ambiguous";
  return {};
}

std::uint64_t Stacks::hash(std::span<const Entry> entries, bool bottom) noexcept {
  std::uint64_t h = bottom ? 1 : 2;
  for (const Entry& entry : entries)
    h = mix_hash(h * 0x9E3779B97F4A7C15ULL + pair_hash(entry.state, entry.below));
  return h;
}

Status Stacks::index(SetId set, std::uint64_t hash) noexcept {
  if (set < indexed_)
    return index_.insert(hash, set, [](std::uint32_t) { return false; });
  indexed_ = std::max<std::size_t>(1024, 4 * std::size_t{set});
  auto index = HashIndex::make(indexed_, "grammar");
  BITNET_TRY(index);
  index_ = std::move(*index);
  for (SetId old = 0; old <= set; ++old)
    BITNET_TRY(index_.insert(Stacks::hash(entries(old), sets_[old].bottom), old,
                             [](std::uint32_t) { return false; }));
  return {};
}

Result<SetId> Stacks::intern(std::span<const Entry> given, bool bottom) noexcept {
  const std::uint64_t h = hash(given, bottom);
  if (!sets_.empty()) {
    const std::uint32_t known = index_.find(h, [&](std::uint32_t other) {
      return sets_[other].bottom == bottom && std::ranges::equal(entries(other), given);
    });
    if (known != HashIndex::kNone)
      return known;
  }
  if (sets_.size() >= limits::kStackSets || entries_.size() + given.size() > limits::kStackEntries)
    return Error(ErrorCode::LimitExceeded)
           << "grammar: more than " << limits::kStackSets << " sets of stacks";
  Set set{.first = static_cast<std::uint32_t>(entries_.size()),
          .size = static_cast<std::uint32_t>(given.size()),
          .bottom = bottom,
          .cost = bottom ? 0 : kNever,
          .calls = 0,
          .row = kNone};
  for (const Entry& entry : given) {
    const std::uint64_t cost =
        std::uint64_t{automaton_->cost(entry.state)} + sets_[entry.below].cost;
    set.cost = static_cast<std::uint32_t>(std::min<std::uint64_t>(set.cost, cost));
    set.calls = std::max(set.calls, sets_[entry.below].calls + 1);
  }
  if (set.calls > limits::kMostCalls + 1)
    return Error(ErrorCode::LimitExceeded)
           << "grammar: rules nested deeper than " << limits::kMostCalls << " calls";
  BITNET_TRY(entries_.append(given));
  const auto id = static_cast<SetId>(sets_.size());
  BITNET_TRY(sets_.push(set));
  BITNET_TRY(index(id, h));
  return id;
}

/// All stacks of both. Sets nest no deeper than kMostCalls, so this does not either.
Result<SetId> Stacks::unite(SetId a, SetId b) noexcept {
  if (a == b || b == kDead)
    return a;
  if (a == kDead)
    return b;
  if (a > b)
    std::swap(a, b);
  Union& known = unions_[pair_hash(a, b) % kUnions];
  if (known.a == a && known.b == b)
    return known.result;
  const std::size_t begin = scratch_.size();
  constexpr StateId kLast = UINT32_MAX; // behind all states
  for (std::uint32_t i = 0, j = 0; i < sets_[a].size || j < sets_[b].size;) {
    BITNET_TRY(work());
    const Entry left = i < sets_[a].size ? entries_[sets_[a].first + i] : Entry{kLast, kDead};
    const Entry right = j < sets_[b].size ? entries_[sets_[b].first + j] : Entry{kLast, kDead};
    i += left.state <= right.state ? 1 : 0;
    j += right.state <= left.state ? 1 : 0;
    const auto below = left.state == right.state
                           ? unite(left.below, right.below)
                           : Result<SetId>(left.state < right.state ? left.below : right.below);
    BITNET_TRY(below);
    BITNET_TRY(scratch_.push({std::min(left.state, right.state), *below}));
  }
  const auto result = intern(scratch_.span().subspan(begin), sets_[a].bottom || sets_[b].bottom);
  scratch_.truncate(begin);
  BITNET_TRY(result);
  unions_[pair_hash(a, b) % kUnions] = {a, b, *result};
  return *result;
}

/// A state with what lies below it takes part in the closure; when it does already, with both.
Status Stacks::add(StateId state, SetId below) noexcept {
  BITNET_TRY(work());
  std::uint32_t& number = place_of_[state];
  if (number == 0) {
    BITNET_TRY(places_.push({state, below, true}));
    number = static_cast<std::uint32_t>(places_.size());
    return queue_.push(number - 1);
  }
  const std::uint32_t at = number - 1;
  const auto both = unite(places_[at].below, below);
  BITNET_TRY(both);
  if (*both == places_[at].below)
    return {};
  places_[at].below = *both;
  return std::exchange(places_[at].queued, true) ? Status() : queue_.push(at);
}

/// Everything that is reached from a place without reading a byte.
Status Stacks::visit(std::size_t place) noexcept {
  places_[place].queued = false;
  const StateId state = places_[place].state;
  const SetId below = places_[place].below;
  BITNET_TRY(work_on(automaton_->edges(state)));
  for (const Edge& edge : automaton_->edges(state)) {
    if (edge.label.is_empty())
      BITNET_TRY(add(edge.target, below));
    if (!edge.label.is_call())
      continue;
    SetId returns = below;
    if (!automaton_->is_end(edge.target)) { // a call at the very end leaves nothing to come back to
      const Entry entry{edge.target, below};
      const auto set = intern({&entry, 1}, false);
      BITNET_TRY(set);
      returns = *set;
    }
    BITNET_TRY(add(automaton_->start(edge.label.rule()), returns));
  }
  if (automaton_->is_end(state)) {
    bottom_reached_ = bottom_reached_ || sets_[below].bottom;
    for (std::uint32_t i = 0; i < sets_[below].size; ++i) {
      const Entry entry = entries_[sets_[below].first + i];
      BITNET_TRY(add(entry.state, entry.below));
    }
  }
  return {};
}

/// The set of the places added and what they lead to.
Result<SetId> Stacks::close() noexcept {
  Status status;
  for (std::size_t next = 0; status && next < queue_.size(); ++next)
    status = visit(queue_[next]);
  for (const Place& place : places_)
    place_of_[place.state] = 0;
  BITNET_TRY(status);
  scratch_.clear();
  for (const Place& place : places_) {
    const auto edges = automaton_->edges(place.state);
    BITNET_TRY(work_on(edges));
    if (std::ranges::any_of(edges, [](const Edge& edge) { return edge.label.is_byte(); }))
      BITNET_TRY(scratch_.push({place.state, place.below}));
  }
  std::sort(scratch_.begin(), scratch_.end(),
            [](const Entry& a, const Entry& b) { return a.state < b.state; });
  const auto set = intern(scratch_.span(), bottom_reached_);
  scratch_.clear();
  return set;
}

Result<SetId> Stacks::find_step_anew(SetId set, std::uint8_t byte) noexcept {
  if (set == kDead)
    return kDead;
  if (sets_[set].row == kNone) {
    if (steps_.size() + automaton_->classes() > limits::kStepEntries)
      return Error(ErrorCode::LimitExceeded)
             << "grammar: a table of more than " << limits::kStepEntries << " steps";
    const auto row = static_cast<std::uint32_t>(steps_.size());
    for (std::uint32_t i = 0; i < automaton_->classes(); ++i)
      BITNET_TRY(steps_.push(kNone));
    sets_[set].row = row;
  }
  places_.clear();
  queue_.clear();
  bottom_reached_ = false;
  Status status;
  for (std::uint32_t i = 0; status && i < sets_[set].size; ++i) {
    const Entry entry = entries_[sets_[set].first + i];
    status = work_on(automaton_->edges(entry.state));
    for (const Edge& edge : automaton_->edges(entry.state))
      if (status && edge.label.is_byte() && edge.label.low() <= byte && byte <= edge.label.high())
        status = add(edge.target, entry.below);
  }
  if (!status) {
    for (const Place& place : places_)
      place_of_[place.state] = 0;
    return status.error();
  }
  const auto next = close();
  BITNET_TRY(next);
  steps_[sets_[set].row + automaton_->class_of(byte)] = *next;
  return *next;
}

bool Stacks::crowded() const noexcept {
  return sets_.size() > limits::kStackSets / 2 || entries_.size() > limits::kStackEntries / 2 ||
         steps_.size() > limits::kStepEntries / 2;
}

Result<SetId> Stacks::forget_all_but(SetId set) noexcept {
  // What lies below a set was made before it, so one pass down finds what is needed and one up makes it anew.
  auto numbers = Buffer<SetId>::make(std::size_t{set} + 1, "grammar");
  BITNET_TRY(numbers);
  Vec<SetId> needed;
  BITNET_TRY(needed.push(set));
  (*numbers)[set] = kNone;
  for (std::size_t i = 0; i < needed.size(); ++i)
    for (const Entry& entry : entries(needed[i]))
      if (std::exchange((*numbers)[entry.below], kNone) != kNone)
        BITNET_TRY(needed.push(entry.below));
  std::sort(needed.begin(), needed.end());

  Vec<Set> old_sets = std::move(sets_);
  Vec<Entry> old_entries = std::move(entries_);
  BITNET_TRY(clear());
  for (const SetId old : needed) {
    const Set& from = old_sets[old];
    scratch_.clear();
    for (std::uint32_t i = 0; i < from.size; ++i) {
      const Entry& entry = old_entries[from.first + i];
      BITNET_TRY(scratch_.push({entry.state, (*numbers)[entry.below]}));
    }
    const auto number = intern(scratch_.span(), from.bottom);
    scratch_.clear();
    BITNET_TRY(number);
    (*numbers)[old] = *number;
  }
  BITNET_TRY(find_start());
  return (*numbers)[set];
}

} // namespace bitnet::grammar
