// See schema.h and schema_compiler.h.
#include "grammar/schema.h"

#include "grammar/limits.h"
#include "grammar/schema_compiler.h"
#include "grammar/strings.h"

#include <algorithm>

namespace bitnet::grammar {

namespace {

/// Keywords that say nothing about what is valid.
constexpr std::string_view kAnnotations[] = {
    "title",   "description", "default",  "examples",  "$schema", "$id",        "$comment",
    "$anchor", "deprecated",  "readOnly", "writeOnly", "$defs",   "definitions"};
constexpr std::string_view kKeywords[] = {"type",
                                          "enum",
                                          "const",
                                          "anyOf",
                                          "oneOf",
                                          "allOf",
                                          "$ref",
                                          "properties",
                                          "required",
                                          "items",
                                          "prefixItems",
                                          "additionalProperties",
                                          "minProperties",
                                          "maxProperties",
                                          "minItems",
                                          "maxItems",
                                          "minLength",
                                          "maxLength",
                                          "pattern",
                                          "format",
                                          "minimum",
                                          "maximum",
                                          "multipleOf",
                                          "exclusiveMinimum",
                                          "exclusiveMaximum"};

struct TypeKeyword {
  std::string_view name;
  Types suggests;
};
constexpr TypeKeyword kTypeKeywords[] = {{"minLength", kStringBit},
                                         {"maxLength", kStringBit},
                                         {"pattern", kStringBit},
                                         {"format", kStringBit},
                                         {"minimum", kIntegerBit | kFractionBit},
                                         {"maximum", kIntegerBit | kFractionBit},
                                         {"exclusiveMinimum", kIntegerBit | kFractionBit},
                                         {"exclusiveMaximum", kIntegerBit | kFractionBit},
                                         {"multipleOf", kIntegerBit},
                                         {"items", kArrayBit},
                                         {"prefixItems", kArrayBit},
                                         {"minItems", kArrayBit},
                                         {"maxItems", kArrayBit},
                                         {"properties", kObjectBit},
                                         {"required", kObjectBit},
                                         {"additionalProperties", kObjectBit},
                                         {"minProperties", kObjectBit},
                                         {"maxProperties", kObjectBit}};

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view wanted) noexcept {
  return std::find(std::begin(list), std::end(list), wanted) != std::end(list);
}

} // namespace

Error SchemaCompiler::error_at(JsonId id) const noexcept {
  Error error(ErrorCode::BadGrammar);
  json_.tell(id, error);
  return error << ": ";
}

Status SchemaCompiler::work(std::uint64_t amount) noexcept {
  constexpr std::uint64_t kMost = 1ULL << 24;
  work_ += amount;
  return work_ <= kMost ? Status()
                        : Error(ErrorCode::LimitExceeded) << "schema: it takes too long to compile";
}

Result<RuleId> SchemaCompiler::run() noexcept {
  auto index = HashIndex::make(limits::kRules, "schema");
  BITNET_TRY(index);
  index_ = std::move(*index);
  for (std::size_t i = 0; i < json_.size(); ++i)
    BITNET_TRY(checks_.push(Check::kNew));
  const Expr space = out_.optional(out_.literal(" "));
  colon_ = out_.sequence({out_.literal(":"), space});
  comma_ = out_.sequence({out_.literal(","), space});
  character_ = any_json_character(out_);

  const RuleId root = out_.add_rule("root");
  Vec<Demand> demands;
  BITNET_TRY(demand(json_.root(), demands));
  const auto document = rule_for(demands);
  BITNET_TRY(document);
  out_.define(root, *document);
  for (std::size_t next = 0; next < tasks_.size(); ++next) {
    Vec<Demand> mine; // the pool may move meanwhile
    BITNET_TRY(mine.append(pool_.span().subspan(tasks_[next].begin, tasks_[next].count)));
    const auto made = body(mine.span());
    BITNET_TRY(made);
    BITNET_TRY(out_.status());
    out_.define(tasks_[next].rule, *made);
  }
  BITNET_TRY(out_.status());
  return root;
}

