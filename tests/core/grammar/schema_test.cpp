// The schema compiler: what each keyword lets through, and what is refused by name and place.
#include "grammar/schema.h"

#include "grammar_support.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

void check(std::string_view text, std::initializer_list<std::string_view> good,
           std::initializer_list<std::string_view> bad) {
  check_words(schema(text), text, good, bad);
}
void refused(std::string_view text, std::string_view detail,
             ErrorCode code = ErrorCode::BadGrammar) {
  check_refused(schema(text), text, detail, code);
}

} // namespace

TEST_CASE("types", "[grammar]") {
  check(R"({"type":"null"})", {"null"}, {"0", ""});
  check(R"({"type":"boolean"})", {"true", "false"}, {"null"});
  check(R"({"type":"integer"})", {"0", "-12"}, {"1.0", "01", "-0"});
  check(R"({"type":"number"})", {"0", "-1.5e3"}, {"\"1\""});
  check(R"({"type":"string"})", {R"("")", R"("a\n\u00e9é")"},
        {"\"", "\"\n\"", R"("\ud800")", R"("\x")"});
  check(R"({"type":["string","null"]})", {R"("a")", "null"}, {"1"});
  for (const char* any : {"{}", "true"})
    check(any, {"null", "[1, {\"a\": [true]}]", "{\"a\":1,\"b\":{}}", "\"x\"", "-1.5"},
          {"", "[", "[1,]", "{a:1}", " 1", "[ 1]"});
  check(R"({"type":"object"})", {"{}", R"({"a":[{}], "":null})"},
        {"[]", "{\"a\"}", "{ }", "{\"a\":1,}"});
}

TEST_CASE("strings", "[grammar]") {
  check(R"({"type":"string","minLength":2,"maxLength":3})",
        {R"("ab")", R"("é\n€")", R"("\u00e9bc")"}, {R"("a")", R"("abcd")", R"("")"});
  check(R"({"minLength":1})", {R"("a")"}, {R"("")", "1"});
  check(R"({"type":"string","pattern":"^a+$"})", {R"("aa")"}, {R"("ab")"});
  check(R"({"type":"string","format":"date"})", {R"("2024-01-31")"}, {R"("2024-01-32")"});
  refused(R"({"type":"string","pattern":"a","minLength":2})", "#/pattern: beside minLength");
  refused(R"({"type":"string","format":"uri"})", "#/format: this format");
  refused("{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "#/pattern: character");
  refused(R"({"type":"string","maxLength":-1})", "#/maxLength: a whole number");
  refused(R"({"type":"string","maxLength":1000000})", "repetition", ErrorCode::LimitExceeded);
  refused(R"({"type":"string","minLength":3,"maxLength":2})", "no text can ever");
}

TEST_CASE("numbers", "[grammar]") {
  check(R"({"type":"integer","minimum":-3,"maximum":12})", {"-3", "0", "12"}, {"-4", "13", "1.0"});
  check(R"({"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":3})", {"1", "2"}, {"0", "3"});
  check(R"({"type":"integer","minimum":0.5,"maximum":2.5})", {"1", "2"}, {"0", "3"});
  check(R"({"type":"number","minimum":0,"exclusiveMaximum":1})", {"0", "0.5", "0.999"},
        {"1", "1.0", "-0.1"});
  check(R"({"type":"integer","multipleOf":5})", {"0", "-15", "100"}, {"3"});
  check(R"({"type":"number","multipleOf":1,"maximum":3,"minimum":1})", {"1", "3"}, {"4", "1.5"});
  check(R"({"minimum":1e1,"maximum":1.5e1,"type":"integer"})", {"10", "15"}, {"9", "16"});
  refused(R"({"type":"number","multipleOf":0.01})", "#/multipleOf: only one whole number");
  refused(R"({"type":"integer","minimum":5,"multipleOf":7})", "these multiples");
  refused(R"({"type":"number","minimum":true})", "#/minimum: a number");
  refused(R"({"type":"number","minimum":1e20})", "15 digits");
}

TEST_CASE("enum and const", "[grammar]") {
  check(R"({"enum":["a",1,null,{"x":[1, 2]}]})", {R"("a")", "1", "null", R"({"x":[1,2]})"},
        {"2", R"("b")"});
  check(R"({"const":"é\n"})", {R"("é\n")"}, {R"("e")"});
  check(R"({"type":"string","enum":["a",1]})", {R"("a")"}, {"1"});
  check(R"({"allOf":[{"enum":[1,2,3]},{"enum":[2.0,3,4]},{"const":3e0}]})", {"3"}, {"2", "1", "4"});
  refused(R"({"enum":[1,5],"minimum":3})", "#/minimum: beside enum");
  refused(R"({"enum":[]})", "#/enum: a list of values");
  refused(R"({"type":"string","const":1})", "no text can ever");
}

TEST_CASE("objects", "[grammar]") {
  const char* plain =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},"c":{"type":"boolean"}},"required":["b"]})";
  check(plain,
        {R"({"b":null})", R"({"a":1,"b":null})", R"({"a": 1, "b": null, "c": true})",
         R"({"b":null,"c":false})"},
        {"{}", R"({"a":1})", R"({"b":null,"a":1})", R"({"b":null,"d":1})", R"({"b":null,"b":null})",
         R"({"b":null,})", R"({"b" :null})", R"({"b":  null})"});
  check(R"({"properties":{"a":{"type":"integer"}}})", {"{}", R"({"a":1})"}, {"[]", "1"});
  check(R"({"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false})",
        {"{}", R"({"a":1})"}, {R"({"b":1})"});
  check(R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"b":1})"});
  check(R"({"type":"object","additionalProperties":{"type":"integer"}})",
        {"{}", R"({"x":1,"y":2})"}, {R"({"x":"a"})"});
  check(
      R"({"type":"object","properties":{"ab":{"type":"integer"},"a":{}},"additionalProperties":{"type":"null"}})",
      {"{}", R"({"x":null})", R"({"ab":1,"abc":null,"b":null,"":null})", R"({"é":null})"},
      {R"({"ab":null})", R"({"x":1})", R"({"\u0061b":null})", R"({"x":null,"ab":1})"});
  check(R"({"type":"object","properties":{"a":true},"required":["a","z"]})", {R"({"a":1,"z":[]})"},
        {R"({"a":1})"});
  check(R"({"type":"object","properties":{"a":false,"b":true}})", {"{}", R"({"b":1})"},
        {R"({"a":1})"});
  check(R"({"type":"object","properties":{"\"q\n":{"type":"null"}},"required":["\"q\n"]})",
        {R"({"\"q\n":null})"}, {"{}"});
  refused(R"({"type":"object","properties":{"a":false},"required":["a"]})", "no text can ever");
  refused(R"({"type":"object","properties":[]})", "#/properties: an object");
  refused(R"({"type":"object","required":"a"})", "#/required: a list");
  refused(R"({"type":"object","properties":{"a":5}})", "#/properties/a: a schema");
}

