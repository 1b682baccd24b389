// Sets of stacks: ambiguity, recursion and nullable loops stay small; costs; forgetting.
#include "grammar/stacks.h"

#include "grammar_support.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

/// The most entries of any set on the way, by how many sets there are at the end.
void walks(std::string_view grammar_text, std::string_view text) {
  Matcher matcher = gbnf(grammar_text);
  INFO(grammar_text);
  INFO(matcher.detail());
  REQUIRE(matcher.valid());
  CHECK(matcher.walk(text) != grammar::kDead);
  INFO(matcher.detail());
  CHECK(matcher.valid());
}

} // namespace

TEST_CASE("ambiguous grammars do not multiply", "[grammar]") {
  const std::string as(2000, 'a');
  walks("root ::= ((\"a\" | \"a\")*)*", as);
  walks("root ::= (((\"a\"*)*)*)+ | (\"a\"? \"a\"?)*", as);
  walks("root ::= (\"a\"* \"a\"* \"a\"* \"a\"*)* \"b\"", as);
  walks("root ::= e* \"x\"\ne ::= \"\" | \"a\" | e2*\ne2 ::= (\"\")* \"a\"?", as);
  // Two ways back at each level: 2^n stacks, n sets.
  walks("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"", std::string(200, 'a'));
  walks("root ::= \"a\" root root | \"\"", std::string(200, 'a'));
  // Rules that call the next one twice at their left edge: 2^n paths in one closure.
  std::string deep = "root ::= r0\n";
  for (int i = 0; i < 40; ++i)
    deep += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " \"x\" | r" +
            std::to_string(i + 1) + " \"y\"\n";
  walks(deep + "r40 ::= \"a\"\n", "axyxy");
}

TEST_CASE("repetition by recursion at the end keeps no stack", "[grammar]") {
  Matcher matcher = gbnf("root ::= item | item \",\" root\nitem ::= [a-z]+");
  const auto once = matcher.walk("a,b");
  CHECK(matcher.walk("a,b,c,d,e,f") == once);
  CHECK(matcher.stacks().calls(once) < 5);
}

TEST_CASE("what nests without end is refused in time", "[grammar]") {
  Matcher matcher = gbnf("root ::= \"(\" root \")\" | \"x\"");
  CHECK(matcher.walk(std::string(500, '(')) != grammar::kDead);
  CHECK(matcher.walk(std::string(100'000, '(')) == grammar::kDead);
  CHECK(matcher.code() == ErrorCode::LimitExceeded);
}

TEST_CASE("the cost is the fewest bytes to the end", "[grammar]") {
  Matcher matcher = gbnf("root ::= \"{\" list? \"}\"\nlist ::= item (\",\" item){2,}\nitem ::= "
                         "\"abc\" | [0-9]{2} | root");
  const auto cost = [&](std::string_view text) {
    return matcher.stacks().cost(matcher.walk(text));
  };
  CHECK(cost("") == 2);
  CHECK(cost("{") == 1);
  CHECK(cost("{1") == 8); // 1 , 22 , 22 } by digits or braces
  CHECK(cost("{{") == 8);
  CHECK(cost("{12,34,{}") == 1);
  CHECK(cost("{}") == 0);
  // Only bytes that have a token count.
  grammar::ByteSet some{};
  for (const char c : std::string_view("abc{},"))
    some[static_cast<std::uint8_t>(c)] = true;
  Matcher without(grammar::parse_gbnf, "root ::= [0-9] \"a\" | \"abc\"", some);
  CHECK(without.stacks().cost(without.walk("")) == 3);
  CHECK(without.stacks().cost(without.walk("1")) == 1);
  CHECK(without.begins("1"));
  // Costs add up as rules multiply: 2^40 bytes are never.
  std::string huge = "root ::= r0\n";
  for (int i = 0; i < 40; ++i)
    huge += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " r" +
            std::to_string(i + 1) + "\n";
  CHECK(gbnf(huge + "r40 ::= \"a\"").code() == ErrorCode::BadGrammar);
}

TEST_CASE("forgetting keeps where we are", "[grammar]") {
  Matcher matcher = schema(R"({"type":"array","items":{"type":"object"}})");
  auto set = matcher.walk(R"([{"a":[[{"b":)");
  const auto kept = matcher.stacks().forget_all_but(set);
  REQUIRE(kept);
  set = *kept;
  for (const char c : std::string_view("1}]]},{}]")) {
    const auto next = matcher.stacks().step(set, static_cast<std::uint8_t>(c));
    REQUIRE(next);
    REQUIRE(*next != grammar::kDead);
    set = *next;
  }
  CHECK(matcher.stacks().can_end(set));
  CHECK_FALSE(matcher.stacks().can_go_on(set));
  CHECK(matcher.accepts("[]"));
}

TEST_CASE("too many sets are refused", "[grammar]") {
  // Each count of a's is another set.
  Matcher matcher = gbnf("root ::= \"a\"{100000} | \"b\"");
  REQUIRE(matcher.valid());
  std::string text(99'999, 'a');
  CHECK(matcher.walk(text) != grammar::kDead);
  // As many as the tables hold is known in time, so that a caller can forget.
  CHECK(matcher.stacks().crowded());
}