/// Each schema once: its keywords, and that it does not lead back to itself with no value between.
Status SchemaCompiler::check(JsonId schema, std::uint32_t depth) noexcept {
  if (!is(schema, Kind::kObject) || checks_[schema] == Check::kDone)
    return {};
  if (checks_[schema] == Check::kOpen)
    return error_at(schema) << "this refers to itself without any value between";
  if (depth > limits::kJsonDepth)
    return Error(ErrorCode::LimitExceeded)
           << "schema: more than " << limits::kJsonDepth << " references in a row";
  checks_[schema] = Check::kOpen;
  BITNET_TRY(check_keywords(schema));
  if (const JsonId reference = json_.member(schema, "$ref"); reference != kNoJson) {
    const auto target = resolve(reference);
    BITNET_TRY(target);
    BITNET_TRY(check(*target, depth + 1));
  }
  for (const std::string_view name : {"allOf", "anyOf", "oneOf"}) {
    const JsonId list = json_.member(schema, name);
    if (list == kNoJson)
      continue;
    if (!is(list, Kind::kArray) || json_[list].size == 0)
      return error_at(list) << "a list of schemas is wanted here";
    for (JsonId part = json_[list].first; part != kNoJson; part = json_[part].next)
      BITNET_TRY(check(part, depth + 1));
  }
  checks_[schema] = Check::kDone;
  return {};
}

Status SchemaCompiler::check_keywords(JsonId schema) const noexcept {
  for (JsonId member = json_[schema].first; member != kNoJson; member = json_[member].next) {
    const std::string_view name = json_.key(member);
    if (contains(kAnnotations, name) || contains(kKeywords, name))
      continue;
    if (name == "uniqueItems" && is(member, Kind::kFalse))
      continue;
    if (name == "patternProperties" && is(member, Kind::kObject) && json_[member].size == 0)
      continue;
    return error_at(member) << "this keyword is not supported: it cannot be enforced";
  }
  return {};
}

Result<JsonId> SchemaCompiler::resolve(JsonId reference) noexcept {
  BITNET_TRY(work(json_.size() / 16)); // the way there passes siblings
  const std::string_view text = json_.text(reference);
  if (!is(reference, Kind::kString) || !text.starts_with("#"))
    return error_at(reference) << "only references into this schema are supported: #/...";
  const JsonId target = json_.at(text.substr(1));
  if (target == kNoJson)
    return error_at(reference) << "there is no " << text;
  return target;
}

Status SchemaCompiler::demand(JsonId schema, Vec<Demand>& into) noexcept {
  // A loop and no recursion: chains of references that check() knows already may be as long as the document.
  const auto add = [&](JsonId one) -> Status {
    BITNET_TRY(work(1 + into.size()));
    if (is(one, Kind::kTrue) ||
        std::ranges::any_of(into, [&](Demand known) { return schema_of(known) == one; }))
      return {};
    if (!is(one, Kind::kObject) && !is(one, Kind::kFalse))
      return error_at(one) << "a schema is wanted here";
    BITNET_TRY(check(one, 0));
    return into.push(one << 2);
  };
  std::size_t next = into.size();
  BITNET_TRY(add(schema));
  for (; next < into.size(); ++next) {
    const JsonId one = schema_of(into[next]);
    if (const JsonId reference = json_.member(one, "$ref"); reference != kNoJson) {
      const auto target = resolve(reference);
      BITNET_TRY(target);
      BITNET_TRY(add(*target));
    }
    if (const JsonId all = json_.member(one, "allOf"); all != kNoJson)
      for (JsonId part = json_[all].first; part != kNoJson; part = json_[part].next)
        BITNET_TRY(add(part));
  }
  return {};
}

