// The JSON reader: RFC 8259 and nothing beside it, pointers, equality, limits.
#include "grammar/json.h"

#include "grammar/limits.h"

#include <catch_amalgamated.hpp>

#include <string>

using namespace bitnet;
using grammar::Json;

namespace {

std::string rewritten(std::string_view text) {
  const auto json = Json::parse(text);
  if (!json)
    return "error " + std::string(json.error().detail());
  Text out;
  REQUIRE(json->write(json->root(), out));
  return std::string(view(out));
}
void refused(std::string_view text, std::string_view detail,
             ErrorCode code = ErrorCode::BadGrammar) {
  const auto json = Json::parse(text);
  INFO(text.substr(0, 80));
  REQUIRE_FALSE(json);
  INFO(json.error().detail());
  CHECK(json.error().code() == code);
  CHECK(json.error().detail().find(detail) != std::string_view::npos);
}

} // namespace

TEST_CASE("what is JSON is read and written compactly", "[grammar]") {
  CHECK(rewritten(" { \"a\" : [ 1 , -2.5e+3 , true, false , null ] , \"b\":{}, \"c\":[]}\r\n\t") ==
        R"({"a":[1,-2.5e+3,true,false,null],"b":{},"c":[]})");
  CHECK(rewritten(R"("\u0041\u00e9\ud83d\ude00\n\/\"\\\u0001")") ==
        "\"A\xc3\xa9\xf0\x9f\x98\x80\\n/\\\"\\\\\\u0001\"");
  CHECK(rewritten("0") == "0");
  CHECK(rewritten(R"({"":1})") == R"({"":1})");
}

TEST_CASE("what is not is refused with its place", "[grammar]") {
  for (const char* bad : {"",
                          "{",
                          "[1,]",
                          "{\"a\":1,}",
                          "[1 2]",
                          "{a:1}",
                          "{\"a\" 1}",
                          "01",
                          "-",
                          "1.",
                          ".5",
                          "1e",
                          "+1",
                          "tru",
                          "'a'",
                          "\"a",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\ud800\"",
                          "\"\\udc00\"",
                          "\"\\ud800\\u0041\"",
                          "\"\n\"",
                          "\"\xff\"",
                          "1 2",
                          "[1]]",
                          "nul",
                          "{\"a\"}",
                          "// x\n1",
                          "NaN"}) {
    INFO(bad);
    CHECK_FALSE(Json::parse(bad));
  }
  refused("{\n  \"a\": tru\n}", "line 2, column 8");
  refused(R"({"a":1,"b":{"a":2},"a":3})", "\"a\" is there twice");
}

TEST_CASE("limits of JSON", "[grammar]") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(Json::parse(nested(limits::kJsonDepth)));
  refused(nested(limits::kJsonDepth + 2), "nested deeper", ErrorCode::LimitExceeded);
  refused(std::string(100'000, '['), "nested deeper", ErrorCode::LimitExceeded);
  refused(std::string(limits::kGrammarBytes + 1, ' '), "bytes", ErrorCode::LimitExceeded);
  std::string many = "[0";
  for (std::uint32_t i = 0; i < limits::kJsonValues; ++i)
    many += ",0";
  refused(many + "]", "values", ErrorCode::LimitExceeded);
}

TEST_CASE("members, pointers, equality", "[grammar]") {
  const auto json = Json::parse(
      R"({"a":{"b/c~d":[10,20,{"x":null}]},"e":1,"f":1.0,"g":{"p":1,"q":[2]},"h":{"q":[2],"p":1e0},"i":"1"})");
  REQUIRE(json);
  const auto at = [&](std::string_view pointer) { return json->at(pointer); };
  CHECK(at("") == json->root());
  CHECK(json->text(at("/a/b~1c~0d/1")) == "20");
  CHECK((*json)[at("/a/b~1c~0d/2/x")].kind == grammar::JsonValue::Kind::kNull);
  for (const char* none :
       {"a", "/b", "/a/b~1c~0d/3", "/a/b~1c~0d/-", "/a/b~1c~0d/", "/e/0", "/a/", "//"})
    CHECK(at(none) == grammar::kNoJson);
  Error error(ErrorCode::BadGrammar);
  json->tell(at("/a/b~1c~0d/2/x"), error);
  CHECK(error.detail() == "#/a/b/c~d/2/x");
  std::uint64_t steps = 0;
  CHECK(json->equal(at("/e"), at("/f"), steps));
  CHECK(json->equal(at("/g"), at("/h"), steps));
  CHECK_FALSE(json->equal(at("/e"), at("/i"), steps));
  CHECK_FALSE(json->equal(at("/g"), at("/a"), steps));
}
