// The automaton as such: byte classes and the sizes that repetitions take.
#include "grammar/automaton.h"

#include "grammar_support.h"

using namespace bitnet;
using namespace bitnet::test;

TEST_CASE("bytes that no edge tells apart are one class", "[grammar]") {
  const Matcher matcher = gbnf("root ::= [a-z] \"b\" [0-9]");
  const auto& automaton = matcher.automaton();
  CHECK(automaton.classes() == 7); // below 0, digits, up to a, a, b, c to z, above
  CHECK(automaton.class_of('c') == automaton.class_of('z'));
  CHECK(automaton.class_of('a') != automaton.class_of('b'));
  for (std::uint32_t i = 0; i < automaton.classes(); ++i)
    CHECK(automaton.class_of(automaton.member_of(i)) == i);
}

TEST_CASE("a repeated set has its longer characters once", "[grammar]") {
  const Matcher one = gbnf("root ::= [^a]");
  const Matcher many = gbnf("root ::= [^a]{100}");
  CHECK(many.automaton().states() < one.automaton().states() + 110);
}