Result<Expr> SchemaCompiler::rule_for(Vec<Demand>& demands) noexcept {
  std::sort(demands.begin(), demands.end());
  std::uint64_t hash = 0;
  for (const Demand demand : demands) {
    if (is(schema_of(demand), Kind::kFalse))
      return kNothing;
    hash = mix_hash(hash ^ demand) + demands.size();
  }
  BITNET_TRY(work(1 + demands.size()));
  const auto same = [&](std::uint32_t task) {
    return std::ranges::equal(pool_.span().subspan(tasks_[task].begin, tasks_[task].count),
                              demands);
  };
  if (const std::uint32_t known = index_.find(hash, same); known != HashIndex::kNone)
    return out_.rule(tasks_[known].rule);
  const RuleId rule = out_.add_rule();
  BITNET_TRY(out_.status());
  const auto task = static_cast<std::uint32_t>(tasks_.size());
  BITNET_TRY(tasks_.push({rule, pool_.size(), demands.size()}));
  BITNET_TRY(pool_.append(demands.span()));
  BITNET_TRY(index_.insert(hash, task, same));
  return out_.rule(rule);
}

Result<Expr> SchemaCompiler::body(Demands demands) noexcept {
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if ((demands[i] & 1U) == 0 && keyword(demands[i], "anyOf") != kNoJson)
      return branches(demands, i, "anyOf", 1);
    if ((demands[i] & 2U) == 0 && keyword(demands[i], "oneOf") != kNoJson)
      return branches(demands, i, "oneOf", 2);
  }
  if (values_of(demands) != kNoJson)
    return values(demands);
  const auto allowed = types(demands, true);
  BITNET_TRY(allowed);
  Vec<Expr> choices;
  if ((*allowed & kNullBit) != 0)
    BITNET_TRY(choices.push(out_.literal("null")));
  if ((*allowed & kBooleanBit) != 0) {
    BITNET_TRY(choices.push(out_.literal("true")));
    BITNET_TRY(choices.push(out_.literal("false")));
  }
  const auto add = [&](const Result<Expr>& expression) -> Status {
    BITNET_TRY(expression);
    return choices.push(*expression);
  };
  if ((*allowed & kStringBit) != 0)
    BITNET_TRY(add(string(demands)));
  if ((*allowed & kIntegerBit) != 0)
    BITNET_TRY(add(number(demands, (*allowed & kFractionBit) == 0)));
  if ((*allowed & kArrayBit) != 0)
    BITNET_TRY(add(array(demands)));
  if ((*allowed & kObjectBit) != 0)
    BITNET_TRY(add(object(demands)));
  return out_.choice(choices.span());
}

/// One rule for each branch, together with everything else that is demanded.
Result<Expr> SchemaCompiler::branches(Demands demands, std::size_t which, std::string_view name,
                                      Demand done) noexcept {
  const JsonId list = keyword(demands[which], name);
  struct Branch {
    std::size_t begin, count;
    JsonId id;
  };
  Vec<Demand> all;
  Vec<Branch> parts;
  Vec<Expr> choices;
  for (JsonId branch = json_[list].first; branch != kNoJson; branch = json_[branch].next) {
    Vec<Demand> merged;
    BITNET_TRY(merged.append(demands));
    merged[which] |= done;
    BITNET_TRY(demand(branch, merged));
    BITNET_TRY(parts.push({all.size(), merged.size(), branch}));
    BITNET_TRY(all.append(merged.span()));
    const auto rule = rule_for(merged);
    BITNET_TRY(rule);
    BITNET_TRY(choices.push(*rule));
  }
  for (std::size_t i = 0; done == 2 && i < parts.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const auto apart = disjoint(all.span().subspan(parts[j].begin, parts[j].count),
                                  all.span().subspan(parts[i].begin, parts[i].count), 0);
      BITNET_TRY(apart);
      if (!*apart)
        return error_at(parts[i].id)
               << "a value might fulfil this and another branch of oneOf; use anyOf, or a "
                  "required property whose const tells them apart";
    }
  return out_.choice(choices.span());
}

