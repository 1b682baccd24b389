// The GBNF parser: what each element matches, and what is refused where.
#include "grammar/gbnf.h"

#include "grammar_support.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

void check(std::string_view text, std::initializer_list<std::string_view> good,
           std::initializer_list<std::string_view> bad) {
  check_words(gbnf(text), text, good, bad);
}
void refused(std::string_view text, std::string_view detail,
             ErrorCode code = ErrorCode::BadGrammar) {
  check_refused(gbnf(text), text, detail, code);
}

} // namespace

TEST_CASE("elements", "[grammar]") {
  check("root ::= \"abc\"", {"abc"}, {"", "ab", "abcd", "abd"});
  check("root ::= \"\"", {""}, {"a"});
  check("root ::= [a-cx]", {"a", "b", "c", "x"}, {"", "d", "aa"});
  check("root ::= [^a-c]", {"d", "\xc3\xa9", "\xf0\x9f\x98\x80", "\n"}, {"a", "\xc3", "\xa9", ""});
  check("root ::= [a-]", {"a", "-"}, {"b"});
  check("root ::= .", {"a", "\n", "\xe2\x82\xac", "\xf4\x8f\xbf\xbf"},
        {"", "ab", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\xff"});
  check("root ::= one two\none ::= \"1\" | \"eins\"\ntwo ::= \"2\"", {"12", "eins2"},
        {"1", "2", "1eins"});
  check("root ::= (\"a\" | \"b\" \"c\") \"d\"", {"ad", "bcd"}, {"a", "bd", "abcd"});
}

TEST_CASE("repetitions", "[grammar]") {
  check("root ::= \"ab\"*", {"", "ab", "abab"}, {"a", "aba"});
  check("root ::= \"a\"+", {"a", "aaa"}, {""});
  check("root ::= \"a\"? \"b\"", {"b", "ab"}, {"a", "aab"});
  check("root ::= \"a\"{2}", {"aa"}, {"a", "aaa"});
  check("root ::= \"a\"{2,}", {"aa", "aaaaa"}, {"a"});
  check("root ::= \"a\"{1,3}", {"a", "aaa"}, {"", "aaaa"});
  check("root ::= \"a\"{,2} \"b\"", {"b", "aab"}, {"aaab"});
  check("root ::= [ab]{ 1 , 2 }", {"a", "ba"}, {"", "aba"});
  check("root ::= (\"a\"{2}){2}", {"aaaa"}, {"aa", "aaa", "aaaaa"});
  check("root ::= \"a\"{0}", {""}, {"a"});
}

TEST_CASE("escapes and UTF-8", "[grammar]") {
  check("root ::= \"\\x41\\u00e9\\U0001F600\\n\\t\\r\\\\\\\"\\[\\]\"",
        {"A\xc3\xa9\xf0\x9f\x98\x80\n\t\r\\\"[]"}, {"A"});
  check("root ::= [\\x41-\\x43\\]\\\\]", {"A", "C", "]", "\\"}, {"D", "x"});
  check("root ::= \"\xc3\xa9\"", {"\xc3\xa9"}, {"\xc3"});
  check("root ::= [\\u00e0-\\u00ff]+", {"\xc3\xa9\xc3\xbf"}, {"\xc3\x9f", "e"});
  // A text may stop inside a character, for a token may.
  Matcher matcher = gbnf("root ::= [\\u20ac-\\U0001F600]");
  CHECK(matcher.begins("\xe2\x82"));
  CHECK(matcher.begins("\xf0\x9f\x98"));
  CHECK_FALSE(matcher.begins("\xe2\x81"));
  CHECK(matcher.accepts("\xe2\x82\xac"));
  CHECK_FALSE(matcher.accepts("\xf0\x9f\x98\x81"));
}

TEST_CASE("every code point at the edges of UTF-8's sizes, and sets cut anywhere", "[grammar]") {
  std::uint32_t points[] = {0,      1,      0x7e,    0x7f,    0x80,    0x81,
                            0x7ff,  0x800,  0x801,   0xfff,   0x1000,  0xd7ff,
                            0xe000, 0xffff, 0x10000, 0x10001, 0x3ffff, 0x10ffff};
  for (const std::uint32_t first : points)
    for (const std::uint32_t last : points) {
      if (last < first)
        continue;
      Matcher matcher =
          Matcher::of([&](grammar::Expressions& out) { return out.characters({{first, last}}); });
      for (const std::uint32_t code : points) {
        Text text;
        REQUIRE(grammar::append_utf8(code, text));
        INFO(first << " to " << last << ": " << code);
        CHECK(matcher.accepts(view(text)) == (first <= code && code <= last));
      }
    }
}

TEST_CASE("lines, comments and alternatives over lines", "[grammar]") {
  check("# a comment\nroot ::= \"a\" | # another\n  \"b\"\n\n  | \"c\"\n\nother ::= \"d\"",
        {"a", "b", "c"}, {"d"});
  check("root ::= (\n  \"a\"\n  | \"b\" # c\n) \"c\"\r\n", {"ac", "bc"}, {"a"});
  check("root ::=\n  \"a\"", {"a"}, {""});
  check("root ::= \"a\" |\nx ::= \"b\"", {"a", ""}, {"b"});
  check("root ::= a-b_1\na-b_1 ::= \"x\"", {"x"}, {});
}

TEST_CASE("llama.cpp's documented example of a list and of arithmetic", "[grammar]") {
  check("root  ::= (expr \"=\" ws term \"\\n\")+\n"
        "expr  ::= term ([-+*/] term)*\n"
        "term  ::= ident | num | \"(\" ws expr \")\" ws\n"
        "ident ::= [a-z] [a-z0-9_]* ws\n"
        "num   ::= [0-9]+ ws\n"
        "ws    ::= [ \\t\\n]*\n",
        {"1+2= 3\n", "(a1 +2) *x=y\n1=1\n"}, {"1+=3\n", "1+2=3", "(1=2\n"});
}

TEST_CASE("what is wrong is told by line and column", "[grammar]") {
  refused("", "no rule named root");
  refused("a ::= \"b\"", "no rule named root");
  refused("root ::= b\nc ::= d", "line 1, column 10: rule b is not defined");
  refused("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: rule root is defined in line 1");
  refused("root ::= \"a", "line 1, column 10: this literal does not end");
  refused("root ::= [a", "line 1, column 10: this set does not end");
  refused("root ::= [a-", "this set does not end");
  refused("root ::= (\"a\"", "line 1, column 10: this group does not end");
  refused("root ::= \"a\")", "line 1, column 13");
  refused("root = \"a\"", "line 1, column 6: ::= is wanted");
  refused("root ::= *", "line 1, column 10");
  refused("root ::= \"a\"{2,1}", "at least 2 and at most 1");
  refused("root ::= \"a\"{x}", "a number is wanted");
  refused("root ::= \"a\"{1", "} is wanted");
  refused("root ::= \"\\q\"", "no such escape");
  refused("root ::= \"\\xg0\"", "2 hexadecimal digits");
  refused("root ::= \"\\ud800\"", "no such character");
  refused("root ::= \"\\U00110000\"", "no such character");
  refused("root ::= [z-a]", "ends before it begins");
  refused("root ::= []", "a set of no character");
  refused("root ::= \"\xff\"", "not UTF-8");
  refused("root ::= <think>", "tokens are not supported");
  refused("root ::= \"a\" root2 ::= \"b\"", "line 1");
  refused(std::string_view("root ::= \"a\" \0", 14), "line 1, column 14");
  refused("root ::= \"a\"\n\n  %", "line 3, column 3");
}

TEST_CASE("left recursion and rules that never end are refused", "[grammar]") {
  refused("root ::= root \"a\" | \"b\"", "left recursion");
  refused("root ::= \"x\" a\na ::= b \"1\" | \"2\"\nb ::= a", "left recursion");
  refused("root ::= a\na ::= e a \"x\" | \"y\"\ne ::= \"\"?", "line 2: rule a");
  refused("root ::= \"a\" root", "no text can ever fulfil it");
  refused("root ::= a\na ::= \"(\" b \")\"\nb ::= \"[\" a \"]\"", "no text can ever fulfil it");
  check("root ::= \"a\" root | \"b\"", {"b", "aaab"}, {"a"}); // right recursion is fine
  check("root ::= \"(\" root \")\" | \"x\"", {"x", "((x))"}, {"(x", "((x)"});
}

TEST_CASE("limits of the text", "[grammar]") {
  refused(std::string(limits::kGrammarBytes + 1, ' '), "bytes", ErrorCode::LimitExceeded);
  const auto nested = [](std::size_t depth) {
    return "root ::= " + std::string(depth, '(') + "\"a\"" + std::string(depth, ')');
  };
  CHECK(gbnf(nested(limits::kGroups)).valid());
  refused(nested(limits::kGroups + 1), "nested deeper", ErrorCode::LimitExceeded);
  refused(nested(100'000), "nested deeper", ErrorCode::LimitExceeded);
  refused("root ::= \"a\"{0,1000000}", "repetition", ErrorCode::LimitExceeded);
  refused("root ::= \"a\"{99999999999999999999}", "repetition", ErrorCode::LimitExceeded);
  refused("root ::= (((\"a\"{1000}){1000}){1000})", "edges", ErrorCode::LimitExceeded);
  check("root ::= \"x\" | ([^\\x00-\\U0010FFFF] | [^\\x00-\\U0010FFFF]){100000}{100000}", {"x"},
        {""});
  std::string many = "root ::= \"a\"\n";
  for (std::uint32_t i = 0; i < limits::kRules; ++i)
    many += "r" + std::to_string(i) + "::=.\n";
  refused(many, "rules", ErrorCode::LimitExceeded);
}