TEST_CASE("how many members", "[grammar]") {
  const std::string three =
      R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}})";
  check(three + R"(,"minProperties":2})",
        {R"({"a":null,"b":null})", R"({"a":null,"b":null,"c":null})", R"({"b":null,"c":null})"},
        {"{}", R"({"b":null})"});
  check(three + R"(,"maxProperties":1})", {"{}", R"({"c":null})"}, {R"({"a":null,"b":null})"});
  check(three + R"(,"required":["c"],"maxProperties":2})",
        {R"({"c":null})", R"({"a":null,"c":null})"},
        {R"({"a":null,"b":null})", R"({"a":null,"b":null,"c":null})"});
  check(three + R"(,"maxProperties":0})", {"{}"}, {R"({"a":null})"});
  check(R"({"type":"object","maxProperties":2,"additionalProperties":true})",
        {"{}", R"({"x":1,"y":2})"}, {R"({"x":1,"y":2,"z":3})"});
  check(R"({"type":"object","minProperties":1})", {R"({"x":1})", R"({"x":1,"y":2})"}, {"{}"});
  check(three + R"(,"minProperties":4,"additionalProperties":{"type":"null"}})",
        {R"({"a":null,"b":null,"c":null,"d":null})"},
        {R"({"a":null,"b":null,"c":null})", R"({"a":null,"b":null,"x":null,"x":null})"});
  refused(R"({"type":"object","minProperties":2})",
          "#/minProperties: more members"); // two might have one name
  refused(three + R"(,"minProperties":4})", "no text can ever");
}

