// Patterns and formats as the content of JSON strings.
#include "grammar/strings.h"

#include "grammar_support.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

Matcher pattern(const std::string& text) {
  return Matcher::of([&](grammar::Expressions& out) {
    const auto made = grammar::compile_pattern(text, Error(ErrorCode::BadGrammar), out);
    INFO(text);
    if (!made)
      FAIL(made.error().detail());
    return *made;
  });
}
void check(const std::string& text, std::initializer_list<const char*> good,
           std::initializer_list<const char*> bad) {
  Matcher matcher = pattern(text);
  INFO(text);
  for (const char* word : good) {
    INFO(word);
    CHECK(matcher.accepts(word));
  }
  for (const char* word : bad) {
    INFO(word);
    CHECK_FALSE(matcher.accepts(word));
  }
}

} // namespace

TEST_CASE("patterns match anywhere unless they are anchored", "[grammar]") {
  check("b", {"b", "abc", "bb", "\\nb\\u0041"}, {"", "a", "\""});
  check("^b", {"b", "bc"}, {"ab"});
  check("b$", {"b", "ab"}, {"ba"});
  check("^b$", {"b"}, {"", "bb", "ab"});
  check("^a|b$", {"ax", "a", "xb"}, {"xa", "bx"});
  check("^$", {""}, {"a"});
}

TEST_CASE("elements of patterns", "[grammar]") {
  check("^[a-c_-]{2,3}$", {"ab", "-_c"}, {"a", "abca", "ad"});
  check("^[^a-c]$", {"d", "\\\"", "\\\\", "\\n", "\xc3\xa9"}, {"a", "\"", "\\", "\n"});
  check("^(a|bc)+?d*$", {"a", "bcad", "add"}, {"", "b", "da"});
  check("^(?:x)(?<name>y)$", {"xy"}, {"x"});
  check("^\\d{3}-\\w+\\s\\S\\D\\W$", {"123-a_9 xy!", "000-Z\xc2\xa0-- "},
        {"12-a xy!", "123-a xy_"});
  check("^[\\d\\-x]+$", {"1-x"}, {"y"});
  check("^[^\\D]+$", {"12"}, {"a", ""});
  check("^[\\D]$", {"a"}, {"1"});
  check("^\\x41\\u0042\\u{43}\\/\\.\\*$", {"ABC/.*"}, {"ABC/x*"});
  check("^a.c$", {"abc", "a\\\"c"}, {"ac", "a\\nc", "a\\rc"});
  check("^\\t\\n\\f$", {"\\t\\n\\f"}, {"\t\n\f"});
  check("^a{2,}$", {"aa", "aaaa"}, {"a"});
}

TEST_CASE("patterns that are not regular, or wrong, are refused", "[grammar]") {
  for (const char* text :
       {"(?=a)", "(?!a)", "(?<=a)",  "(?<!a)", "\\bx",        "(a)\\1",  "\\p{L}", "a**", "*a",
        "(a",    "a)",    "[a",      "[b-a]",  "a{2,1}",      "a{",      "\\",     "a^b", "(^a)",
        "(a$)",  "a$b",   "[\\w-z]", "\\q",    "\\u{110000}", "\\ud800", "]",      "}"}) {
    grammar::Expressions out;
    const auto made =
        grammar::compile_pattern(text, Error(ErrorCode::BadGrammar) << "#/pattern: ", out);
    INFO(text);
    REQUIRE_FALSE(made);
    CHECK(made.error().detail().starts_with("#/pattern: "));
  }
  grammar::Expressions out;
  CHECK_FALSE(
      grammar::compile_pattern(std::string(100'000, '('), Error(ErrorCode::BadGrammar), out));
}

TEST_CASE("formats", "[grammar]") {
  const struct {
    const char* format;
    const char* good;
    const char* bad[4];
  } cases[] = {{"date", "2024-12-31", {"2024-02-30", "2024-13-01", "2023-04-31", "24-01-01"}},
               {"time", "23:59:00.5Z", {"24:00:00Z", "12:60:00Z", "12:00:00", "1:00:00Z"}},
               {"date-time",
                "2024-02-28T00:00:59+01:30",
                {"2024-02-28", "2024-02-28 00:00:00Z", "2024-00-01T00:00:00Z", ""}},
               {"uuid",
                "123e4567-e89b-12d3-A456-426614174000",
                {"123e4567", "123e4567-e89b-12d3-a456-42661417400g", "", "-"}},
               {"email", "a.b-1@x-y.example.org", {"a@b", "@x.org", "a@-x.org", "a b@x.org"}},
               {"ipv4", "255.0.10.1", {"256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5"}}};
  for (const auto& c : cases) {
    Matcher matcher = Matcher::of(
        [&](grammar::Expressions& out) { return grammar::compile_format(c.format, out); });
    INFO(c.format);
    CHECK(matcher.accepts(c.good));
    for (const char* bad : c.bad) {
      INFO(bad);
      CHECK_FALSE(matcher.accepts(bad));
    }
  }
  grammar::Expressions out;
  CHECK(grammar::compile_format("uri", out) == grammar::kNothing);
}
