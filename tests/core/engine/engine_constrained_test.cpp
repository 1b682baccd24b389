// Constraints in the generate loop: however it ends, and whatever else is asked for.
#include "engine/engine.h"

#include "engine_support.h"

using namespace bitnet;
using namespace bitnet::test;

TEST_CASE("a constrained text is whole however generation ends", "[engine]") {
  GenerateOptions options;
  options.json_schema =
      R"({"type":"object","properties":{"the":{"type":"string"},"an":{"type":"array","items":{"type":"integer"}}},"required":["the","an"]})";
  for (const std::uint32_t most : {0U, 25U, 40U, 80U})
    for (const float temperature : {0.0F, 1.0F, 5.0F}) {
      Rig rig(wandering());
      options.max_tokens = most;
      options.sampler = {.temperature = temperature, .top_k = most == 40 ? 5U : 0U, .seed = most};
      const auto g = generate(*rig.engine, kPrompt, options);
      INFO(most << " " << temperature << " " << g.text());
      CHECK_FALSE(g.error);
      const std::string text = g.text();
      CHECK(text.starts_with("{\"the\":"));
      CHECK(text.ends_with("]}"));
      CHECK((most == 0 || g.ids.size() <= most));
      CHECK((g.finish == FinishReason::kEnd || g.finish == FinishReason::kLength));
    }
  // The bytes that a text takes at least are 17: {"the":"","an":[]}
  Rig rig(wandering());
  options.max_tokens = 16;
  CHECK(generate(*rig.engine, kPrompt, options).error == ErrorCode::GrammarEnd);
  options.max_tokens = 18;
  CHECK(generate(*rig.engine, kPrompt, options).text() == R"({"the":"","an":[]})");
  options.max_tokens = 0; // the context is what ends it: 96 tokens
  const Ids nearly(80, 65);
  CHECK(generate(*rig.engine, nearly, options).error == ErrorCode::GrammarEnd);
  const Ids enough(79, 65);
  const auto tight = generate(*rig.engine, enough, options);
  CHECK_FALSE(tight.error);
  CHECK(tight.text().ends_with("]}"));
}

TEST_CASE("a constraint that can only end ends, and stop strings come first", "[engine]") {
  Rig rig(script_model(kScript, end_of_text()).build());
  GenerateOptions options;
  options.grammar = "root ::= \"bcd\"";
  auto g = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(g.text() == "bcd");
  CHECK(g.finish == FinishReason::kEnd);
  CHECK(rig.engine->next()->kind == Step::Kind::kEnd);
  const std::string_view stop[] = {"d"};
  options.stop = stop;
  g = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(g.text() == "bc");
  CHECK(g.finish == FinishReason::kStop);
  // Against the model's will: it would say b, c, d.
  options = {};
  options.grammar = "root ::= [xyz]{2} [a-f]";
  g = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(g.ids.size() == 3);
  // Whole, with no room for more, and the end of text is to be ignored.
  options.grammar = "root ::= \"b\" \"xyz\"?";
  options.ignore_end = true;
  options.max_tokens = 2;
  g = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(g.text() == "b");
  CHECK(g.finish == FinishReason::kEnd);
  options = {};
  // A generation without one is as before.
  CHECK(generate(*rig.engine, {byte_id('a')}).text() == kScript.substr(1));
  options.grammar = "root ::= ";
  options.json_schema = "{}";
  CHECK(generate(*rig.engine, {byte_id('a')}, options).error == ErrorCode::InvalidArgument);
  options.json_schema = {};
  options.grammar = "root ::= x";
  CHECK(generate(*rig.engine, {byte_id('a')}, options).error == ErrorCode::BadGrammar);
  CHECK_FALSE(rig.engine->next());
}

