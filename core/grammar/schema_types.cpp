// The types of schema_compiler.h: what strings, numbers, arrays and objects look like under a set of demands.
#include "grammar/limits.h"
#include "grammar/schema_compiler.h"
#include "grammar/strings.h"

#include <algorithm>

namespace bitnet::grammar {

Result<std::uint32_t> SchemaCompiler::count(Demands demands, std::string_view name,
                                            std::uint32_t otherwise, bool largest) noexcept {
  std::uint32_t found = otherwise;
  bool first = true;
  for (const Demand demand : demands) {
    const JsonId id = keyword(demand, name);
    if (id == kNoJson)
      continue;
    const auto number = is(id, Kind::kNumber) ? Decimal::parse(json_.text(id)) : std::nullopt;
    if (!number || number->digits < 0 || !number->is_integer())
      return error_at(id) << "a whole number is wanted here";
    const auto value =
        static_cast<std::uint32_t>(std::min<std::int64_t>(number->floor(), kNoMost - 1));
    found = first ? value : largest ? std::max(found, value) : std::min(found, value);
    first = false;
  }
  return found;
}

Result<Expr> SchemaCompiler::string(Demands demands) noexcept {
  const auto least = count(demands, "minLength", 0, true);
  BITNET_TRY(least);
  const auto most = count(demands, "maxLength", kNoMost, false);
  BITNET_TRY(most);
  const Expr quote = out_.literal("\"");
  JsonId shape = kNoJson;
  for (const Demand demand : demands)
    for (const std::string_view name : {"pattern", "format"}) {
      const JsonId id = keyword(demand, name);
      if (id == kNoJson)
        continue;
      if (!is(id, Kind::kString))
        return error_at(id) << "a string is wanted here";
      if (shape != kNoJson && (json_.text(shape) != json_.text(id) || json_.key(shape) != name))
        return error_at(id) << "only one of all patterns and formats can be enforced";
      shape = id;
    }
  if (shape == kNoJson)
    return out_.sequence({quote, out_.repeat(character_, *least, *most), quote});
  if (*least > 0 || *most != kNoMost)
    return error_at(shape) << "beside minLength or maxLength this cannot be enforced";
  Expr content = kNothing;
  if (json_.key(shape) == "pattern") {
    BITNET_TRY(work(json_.text(shape).size()));
    const auto pattern = compile_pattern(json_.text(shape), error_at(shape), out_);
    BITNET_TRY(pattern);
    content = *pattern;
  } else {
    content = compile_format(json_.text(shape), out_);
    if (content == kNothing)
      return error_at(shape) << "this format is not supported";
  }
  return out_.sequence({quote, content, quote});
}

Result<Expr> SchemaCompiler::number(Demands demands, bool integers_only) noexcept {
  std::optional<Bound> low;
  std::optional<Bound> high;
  JsonId reason = kNoJson; // what to name when it is too much
  std::int64_t factor = 0;
  for (const Demand demand : demands) {
    for (const std::string_view name :
         {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"}) {
      const JsonId id = keyword(demand, name);
      if (id == kNoJson)
        continue;
      const auto value = is(id, Kind::kNumber) ? Decimal::parse(json_.text(id)) : std::nullopt;
      if (!value)
        return error_at(id) << "a number of at most 18 digits is wanted here";
      reason = id;
      if (name == "multipleOf") {
        if (!value->is_integer() || value->digits <= 0 || value->floor() == Decimal::kLargest ||
            factor != 0)
          return error_at(id) << "only one whole number, above 0, can be enforced here";
        factor = value->floor();
        continue;
      }
      const Bound bound{*value, name.starts_with("exclusive")};
      auto& side = name.ends_with("nimum") ? low : high;
      const int order = side ? compare(bound.value, side->value) * (&side == &low ? 1 : -1) : 1;
      if (order > 0 || (order == 0 && bound.open))
        side = bound;
    }
  }
  if (!integers_only && factor == 0) {
    const auto made = numbers(out_, low, high);
    if (!made)
      return error_at(reason) << "bounds of more than 15 digits in all cannot be enforced";
    return out_.shared(*made);
  }
  std::int64_t least = low ? low->value.ceil() : -Decimal::kLargest;
  std::int64_t most = high ? high->value.floor() : Decimal::kLargest;
  if (low && low->open && low->value.is_integer())
    ++least;
  if (high && high->open && high->value.is_integer())
    --most;
  if (least > most || least > Decimal::kLargest || most < -Decimal::kLargest ||
      (low && low->value.floor() == Decimal::kLargest) ||
      (high && high->value.ceil() == -Decimal::kLargest))
    return kNothing;
  const auto made = multiples(out_, least, most, factor == 0 ? 1 : factor);
  if (!made)
    return error_at(reason) << "these multiples are too many to be enforced";
  return *made == kNothing ? kNothing : out_.shared(*made);
}

Result<Expr> SchemaCompiler::array(Demands demands) noexcept {
  const auto least = count(demands, "minItems", 0, true);
  BITNET_TRY(least);
  const auto most = count(demands, "maxItems", kNoMost, false);
  BITNET_TRY(most);
  if (*least > *most)
    return kNothing;
  std::uint32_t prefix = 0;
  for (const Demand demand : demands)
    if (const JsonId list = keyword(demand, "prefixItems"); list != kNoJson) {
      if (!is(list, Kind::kArray))
        return error_at(list) << "a list of schemas is wanted here";
      prefix = std::max(prefix, json_[list].size);
    }
  // The item at `position`, the last of all being each of those behind the prefix.
  const auto item = [&](std::uint32_t position) -> Result<Expr> {
    Vec<Demand> wanted;
    for (const Demand demand : demands) {
      const JsonId list = keyword(demand, "prefixItems");
      JsonId schema = list == kNoJson || position >= json_[list].size ? kNoJson : json_[list].first;
      for (std::uint32_t i = 0; schema != kNoJson && i < position; ++i)
        schema = json_[schema].next;
      BITNET_TRY(work(1 + (schema == kNoJson ? 0 : position)));
      if (schema == kNoJson)
        schema = keyword(demand, "items");
      if (schema != kNoJson && is(schema, Kind::kArray))
        return error_at(schema) << "a list here is prefixItems";
      if (schema != kNoJson)
        BITNET_TRY(this->demand(schema, wanted));
    }
    return rule_for(wanted);
  };

  const auto rest = item(prefix);
  BITNET_TRY(rest);
  const std::uint32_t more = *most == kNoMost ? kNoMost : *most - std::min(prefix, *most);
  const std::uint32_t needed = *least - std::min(prefix, *least);
  Expr tail = out_.repeat(out_.sequence({comma_, *rest}), needed, more);
  if (prefix == 0) {
    const Expr some =
        more == 0 ? kNothing
                  : out_.sequence({*rest, out_.repeat(out_.sequence({comma_, *rest}),
                                                      needed - std::min(needed, 1U),
                                                      more == kNoMost ? kNoMost : more - 1)});
    tail = out_.choice({needed == 0 ? kEmpty : kNothing, some});
  }
  for (std::uint32_t i = std::min(prefix, *most); i > 0; --i) {
    const auto value = item(i - 1);
    BITNET_TRY(value);
    const Expr go_on = out_.sequence({i == 1 ? kEmpty : comma_, *value, tail});
    tail = out_.shared(out_.choice({i - 1 >= *least ? kEmpty : kNothing, go_on}));
  }
  return out_.sequence({out_.literal("["), tail, out_.literal("]")});
}

} // namespace bitnet::grammar
