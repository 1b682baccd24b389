// See automaton.h.
#include "grammar/automaton.h"

#include "grammar/emitter.h"

#include <algorithm>

namespace bitnet::grammar {

namespace {

/// Lists of numbers, one for each key, in one array: counted, then filled.
class Groups {
public:
  static Result<Groups> make(std::size_t keys, std::size_t numbers) noexcept {
    Groups groups;
    auto first = Buffer<std::uint32_t>::make(keys + 2, "grammar");
    BITNET_TRY(first);
    auto members = Buffer<std::uint32_t>::make(numbers, "grammar");
    BITNET_TRY(members);
    groups.first_ = std::move(*first);
    groups.members_ = std::move(*members);
    return groups;
  }
  void count(std::uint32_t key) noexcept { ++first_[key + 2]; }
  void counted() noexcept {
    for (std::size_t i = 2; i < first_.size(); ++i)
      first_[i] += first_[i - 1];
  }
  void put(std::uint32_t key, std::uint32_t number) noexcept {
    members_[first_[key + 1]++] = number;
  }
  std::span<const std::uint32_t> operator[](std::uint32_t key) const noexcept {
    return members_.span().subspan(first_[key], first_[key + 1] - first_[key]);
  }

private:
  Buffer<std::uint32_t> first_;
  Buffer<std::uint32_t> members_;
};

} // namespace

Result<Automaton> Automaton::make(const Expressions& expressions, RuleId root,
                                  const ByteSet& alone) noexcept {
  BITNET_TRY(expressions.status());
  Emitter emitter(expressions);
  BITNET_TRY(emitter.run());

  Automaton automaton;
  automaton.root_ = root;
  automaton.starts_ = std::move(emitter.starts);
  automaton.ends_ = std::move(emitter.ends);
  auto edges = Buffer<Edge>::make_raw(emitter.arrows.size(), "grammar");
  BITNET_TRY(edges);
  automaton.edges_ = std::move(*edges);
  for (std::size_t i = 0; i < automaton.states() + 1; ++i)
    BITNET_TRY(automaton.first_.push(0));
  for (const auto& arrow : emitter.arrows)
    ++automaton.first_[arrow.from + 1];
  for (std::size_t i = 1; i < automaton.first_.size(); ++i)
    automaton.first_[i] += automaton.first_[i - 1];
  auto next = Buffer<std::uint32_t>::make(automaton.states(), "grammar");
  BITNET_TRY(next);
  for (const auto& arrow : emitter.arrows)
    automaton.edges_[automaton.first_[arrow.from] + (*next)[arrow.from]++] = arrow.edge;

  ByteSet all;
  all.fill(true);
  BITNET_TRY(automaton.find_costs(all));
  if (automaton.cost(automaton.start(root)) == kNever)
    return Error(ErrorCode::BadGrammar) << "no text can ever fulfil it";
  BITNET_TRY(automaton.check_left_recursion(expressions));
  BITNET_TRY(automaton.find_costs(alone));
  automaton.find_classes();
  return automaton;
}

/// A rule that calls itself before it has read a byte would never begin. Needs costs: what costs nothing may be empty.
Status Automaton::check_left_recursion(const Expressions& expressions) const noexcept {
  enum : std::uint8_t { kNew, kOpen, kDone };
  auto marks = Buffer<std::uint8_t>::make(starts_.size(), "grammar");
  BITNET_TRY(marks);
  auto seen = Buffer<bool>::make(states(), "grammar");
  BITNET_TRY(seen);
  struct Frame {
    RuleId rule;
    std::size_t begin; ///< of its rules to visit
  };
  Vec<Frame> frames;
  Vec<RuleId> calls; ///< of all frames
  Vec<StateId> states_to_see;
  const auto open = [&](RuleId rule) -> Status {
    (*marks)[rule] = kOpen;
    BITNET_TRY(frames.push({rule, calls.size()}));
    BITNET_TRY(states_to_see.push(start(rule)));
    while (!states_to_see.empty()) {
      const StateId at = states_to_see[states_to_see.size() - 1];
      states_to_see.truncate(states_to_see.size() - 1);
      if (std::exchange((*seen)[at], true))
        continue;
      for (const Edge& edge : edges(at)) {
        if (edge.label.is_call())
          BITNET_TRY(calls.push(edge.label.rule()));
        if (edge.label.is_empty() || (edge.label.is_call() && cost(start(edge.label.rule())) == 0))
          BITNET_TRY(states_to_see.push(edge.target));
      }
    }
    return {};
  };
  for (RuleId first = 0; first < starts_.size(); ++first) {
    if ((*marks)[first] != kNew)
      continue;
    BITNET_TRY(open(first));
    while (!frames.empty()) {
      const Frame frame = frames[frames.size() - 1];
      if (calls.size() == frame.begin) {
        (*marks)[frame.rule] = kDone;
        frames.truncate(frames.size() - 1);
        continue;
      }
      const RuleId called = calls[calls.size() - 1];
      calls.truncate(calls.size() - 1);
      if ((*marks)[called] == kOpen) {
        const Rule& rule = expressions.rules()[called];
        return Error(ErrorCode::BadGrammar)
               << "line " << rule.line << ": rule " << expressions.name(rule)
               << " calls itself before it has read anything (left recursion)";
      }
      if ((*marks)[called] == kNew)
        BITNET_TRY(open(called));
    }
  }
  return {};
}

/// Dijkstra's algorithm backwards from the ends of rules. A call costs what its rule costs from its start, which is known
/// once that state is done (Knuth 1977, a generalization of Dijkstra's algorithm).
Status Automaton::find_costs(const ByteSet& alone) noexcept {
  auto costs = Buffer<std::uint32_t>::make(states(), "grammar");
  BITNET_TRY(costs);
  auto done = Buffer<bool>::make(states(), "grammar");
  BITNET_TRY(done);
  auto sources = Buffer<StateId>::make(edges_.size(), "grammar");
  BITNET_TRY(sources);
  auto reaching = Groups::make(states(), edges_.size());
  BITNET_TRY(reaching);
  auto calling = Groups::make(states(), edges_.size()); // by the start of the rule that is called
  BITNET_TRY(calling);
  std::fill(costs->begin(), costs->end(), kNever);
  const auto each_edge = [&](auto&& use) {
    for (StateId from = 0; from < states(); ++from)
      for (std::uint32_t i = first_[from]; i < first_[from + 1]; ++i)
        use(from, i, edges_[i]);
  };
  each_edge([&](StateId from, std::uint32_t i, const Edge& edge) {
    (*sources)[i] = from;
    reaching->count(edge.target);
    if (edge.label.is_call())
      calling->count(start(edge.label.rule()));
  });
  reaching->counted();
  calling->counted();
  each_edge([&](StateId, std::uint32_t i, const Edge& edge) {
    reaching->put(edge.target, i);
    if (edge.label.is_call())
      calling->put(start(edge.label.rule()), i);
  });

  struct Candidate {
    std::uint32_t cost;
    StateId state;
  };
  const auto later = [](const Candidate& a, const Candidate& b) { return a.cost > b.cost; };
  Vec<Candidate> heap;
  const auto relax = [&](StateId state, std::uint64_t cost) -> Status {
    if (cost >= (*costs)[state])
      return {};
    (*costs)[state] = static_cast<std::uint32_t>(cost);
    BITNET_TRY(heap.push({static_cast<std::uint32_t>(cost), state}));
    std::push_heap(heap.begin(), heap.end(), later);
    return {};
  };
  const auto edge_cost = [&](const Edge& edge) -> std::uint64_t {
    if (edge.label.is_empty())
      return 0;
    if (edge.label.is_call()) {
      const StateId called = start(edge.label.rule());
      return (*done)[called] ? (*costs)[called] : std::uint64_t{kNever};
    }
    for (std::uint32_t byte = edge.label.low(); byte <= edge.label.high(); ++byte)
      if (alone[byte])
        return 1;
    return kNever;
  };
  for (StateId state = 0; state < states(); ++state)
    if (is_end(state))
      BITNET_TRY(relax(state, 0));
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate next = heap[heap.size() - 1];
    heap.truncate(heap.size() - 1);
    if (std::exchange((*done)[next.state], true))
      continue;
    for (const std::uint32_t i : (*reaching)[next.state])
      BITNET_TRY(relax((*sources)[i], next.cost + edge_cost(edges_[i])));
    for (const std::uint32_t i : (*calling)[next.state])
      if ((*done)[edges_[i].target])
        BITNET_TRY(relax((*sources)[i], std::uint64_t{next.cost} + (*costs)[edges_[i].target]));
  }
  costs_ = std::move(*costs);
  return {};
}

void Automaton::find_classes() noexcept {
  std::array<bool, 257> begins{};
  begins[0] = true;
  for (const Edge& edge : edges_)
    if (edge.label.is_byte()) {
      begins[edge.label.low()] = true;
      begins[edge.label.high() + 1] = true;
    }
  classes_ = 0;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    if (begins[byte])
      members_[classes_++] = static_cast<std::uint8_t>(byte);
    class_of_[byte] = static_cast<std::uint8_t>(classes_ - 1);
  }
}

} // namespace bitnet::grammar