JsonId SchemaCompiler::values_of(Demands demands) const noexcept {
  for (const Demand demand : demands)
    for (const std::string_view name : {"const", "enum"})
      if (const JsonId found = keyword(demand, name); found != kNoJson)
        return found;
  return kNoJson;
}

/// The listed values that every demand lists and whose type every demand allows.
Result<Expr> SchemaCompiler::values(Demands demands) noexcept {
  for (const Demand demand : demands)
    for (const TypeKeyword& type : kTypeKeywords)
      if (const JsonId found = keyword(demand, type.name); found != kNoJson)
        return error_at(found) << "beside enum or const this cannot be enforced";
  const auto allowed = types(demands, false);
  BITNET_TRY(allowed);
  const JsonId source = values_of(demands);
  const bool is_list = json_.key(source) == "enum";
  if (is_list && (!is(source, Kind::kArray) || json_[source].size == 0))
    return error_at(source) << "a list of values is wanted here";
  Vec<Expr> choices;
  for (JsonId value = is_list ? json_[source].first : source; value != kNoJson;
       value = is_list ? json_[value].next : kNoJson) {
    BITNET_TRY(work(1));
    if ((type_of(value) & *allowed) == 0 || !allows(demands, value))
      continue;
    Text text;
    BITNET_TRY(json_.write(value, text));
    BITNET_TRY(choices.push(out_.literal(view(text))));
  }
  BITNET_TRY(work(0));
  return out_.choice(choices.span());
}

bool SchemaCompiler::allows(Demands demands, JsonId value) noexcept {
  for (const Demand demand : demands) {
    const JsonId constant = keyword(demand, "const");
    if (constant != kNoJson && constant != value && !json_.equal(constant, value, work_))
      return false;
    const JsonId list = keyword(demand, "enum");
    if (list == kNoJson || json_[value].parent == list)
      continue;
    JsonId other = json_[list].first;
    for (; other != kNoJson && !json_.equal(other, value, work_); other = json_[other].next)
      ++work_;
    if (other == kNoJson)
      return false;
  }
  return true;
}

Types SchemaCompiler::type_of(JsonId value) const noexcept {
  switch (json_[value].kind) {
  case Kind::kNull: return kNullBit;
  case Kind::kFalse:
  case Kind::kTrue: return kBooleanBit;
  case Kind::kString: return kStringBit;
  case Kind::kArray: return kArrayBit;
  case Kind::kObject: return kObjectBit;
  case Kind::kNumber: break;
  }
  const std::string_view text = json_.text(value);
  if (text.find_first_of(".eE") == std::string_view::npos)
    return kIntegerBit; // of any length
  const auto number = Decimal::parse(text);
  return number && number->is_integer() ? kIntegerBit : kFractionBit;
}

Result<Types> SchemaCompiler::types_named(JsonId type) const noexcept {
  constexpr struct {
    std::string_view name;
    Types types;
  } kNames[] = {{"null", kNullBit},     {"boolean", kBooleanBit},
                {"string", kStringBit}, {"number", kIntegerBit | kFractionBit},
                {"array", kArrayBit},   {"integer", kIntegerBit},
                {"object", kObjectBit}};
  Types types = 0;
  const bool is_list = is(type, Kind::kArray);
  for (JsonId name = is_list ? json_[type].first : type; name != kNoJson;
       name = is_list ? json_[name].next : kNoJson) {
    Types one = 0;
    for (const auto& known : kNames)
      if (is(name, Kind::kString) && json_.text(name) == known.name)
        one = known.types;
    if (one == 0)
      return error_at(name) << "no such type";
    types = static_cast<Types>(types | one);
  }
  return types;
}