TEST_CASE("arrays", "[grammar]") {
  check(R"({"type":"array","items":{"type":"integer"}})", {"[]", "[1]", "[1, 2,3]"},
        {"[1,]", "[\"a\"]", "[1,  2]", "[ ]"});
  check(R"({"type":"array","items":{"type":"null"},"minItems":2,"maxItems":3})",
        {"[null,null]", "[null,null,null]"}, {"[]", "[null]", "[null,null,null,null]"});
  check(R"({"type":"array","items":{"type":"null"},"minItems":1})", {"[null]", "[null,null]"},
        {"[]"});
  check(R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"});
  check(R"({"type":"array","items":false})", {"[]"}, {"[1]"});
  check(
      R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"items":{"type":"boolean"}})",
      {"[]", "[1]", "[1,null]", "[1,null,true,false]"}, {"[null]", "[1,true]", "[1,null,1]"});
  check(
      R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"null"}],"items":false,"minItems":1})",
      {"[1]", "[1,null]"}, {"[]", "[1,null,1]"});
  check(
      R"({"type":"array","prefixItems":[{"type":"null"},{"type":"null"},{"type":"null"}],"maxItems":2})",
      {"[]", "[null,null]"}, {"[null,null,null]"});
  check(
      R"({"type":"array","prefixItems":[{"type":"null"}],"items":{"type":"integer"},"minItems":2,"maxItems":3})",
      {"[null,1]", "[null,1,2]"}, {"[null]", "[null,1,2,3]"});
  check(R"({"items":{"const":1}})", {"[1]"}, {"1"});
  refused(
      R"({"type":"array","prefixItems":[{"type":"null"},{"type":"null"}],"minItems":2,"maxItems":1})",
      "no text can ever");
  refused(R"({"type":"array","items":[{}]})", "a list here is prefixItems");
  refused(R"({"type":"array","uniqueItems":true})", "#/uniqueItems: this keyword is not supported");
  refused(R"({"type":"array","contains":{}})", "#/contains");
}

TEST_CASE("anyOf, oneOf, allOf", "[grammar]") {
  check(R"({"anyOf":[{"type":"string","maxLength":1},{"type":"integer"},false]})", {R"("a")", "1"},
        {"null", R"("ab")"});
  check(R"({"type":"string","anyOf":[{"maxLength":1},{"minLength":3}]})", {R"("a")", R"("abc")"},
        {R"("ab")"});
  check(
      R"({"anyOf":[{"const":1},{"const":2}],"oneOf":[{"type":"integer"},{"type":"string"}],"enum":[1,3]})",
      {"1"}, {"2", "3"});
  check(R"({"oneOf":[{"type":"null"},{"type":"array","items":{"type":"null"}}]})",
        {"null", "[null]"}, {"1"});
  check(R"({"oneOf":[{"const":"a"},{"enum":["b","c"]}]})", {R"("a")", R"("c")"}, {R"("d")"});
  const char* shapes = R"({"oneOf":[
    {"type":"object","properties":{"kind":{"const":"circle"},"r":{"type":"integer"}},"required":["kind","r"]},
    {"type":"object","properties":{"kind":{"const":"square"},"a":{"type":"integer"}},"required":["kind","a"]}]})";
  check(shapes, {R"({"kind":"circle","r":1})", R"({"kind":"square","a":1})"},
        {R"({"kind":"circle","a":1})"});
  check(
      R"({"oneOf":[{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false},
                     {"type":"object","properties":{"b":{}},"required":["b"],"additionalProperties":false}]})",
      {R"({"a":1})", R"({"b":1})"}, {R"({"a":1,"b":1})", "{}"});
  check(
      R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"},"a":{"maximum":5}},"required":["b"]}]})",
      {R"({"a":5,"b":null})"}, {R"({"a":6,"b":null})", R"({"a":5})"});
  check(R"({"allOf":[{"type":"integer","minimum":2},{"maximum":4}],"exclusiveMaximum":4})",
        {"2", "3"}, {"4", "1"});
  check(
      R"({"allOf":[{"type":"object","properties":{"a":{}},"additionalProperties":false},{"required":["a"]}]})",
      {R"({"a":1})"}, {"{}"});
  refused(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
          "#/oneOf/1: a value might fulfil this and another");
  refused(
      R"({"oneOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"a":{"const":2}},"required":["a"]}]})",
      "#/oneOf/1");
  refused(R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})", "only one of all patterns");
  refused(R"({"allOf":[{"type":"string"},{"type":"integer"}]})", "no text can ever");
  refused(R"({"anyOf":[]})", "#/anyOf: a list of schemas");
  refused(R"({"anyOf":5})", "#/anyOf: a list of schemas");
}

TEST_CASE("references and recursion", "[grammar]") {
  check(R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"integer"}}})", {"1"}, {"\"1\""});
  check(
      R"({"type":"object","properties":{"value":{"type":"integer"},"next":{"$ref":"#"}},"required":["value"]})",
      {R"({"value":1})", R"({"value":1,"next":{"value":2,"next":{"value":3}}})"},
      {R"({"value":1,"next":{}})"});
  check(
      R"({"$ref":"#/definitions/tree","definitions":{"tree":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/definitions/tree"},"maxItems":2}]}}})",
      {"null", "[[null,[]],null]"}, {"[1]", "[[],[],[]]"});
  check(R"({"$ref":"#/$defs/a","maximum":3,"$defs":{"a":{"type":"integer","minimum":1}}})",
        {"1", "3"}, {"0", "4"});
  check(
      R"({"properties":{"a/b":{"type":"null"},"c":{"$ref":"#/properties/a~1b"}},"required":["c"]})",
      {R"({"c":null})"}, {R"({"c":1})"});
  refused(R"({"$ref":"#"})", "refers to itself");
  refused(
      R"({"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}})",
      "refers to itself");
  refused(R"({"$ref":"#/$defs/none"})", "#/$ref: there is no #/$defs/none");
  refused(R"({"$ref":"other.json"})", "only references into this schema");
  refused(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})",
          "no text can ever");
}