TEST_CASE("guesses do not change what a constraint lets through", "[engine]") {
  Rig rig(wandering());
  GenerateOptions options;
  options.grammar = "root ::= (\"the \" | \"and \" | [a-c] \",\")+ \".\"";
  options.max_tokens = 60;
  for (const float temperature : {0.0F, 1.0F}) {
    options.sampler = {.temperature = temperature, .seed = 3};
    options.draft = 0;
    const auto expected = generate(*rig.engine, kPrompt, options);
    CHECK_FALSE(expected.error);
    CHECK(expected.text().ends_with("."));
    options.draft = 8;
    CHECK(generate(*rig.engine, kPrompt, options).ids == expected.ids);
  }
}

namespace {

/// Of 2000 words, so that a small head has something to leave out.
ByteVector many_words() {
  TinyOptions tiny;
  tiny.hidden = 64;
  tiny.ffn = 128;
  tiny.context = 96;
  tiny.vocabulary = 2000;
  return make_tiny_model(tiny);
}

} // namespace

TEST_CASE("a small head does not change what a constraint lets through", "[engine]") {
  const ByteVector file = many_words();
  // Few tokens fit the first; nearly all fit the second.
  const std::string_view schemas[] = {
      R"({"type":"array","items":{"enum":["the","and",12,123]},"minItems":3})",
      R"({"type":"object","properties":{"said":{"type":"string","minLength":20}},"required":["said"]})"};
  for (const std::string_view schema : schemas)
    for (const float temperature : {0.0F, 1.0F})
      for (const float penalty : {1.0F, 1.3F})
        for (const bool logprobs : {false, true}) {
          GenerateOptions options;
          options.json_schema = schema;
          options.max_tokens = 60;
          options.logprobs = logprobs;
          options.sampler = {
              .temperature = temperature, .top_k = 8, .repetition_penalty = penalty, .seed = 5};
          Rig exact(file);
          const auto expected = generate(*exact.engine, kPrompt, options);
          CHECK_FALSE(expected.error);
          for (const HeadType head : {HeadType::kInt8, HeadType::kInt4})
            for (const std::uint32_t draft : {0U, 8U}) {
              Rig small(file, {}, {}, head);
              options.draft = draft;
              const auto found = generate(*small.engine, kPrompt, options);
              CHECK((found.ids == expected.ids && found.logprobs == expected.logprobs));
            }
        }
}

TEST_CASE("where a small head cannot ask what may follow, the loop ends as without one",
          "[engine]") {
  const ByteVector file = many_words();
  GenerateOptions options;
  options.sampler = {.temperature = 1.0F, .top_k = 8, .seed = 5};
  // Whole, with no room for more, and the end of text is to be ignored: nothing may follow.
  options.grammar = "root ::= \"b\" \"xyz\"?";
  options.ignore_end = true;
  options.max_tokens = 2;
  Rig small(file, {}, {}, HeadType::kInt4);
  const auto whole = generate(*small.engine, kPrompt, options);
  CHECK(whole.text() == "b");
  CHECK(whole.finish == FinishReason::kEnd);
}

TEST_CASE("logits are never those of another token, though a constraint fails after one",
          "[engine]") {
  // Rules within rules, deeper than the limit; nothing else may follow.
  std::string grammar = "root ::= r0\n";
  for (int depth = 0; depth < 1100; ++depth)
    grammar +=
        "r" + std::to_string(depth) + " ::= \"b\" r" + std::to_string(depth + 1) + " \"c\"\n";
  grammar += "r1100 ::= \"x\"\n";
  GenerateOptions options;
  options.grammar = grammar;
  options.sampler = {.temperature = 1.0F, .top_k = 8, .seed = 5};
  TinyOptions tiny;
  tiny.context = 2400;
  tiny.vocabulary = 2000;
  Rig rig(make_tiny_model(tiny), {.context = 2400}, {}, HeadType::kInt4);
  const auto g = generate(*rig.engine, kPrompt, options);
  INFO(error_name(g.error.value_or(ErrorCode::Io)));
  CHECK(g.error == ErrorCode::LimitExceeded);
  CHECK(g.ids.size() > 500);
  CHECK(rig.engine->size() == kPrompt.size() + g.ids.size());
  CHECK(rig.engine->logits().empty());
}