Result<Types> SchemaCompiler::types(Demands demands, bool suggest) noexcept {
  Types allowed = kAllTypes;
  Types suggested = 0;
  bool named = false;
  for (const Demand demand : demands) {
    if (is(schema_of(demand), Kind::kFalse))
      allowed = 0;
    if (const JsonId type = keyword(demand, "type"); type != kNoJson) {
      const auto types = types_named(type);
      BITNET_TRY(types);
      allowed = static_cast<Types>(allowed & *types);
      named = true;
    }
    for (const TypeKeyword& keywords : kTypeKeywords)
      if (keyword(demand, keywords.name) != kNoJson)
        suggested = static_cast<Types>(suggested | keywords.suggests);
  }
  return suggest && !named && suggested != 0 ? static_cast<Types>(allowed & suggested) : allowed;
}

Result<bool> SchemaCompiler::disjoint(Demands a, Demands b, std::uint32_t depth) noexcept {
  constexpr std::uint32_t kDepth = 4;
  BITNET_TRY(work(1 + a.size() + b.size()));
  const auto too_long = [&](JsonId value) { // such numbers cannot be compared: they may be equal
    return is(value, Kind::kNumber) && !Decimal::parse(json_.text(value));
  };
  Types types_of[2] = {};
  JsonId values[2] = {};
  for (const auto& [i, demands] : {std::pair{0, a}, std::pair{1, b}}) {
    const auto known = types(demands, false);
    BITNET_TRY(known);
    types_of[i] = *known;
    values[i] = values_of(demands);
    if (values[i] == kNoJson)
      continue;
    const bool is_list = json_.key(values[i]) == "enum";
    Types listed = 0;
    for (JsonId value = is_list ? json_[values[i]].first : values[i]; value != kNoJson;
         value = is_list ? json_[value].next : kNoJson)
      listed = static_cast<Types>(
          listed | (too_long(value) ? kIntegerBit | kFractionBit : int{type_of(value)}));
    types_of[i] = static_cast<Types>(types_of[i] & listed);
    values[i] = is_list ? json_[values[i]].first : values[i];
  }
  if ((types_of[0] & types_of[1]) == 0)
    return true;
  if (values[0] != kNoJson && values[1] != kNoJson) {
    const auto next = [&](JsonId value) {
      return json_.key(json_[value].parent) == "enum" && is(json_[value].parent, Kind::kArray)
                 ? json_[value].next
                 : kNoJson;
    };
    bool common = false;
    for (JsonId x = values[0]; x != kNoJson && !common; x = next(x))
      for (JsonId y = values[1]; y != kNoJson && !common; y = next(y)) {
        BITNET_TRY(work(1));
        common = (is(x, Kind::kNumber) && is(y, Kind::kNumber) && (too_long(x) || too_long(y))) ||
                 json_.equal(x, y, work_);
      }
    return !common;
  }
  if ((types_of[0] & types_of[1]) != kObjectBit || depth == kDepth)
    return false;
  // Objects: a member that both must have and that cannot be both, or that one must have and the other must not.
  for (const auto& [mine, other] : {std::pair{a, b}, std::pair{b, a}})
    for (const Demand demand : mine) {
      const JsonId required = keyword(demand, "required");
      if (required == kNoJson)
        continue;
      for (JsonId name = json_[required].first; name != kNoJson; name = json_[name].next) {
        BITNET_TRY(work(1));
        Vec<Demand> here;
        Vec<Demand> there;
        bool forbidden_here = false;
        bool forbidden_there = false;
        BITNET_TRY(member_demands(mine, json_.text(name), here, forbidden_here));
        BITNET_TRY(member_demands(other, json_.text(name), there, forbidden_there));
        if (forbidden_there)
          return true;
        if (!requires_member(other, json_.text(name)))
          continue;
        const auto apart = disjoint(here.span(), there.span(), depth + 1);
        BITNET_TRY(apart);
        if (*apart)
          return true;
      }
    }
  return false;
}

Result<RuleId> compile_schema(std::string_view text, Expressions& out) noexcept {
  const auto json = Json::parse(text);
  BITNET_TRY(json);
  return SchemaCompiler(*json, out).run();
}

} // namespace bitnet::grammar