TEST_CASE("annotations are ignored, everything else that is not known is refused", "[grammar]") {
  check(
      R"({"$schema":"x","$id":"y","title":"t","description":"d","default":1,"examples":[],"$comment":"c","deprecated":true,"readOnly":true,"writeOnly":true,"type":"null"})",
      {"null"}, {"1"});
  for (const char* keyword :
       {"not", "if", "then", "patternProperties", "propertyNames", "dependentRequired",
        "dependentSchemas", "unevaluatedProperties", "minContains", "$dynamicRef",
        "contentEncoding", "minlength", "x-y"}) {
    const std::string name = keyword;
    refused(R"({"type":"object","properties":{"a":{")" + name + R"(":{"b":1}}}})",
            "#/properties/a/" + name + ": this keyword is not supported");
  }
  refused("5", "#: a schema is wanted");
  refused("[]", "#: a schema is wanted");
  refused("{", "JSON, line 1, column 2");
  refused(R"({"type":"text"})", "#/type: no such type");
  refused(R"({"type":5})", "#/type: no such type");
  refused("false", "no text can ever");
}

TEST_CASE("large and hostile schemas end in an error or in time", "[grammar]") {
  // As many branches as two to the number of anyOf: each set of demands is a rule, and rules are limited.
  std::string many = R"({"allOf":[)";
  for (int i = 0; i < 40; ++i)
    many += std::string(i > 0 ? "," : "") + R"({"anyOf":[{"minLength":)" + std::to_string(i) +
            R"(},{"maxLength":)" + std::to_string(1000 + i) + "}]}";
  Matcher matcher = schema(many + "]}");
  CHECK(matcher.code() == ErrorCode::LimitExceeded);
  // A chain of references as long as the document allows.
  std::string chain = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 500; ++i)
    chain += "\"d" + std::to_string(i) + R"(":{"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"},";
  refused(chain + R"("d500":{"type":"null"}}})", "references in a row", ErrorCode::LimitExceeded);
  std::string nested = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 2000; ++i)
    nested += "\"d" + std::to_string(i) + R"(":{"type":"array","items":{"$ref":"#/$defs/d)" +
              std::to_string(i + 1) + "\"}},";
  check(nested + R"("d2000":{"type":"null"}}})", {"[]", "[[[]]]"}, {"[1]"});
  std::string wide = R"({"type":"object","properties":{)";
  for (int i = 0; i < 300; ++i)
    wide += std::string(i > 0 ? "," : "") + "\"p" + std::to_string(i) + R"(":{"type":"null"})";
  check(wide + "}}", {"{}", R"({"p7":null,"p299":null})"}, {R"({"p9":null,"p8":null})"});
  refused(wide + R"(},"minProperties":250})", "too many members", ErrorCode::BadGrammar);
  // References whose ends are checked first, so that no walk of check() is long: the chain is.
  std::string steps = R"({"anyOf":[{"anyOf":[)";
  for (int i = 1; i < 20; ++i)
    steps += R"({"$ref":"#/$defs/p)" + std::to_string(i * 50) + "\"},";
  steps += R"({"type":"null"}]},{"$ref":"#/$defs/p999"}],"$defs":{"p0":{"type":"integer"})";
  for (int i = 1; i < 1000; ++i)
    steps += ",\"p" + std::to_string(i) + R"(":{"$ref":"#/$defs/p)" + std::to_string(i - 1) + "\"}";
  check(steps + "}}", {"5", "null"}, {"\"x\""});
  // One long text in many places.
  std::string copies =
      R"({"$defs":{"x":{"const":")" + std::string(100'000, 'x') + R"("}},"anyOf":[)";
  for (int i = 0; i < 50; ++i)
    copies += R"({"$ref":"#/$defs/x","title":")" + std::to_string(i) + "\"},";
  refused(copies + R"({"type":"null"}]})", "bytes of literals", ErrorCode::LimitExceeded);
  std::string huge = R"({"enum":[)";
  for (int i = 0; i < 30000; ++i)
    huge += std::to_string(i) + ",";
  check(huge + "-1]}", {"17", "-1"}, {"30000"});
}
