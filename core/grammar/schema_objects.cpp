// Objects of schema_compiler.h. Members come in the order in which the schema names them; those it does not name come
// last. A rule stands for "so many names dealt with, so many members written".
#include "grammar/limits.h"
#include "grammar/schema_compiler.h"
#include "text/unicode.h"

#include <algorithm>

namespace bitnet::grammar {

bool SchemaCompiler::requires_member(Demands demands, std::string_view name) noexcept {
  for (const Demand demand : demands) {
    const JsonId list = keyword(demand, "required");
    if (list == kNoJson)
      continue;
    work_ += json_[list].size / 8; // the caller's next work() looks at it
    for (JsonId id = json_[list].first; id != kNoJson; id = json_[id].next)
      if (json_.text(id) == name)
        return true;
  }
  return false;
}

Status SchemaCompiler::member_demands(Demands demands, std::string_view name, Vec<Demand>& into,
                                      bool& forbidden) noexcept {
  for (const Demand demand : demands) {
    const JsonId properties = keyword(demand, "properties");
    const JsonId named = properties == kNoJson ? kNoJson : json_.member(properties, name);
    BITNET_TRY(work(1 + (properties == kNoJson ? 0 : json_[properties].size / 4)));
    const JsonId schema = named != kNoJson ? named : keyword(demand, "additionalProperties");
    if (schema == kNoJson)
      continue;
    forbidden = forbidden || is(schema, Kind::kFalse);
    BITNET_TRY(this->demand(schema, into));
  }
  return {};
}

Result<Expr> SchemaCompiler::object(Demands demands) noexcept {
  Vec<std::string_view> names;
  std::uint64_t most_names = 0;
  for (const Demand demand : demands)
    for (const std::string_view list : {"properties", "required"})
      if (const JsonId id = keyword(demand, list); id != kNoJson)
        most_names += json_[id].size;
  BITNET_TRY(work(1 + most_names));
  auto known = HashIndex::make(most_names, "schema");
  BITNET_TRY(known);
  const auto add_name = [&](std::string_view name) -> Status {
    BITNET_TRY(work(1));
    const auto same = [&](std::uint32_t i) { return names[i] == name; };
    if (known->find(text_hash(name), same) != HashIndex::kNone)
      return {};
    BITNET_TRY(names.push(name));
    return known->insert(text_hash(name), static_cast<std::uint32_t>(names.size() - 1), same);
  };
  for (const Demand demand : demands) {
    const JsonId properties = keyword(demand, "properties");
    if (properties == kNoJson)
      continue;
    if (!is(properties, Kind::kObject))
      return error_at(properties) << "an object is wanted here";
    for (JsonId id = json_[properties].first; id != kNoJson; id = json_[id].next)
      BITNET_TRY(add_name(json_.key(id)));
  }
  for (const Demand demand : demands) {
    const JsonId required = keyword(demand, "required");
    if (required == kNoJson)
      continue;
    if (!is(required, Kind::kArray))
      return error_at(required) << "a list of names is wanted here";
    for (JsonId id = json_[required].first; id != kNoJson; id = json_[id].next) {
      if (!is(id, Kind::kString))
        return error_at(id) << "a name is wanted here";
      BITNET_TRY(add_name(json_.text(id)));
    }
  }
  return members(demands, names.span());
}

Result<Expr> SchemaCompiler::members(Demands demands,
                                     std::span<const std::string_view> names) noexcept {
  const auto least = count(demands, "minProperties", 0, true);
  BITNET_TRY(least);
  const auto most = count(demands, "maxProperties", kNoMost, false);
  BITNET_TRY(most);

  // Members that no schema names: only where one says so, or where none names any.
  bool open = names.empty();
  for (const Demand demand : demands)
    if (const JsonId id = keyword(demand, "additionalProperties"); id != kNoJson)
      open = true;
  Vec<Demand> others;
  bool forbidden = false;
  for (const Demand demand : demands)
    if (const JsonId id = keyword(demand, "additionalProperties"); id != kNoJson) {
      forbidden = forbidden || is(id, Kind::kFalse);
      BITNET_TRY(this->demand(id, others));
    }
  open = open && !forbidden;

  struct Member {
    Expr text;
    bool required;
  };
  Vec<Member> list;
  for (const std::string_view name : names) {
    Vec<Demand> wanted;
    bool never = false;
    BITNET_TRY(member_demands(demands, name, wanted, never));
    const bool required = requires_member(demands, name);
    BITNET_TRY(work(demands.size()));
    if (never && !required)
      continue;
    const auto value = never ? Result<Expr>(kNothing) : rule_for(wanted);
    BITNET_TRY(value);
    Text key;
    BITNET_TRY(write_json_string(name, key));
    BITNET_TRY(list.push(
        {out_.shared(out_.sequence({out_.literal(view(key)), colon_, *value})), required}));
  }

  // Rule (i, c): the first i names are dealt with and c members written, or at least c when nothing depends on more.
  const auto size = static_cast<std::uint32_t>(list.size());
  if (open && *least > size + 1) // see the end: of unnamed members only one is counted on
    for (const Demand demand : demands)
      if (const JsonId id = keyword(demand, "minProperties"); id != kNoJson)
        return error_at(id) << "more members than are named here, and one, cannot be enforced";
  const bool counts = *most != kNoMost;
  const std::uint32_t cap = counts && (open || *most <= size)
                                ? std::min(*most, size)
                                : std::max(1U, std::min(*least, size));
  const std::uint32_t width = cap + 1;
  if (std::uint64_t{size + 1} * width > limits::kRules)
    return error_at(schema_of(demands[0])) << "too many members to be counted";
  RuleId base = 0;
  for (std::uint32_t i = 0; i < (size + 1) * width; ++i) {
    const RuleId id = out_.add_rule();
    base = i == 0 ? id : base;
  }
  BITNET_TRY(out_.status());
  const auto rule = [&](std::uint32_t i, std::uint32_t c) {
    return out_.rule(base + i * width + std::min(c, cap));
  };
  for (std::uint32_t i = 0; i < size; ++i)
    for (std::uint32_t c = 0; c <= cap; ++c) {
      const bool full = counts && c >= *most;
      const Expr take =
          full ? kNothing
               : out_.sequence({c == 0 ? kEmpty : comma_, list[i].text, rule(i + 1, c + 1)});
      const Expr leave = list[i].required ? kNothing : rule(i + 1, c);
      out_.define(base + i * width + c, out_.choice({take, leave}));
    }
  const auto value = open ? rule_for(others) : Result<Expr>(kNothing);
  BITNET_TRY(value);
  const Expr other = open ? out_.sequence({other_key(names), colon_, *value}) : kNothing;
  for (std::uint32_t c = 0; c <= cap; ++c) {
    const std::uint32_t needed = *least - std::min(*least, c);
    const std::uint32_t room = counts ? *most - std::min(*most, c) : kNoMost;
    Expr end = needed == 0 ? kEmpty : kNothing;
    // Two of these might have the same name and be one member, so only one of them is counted on.
    if (open && needed <= 1 && room > 0) {
      const Expr more =
          out_.repeat(out_.sequence({comma_, other}), 0, room == kNoMost ? kNoMost : room - 1);
      end = out_.choice({end, out_.sequence({c == 0 ? kEmpty : comma_, other, more})});
    }
    out_.define(base + size * width + c, end);
  }
  return out_.sequence({out_.literal("{"), rule(0, 0), out_.literal("}")});
}

Expr SchemaCompiler::other_key(std::span<const std::string_view> names) noexcept {
  constexpr Range kEscaped[] = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
  const Expr quote = out_.literal("\"");
  if (names.empty())
    return out_.shared(out_.sequence({quote, out_.repeat(character_, 0, kNoMost), quote}));
  // Without escapes a key is written in one way only. A tree of the names: a key is another one when it leaves the tree,
  // or ends inside it where no name does.
  const Expr plain = out_.shared(out_.characters(kEscaped, true));
  const Expr rest = out_.repeat(plain, 0, kNoMost);
  Vec<std::string_view> sorted;
  const auto note = [&](const Status& status) {
    if (!status)
      out_.fail(status.error());
  };
  note(sorted.append(names));
  std::sort(sorted.begin(), sorted.end());
  struct Node { ///< names [begin, end) share their first `depth` bytes
    std::size_t begin, end, depth;
    RuleId rule;
  };
  Vec<Node> nodes;
  const RuleId root = out_.add_rule();
  note(nodes.push({0, sorted.size(), 0, root}));
  for (std::size_t next = 0; next < nodes.size() && out_.status(); ++next) {
    const Node node = nodes[next];
    Vec<Range> taken;
    Vec<Expr> branches;
    note(taken.append(kEscaped));
    std::size_t i = node.begin;
    const bool is_name = sorted[i].size() == node.depth;
    i += is_name ? 1 : 0;
    while (i < node.end) {
      const Utf8Char c = first_char(sorted[i].substr(node.depth));
      std::size_t end = i + 1;
      while (end < node.end &&
             sorted[end].substr(node.depth).starts_with(sorted[i].substr(node.depth, c.size)))
        ++end;
      const RuleId rule = out_.add_rule();
      note(nodes.push({i, end, node.depth + c.size, rule}));
      note(taken.push({static_cast<std::uint32_t>(c.code), static_cast<std::uint32_t>(c.code)}));
      if (c.code >= 0x20 && c.code != '"' && c.code != '\\')
        note(branches.push(
            out_.sequence({out_.literal(sorted[i].substr(node.depth, c.size)), out_.rule(rule)})));
      i = end;
    }
    note(branches.push(out_.sequence({out_.characters(taken.span(), true), rest})));
    note(branches.push(is_name ? kNothing : kEmpty));
    out_.define(node.rule, out_.choice(branches.span()));
  }
  return out_.shared(out_.sequence({quote, out_.rule(root), quote}));
}

} // namespace bitnet::grammar
