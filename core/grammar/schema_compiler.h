// The compiler behind schema.h. A value must fulfil several schemas at once (a schema, what it refers to, its allOf, one
// branch of each anyOf): such a set of schemas, in normal form, is what a rule is made from, and equal sets share a rule.
// That makes recursion work by itself. Rules are made from a queue, so no schema makes the compiler call itself deeply.
#pragma once

#include "bitnet/memory.hpp"
#include "grammar/expression.h"
#include "grammar/json.h"
#include "grammar/numbers.h"
#include "text/hash_index.h"

#include <string_view>

namespace bitnet::grammar {

/// A schema to fulfil: its JsonId * 4, plus 1 when its anyOf and plus 2 when its oneOf has been dealt with.
using Demand = std::uint32_t;
using Demands = std::span<const Demand>;

/// Types of JSON as bits; a number is an integer or has a fraction.
enum TypeBit : std::uint8_t {
  kNullBit = 1,
  kBooleanBit = 2,
  kStringBit = 4,
  kIntegerBit = 8,
  kFractionBit = 16,
  kArrayBit = 32,
  kObjectBit = 64,
  kAllTypes = 127
};
using Types = std::uint8_t;

class SchemaCompiler {
public:
  SchemaCompiler(const Json& json, Expressions& out) noexcept : json_(json), out_(out) {}
  Result<RuleId> run() noexcept;

private:
  using Kind = JsonValue::Kind;
  struct Task {
    RuleId rule;
    std::size_t begin, count; ///< demands
  };
  static JsonId schema_of(Demand demand) noexcept { return demand >> 2; }
  JsonId keyword(Demand demand, std::string_view name) const noexcept {
    return json_.member(schema_of(demand), name);
  }
  bool is(JsonId id, Kind kind) const noexcept { return json_[id].kind == kind; }
  /// "<pointer>: ", to which the caller adds what is wrong there.
  Error error_at(JsonId id) const noexcept;
  Status work(std::uint64_t amount) noexcept;

  // schema.cpp: sets of demands
  /// Adds a schema, what it refers to and its allOf.
  Status demand(JsonId schema, Vec<Demand>& into) noexcept;
  Status check(JsonId schema, std::uint32_t depth) noexcept;
  Status check_keywords(JsonId schema) const noexcept;
  Result<JsonId> resolve(JsonId reference) noexcept;
  /// The rule for demands (any order), which is put into the queue when it is new.
  Result<Expr> rule_for(Vec<Demand>& demands) noexcept;
  Result<Expr> body(Demands demands) noexcept;
  Result<Expr> branches(Demands demands, std::size_t which, std::string_view name,
                        Demand done) noexcept;
  Result<Expr> values(Demands demands) noexcept;
  Result<Types> types_named(JsonId type) const noexcept;
  /// Types that all demands allow, and that their keywords suggest where none is named.
  Result<Types> types(Demands demands, bool suggest) noexcept;
  /// The first demand with enum or const: its list of values, or the value; kNoJson: none.
  JsonId values_of(Demands demands) const noexcept;
  bool allows(Demands demands, JsonId value) noexcept;
  Types type_of(JsonId value) const noexcept;
  /// Is it certain that no value fulfils both?
  Result<bool> disjoint(Demands a, Demands b, std::uint32_t depth) noexcept;

  // schema_types.cpp and schema_objects.cpp: the types
  Result<Expr> string(Demands demands) noexcept;
  Result<Expr> number(Demands demands, bool integers_only) noexcept;
  Result<Expr> array(Demands demands) noexcept;
  Result<Expr> object(Demands demands) noexcept;
  Result<Expr> members(Demands demands, std::span<const std::string_view> names) noexcept;
  /// A key that is none of `names`, quotes included.
  Expr other_key(std::span<const std::string_view> names) noexcept;
  /// What a member of that name must fulfil; `forbidden` when there must be none.
  Status member_demands(Demands demands, std::string_view name, Vec<Demand>& into,
                        bool& forbidden) noexcept;
  bool requires_member(Demands demands, std::string_view name) noexcept;
  /// A whole number, not negative: the largest (or smallest) that a demand has under `name`.
  Result<std::uint32_t> count(Demands demands, std::string_view name, std::uint32_t otherwise,
                              bool largest) noexcept;

  const Json& json_;
  Expressions& out_;
  Vec<Task> tasks_;
  Vec<Demand> pool_; ///< demands of all tasks
  HashIndex index_;  ///< tasks by demands
  enum class Check : std::uint8_t { kNew, kOpen, kDone };
  Vec<Check> checks_; ///< of each value of the document
  std::uint64_t work_ = 0;
  // What many rules share.
  Expr character_ = kNothing, colon_ = kNothing, comma_ = kNothing;
};

} // namespace bitnet::grammar
