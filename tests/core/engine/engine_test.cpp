// The generate loop: every way it ends, what it holds back, what it keeps between generations, and what it refuses.
#include "engine/engine.h"

#include "engine_support.h"

#include <limits>
#include <set>

using namespace bitnet;
using namespace bitnet::test;

namespace {

GenerateOptions with_stops(std::span<const std::string_view> stops) {
  GenerateOptions options;
  options.stop = stops;
  return options;
}

} // namespace

TEST_CASE("the end token ends a generation and is not part of it", "[engine]") {
  Rig rig(script_model(kScript, end_of_text()).build());
  auto g = generate(*rig.engine, {byte_id('a')});
  CHECK(g.text() == kScript.substr(1));
  CHECK(g.ids.size() == kScript.size() - 1);
  CHECK(g.finish == FinishReason::kEnd);
  CHECK(rig.engine->size() == kScript.size()); // the prompt and all of the script
  for (int i = 0; i < 3; ++i) {                // the end again and again, without its text
    const auto step = rig.engine->next();
    CHECK((step && step->kind == Step::Kind::kEnd && step->finish == FinishReason::kEnd &&
           step->text.empty()));
  }
  g = generate(*rig.engine, {byte_id('l')}); // at once
  CHECK(g.ids.empty());
  CHECK(g.finish == FinishReason::kEnd);
}

TEST_CASE("any of the tokens that end a turn", "[engine]") {
  for (const char* name : {"<|end_of_text|>", "<|eot_id|>"}) {
    Rig rig(script_model("abc", named(name)).build());
    const auto g = generate(*rig.engine, {byte_id('a')});
    INFO(name);
    CHECK(g.text() == "bc");
    CHECK(g.finish == FinishReason::kEnd);
  }
  Rig rig(script_model("abc", named("<|start_header_id|>")).build()); // control, but no end
  GenerateOptions options;
  options.max_tokens = 3;
  const auto g = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(g.ids.size() == 3);
  CHECK(g.texts.at(2).empty()); // control tokens have no text
  CHECK(g.finish == FinishReason::kLength);
}

TEST_CASE("ignore_end goes on", "[engine]") {
  Rig rig(script_model("abc", end_of_text()).build());
  GenerateOptions options;
  options.ignore_end = true;
  options.max_tokens = 5;
  const auto g = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(g.ids.size() == 5);
  CHECK(g.ids[2] == end_of_text());
  CHECK(g.finish == FinishReason::kLength);
}

TEST_CASE("max_tokens is exact, and unfinished characters come with the end", "[engine]") {
  Rig rig(script_model(kScript, end_of_text()).build());
  for (std::uint32_t most = 1; most < kScript.size() - 1; ++most) {
    GenerateOptions options;
    options.max_tokens = most;
    const auto g = generate(*rig.engine, {byte_id('a')}, options);
    INFO(most);
    CHECK(g.ids.size() == most);
    CHECK(g.finish == FinishReason::kLength);
    // b c d | c3 a9 | f g h | e2 82 ac | i j k l: where a character is cut, U+FFFD stands for what there is of it.
    std::string expected = kScript.substr(1, most);
    const std::size_t cut = most == 4 ? 1 : most == 9 ? 1 : most == 10 ? 2 : 0;
    if (cut != 0)
      expected = expected.substr(0, most - cut) + "\xef\xbf\xbd";
    CHECK(g.text() == expected);
    CHECK(g.texts.back() == (cut != 0 ? "\xef\xbf\xbd" : ""));
  }
}

TEST_CASE("the context is filled to its last place", "[engine]") {
  Rig rig(wandering());
  for (const std::uint32_t context : {8U, 9U, 20U}) {
    rig.reset({.context = context});
    auto options = wander(1, 0);
    const auto g = generate(*rig.engine, kPrompt, options);
    INFO(context);
    CHECK(g.finish == FinishReason::kContext);
    CHECK(g.ids.size() == context - kPrompt.size() + 1); // the newest needs no place
    CHECK(rig.engine->size() == context);
    CHECK(rig.engine->capacity() == context);
    options.max_tokens = context - 6; // both at once: the caller's own limit is the answer
    CHECK(generate(*rig.engine, kPrompt, options).finish == FinishReason::kLength);
  }
}

TEST_CASE("stop strings within a token, across tokens, across characters", "[engine]") {
  Rig rig(script_model(kScript, end_of_text()).build());
  struct Case {
    std::vector<std::string_view> stops;
    std::string text;
    std::size_t tokens;
  };
  for (const Case& c : {Case{{"b"}, "", 1}, Case{{"cd"}, "b", 3},
                        Case{{"d\xc3\xa9"
                              "f"},
                             "bc",
                             6},
                        Case{{"\xc3\xa9"}, "bcd", 5},
                        Case{{"h\xe2\x82\xac"},
                             "bcd\xc3\xa9"
                             "fg",
                             11},
                        Case{{"zz", "gx", "g"},
                             "bcd\xc3\xa9"
                             "f",
                             7},
                        Case{{"ijkl"},
                             "bcd\xc3\xa9"
                             "fgh\xe2\x82\xac",
                             15}}) {
    const auto g = generate(*rig.engine, {byte_id('a')}, with_stops(c.stops));
    INFO(c.stops[0]);
    CHECK(g.text() == c.text);
    CHECK(g.ids.size() == c.tokens);
    CHECK(g.finish == FinishReason::kStop);
    CHECK(g.texts.back().empty());
  }
}

TEST_CASE("text held back for a stop string that never comes is given at last", "[engine]") {
  Rig rig(script_model(kScript, end_of_text()).build());
  const std::string_view stops[] = {"klm", "d\xc3\xa9x"};
  const auto g = generate(*rig.engine, {byte_id('a')}, with_stops(stops));
  CHECK(g.text() == kScript.substr(1));
  CHECK(g.finish == FinishReason::kEnd);
  CHECK(g.texts.at(2).empty()); // d waits for the next character
  CHECK(g.texts.at(5) == "d\xc3\xa9"
                         "f");
  CHECK(g.texts.back() == "kl"); // with the end
}

TEST_CASE("a stop string is found in what only the end completes", "[engine]") {
  // The script ends inside a character; what stands for it is a character that a stop string may name.
  Rig rig(script_model("ab\xe2", end_of_text()).build());
  const std::string_view stops[] = {"\xef\xbf\xbd"};
  const auto g = generate(*rig.engine, {byte_id('a')}, with_stops(stops));
  CHECK(g.text() == "b");
  CHECK(g.finish == FinishReason::kEnd); // that is why it ended
}

TEST_CASE("steps tell how far the prompt is", "[engine]") {
  Rig rig(wandering(), {.batch = 3});
  CHECK(rig.engine->start(kPrompt, wander(1, 1)));
  for (const std::uint32_t prefilled : {3U, 6U, 7U}) {
    const auto step = rig.engine->next();
    REQUIRE(step);
    CHECK(step->kind == Step::Kind::kPrefill);
    CHECK(step->prefilled == prefilled);
    CHECK(step->prompt == 7);
    CHECK(rig.engine->size() == prefilled);
  }
  const auto step = rig.engine->next();
  CHECK((step && step->kind == Step::Kind::kToken && step->prefilled == 7));
}

TEST_CASE("the text of all steps is the text of all ids", "[engine]") {
  for (const char* architecture : {"bitnet-b1.58", "bitnet"}) { // byte-level BPE and SPM
    TinyOptions options;
    options.architecture = architecture;
    options.hidden = 64;
    options.ffn = 128;
    Rig rig(make_tiny_model(options));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto g = generate(*rig.engine, kPrompt, wander(seed, 50));
      Text bytes, text;
      for (const TokenId id : g.ids)
        CHECK(rig.tokenizer->decode(id, bytes));
      Utf8Stream stream;
      CHECK(stream.push(view(bytes), text));
      CHECK(stream.finish(text));
      CHECK(g.text() == view(text));
      CHECK(g.ids.size() == 50);
    }
  }
}

TEST_CASE("a prefix that the cache holds changes nothing but the work", "[engine]") {
  Rig rig(wandering());
  const auto fresh = [&](const Ids& prompt) {
    rig.reset();
    return generate(*rig.engine, prompt, wander(3, 12));
  };
  Ids longer = kPrompt, other = kPrompt;
  const auto first = fresh(kPrompt);
  longer.insert(longer.end(), first.ids.begin(), first.ids.begin() + 5);
  longer.push_back(99);
  other[4] = 200;
  const Ids shorter(kPrompt.begin(), kPrompt.begin() + 3);
  const std::vector<Ids> prompts{kPrompt, longer,  kPrompt, other, shorter,
                                 longer,  kPrompt, {200},   other};
  std::vector<Generated> expected;
  for (const Ids& prompt : prompts)
    expected.push_back(fresh(prompt));

  rig.reset({.batch = 1}); // a step for each id of the prompt that is evaluated
  Ids held;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto g = generate(*rig.engine, prompts[i], wander(3, 12));
    INFO(i);
    CHECK(g.ids == expected[i].ids);
    CHECK(g.text() == expected[i].text());
    std::size_t common = 0;
    while (common < held.size() && common + 1 < prompts[i].size() &&
           held[common] == prompts[i][common])
      ++common;
    CHECK(g.prefills == prompts[i].size() - common);
    held = prompts[i];
    held.insert(held.end(), g.ids.begin(), g.ids.end() - 1); // the last was never evaluated
    CHECK(rig.engine->size() == held.size());
  }
}

TEST_CASE("abort is not calling: what is cached stays good", "[engine]") {
  Rig rig(wandering(), {.batch = 2});
  const auto expected = generate(*rig.engine, kPrompt, wander(4, 15));
  for (const std::size_t after : {1U, 4U, 9U}) {
    CHECK(rig.engine->start({{1, 2, 3, 4, 5}}, wander(5, 20)));
    CHECK(steps(*rig.engine, after).ids.size() == after);
    CHECK(generate(*rig.engine, kPrompt, wander(4, 15)).ids == expected.ids);
  }
  CHECK(rig.engine->start(kPrompt, wander(4, 15))); // in the middle of a prompt
  rig.engine->truncate(0);
  CHECK(rig.engine->start(kPrompt, wander(4, 15)));
  CHECK(rig.engine->next());
  CHECK(generate(*rig.engine, kPrompt, wander(4, 15)).ids == expected.ids);
}

TEST_CASE("nothing of an aborted generation's text is left over", "[engine]") {
  Rig rig(script_model(kScript, end_of_text()).build());
  const std::string_view stops[] = {"bcx"};
  for (const std::size_t after : {2U, 4U, 9U}) { // text held back, half a character, a third of one
    CHECK(rig.engine->start({{byte_id('a')}}, with_stops(stops)));
    CHECK(steps(*rig.engine, after).ids.size() == after);
    CHECK(generate(*rig.engine, {byte_id('f')}).text() == kScript.substr(kScript.find('g')));
  }
}

TEST_CASE("truncate forgets, and ends what is under way", "[engine]") {
  Rig rig(wandering());
  CHECK(rig.engine->start(kPrompt, wander(1, 9)));
  CHECK(rig.engine->next());
  rig.engine->truncate(4);
  CHECK(rig.engine->size() == 4);
  CHECK(rig.engine->logits().empty());
  const auto step = rig.engine->next();
  CHECK((!step && step.error().code() == ErrorCode::InvalidState));
  rig.engine->truncate(100); // no more than there is
  CHECK(rig.engine->size() == 4);

  // The same logits as if the forgotten had never been.
  CHECK(rig.engine->evaluate({{11, 12, 13}}, nullptr, nullptr));
  const std::vector<float> after(rig.engine->logits().begin(), rig.engine->logits().end());
  rig.reset();
  CHECK(rig.engine->evaluate({{10, 20, 30, 40, 11, 12, 13}}, nullptr, nullptr));
  CHECK(same_bits({after}, {{rig.engine->logits().begin(), rig.engine->logits().end()}}));
}

TEST_CASE("what start refuses", "[engine]") {
  Rig rig(wandering(), {.context = 16});
  const auto code = [&](const Ids& prompt, const GenerateOptions& options = {}) {
    const Status status = rig.engine->start(prompt, options);
    const auto step = rig.engine->next();
    CHECK((status ||
           (!step && step.error().code() == ErrorCode::InvalidState))); // nothing is under way then
    return status ? ErrorCode::Ok : status.error().code();
  };
  const auto vocabulary = static_cast<TokenId>(rig.loaded->network.config.vocabulary);
  CHECK(code({}) == ErrorCode::EmptyPrompt);
  CHECK(code(Ids(16, 1)) == ErrorCode::ContextFull);
  CHECK(code(Ids(1000, 1)) == ErrorCode::ContextFull);
  CHECK(code(Ids(15, 1)) == ErrorCode::Ok);
  for (const TokenId bad :
       {-1, vocabulary, std::numeric_limits<TokenId>::min(), std::numeric_limits<TokenId>::max()})
    CHECK(code({1, bad, 2}) == ErrorCode::BadToken);
  CHECK(code({0, vocabulary - 1}) == ErrorCode::Ok);

  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto refused = [&](auto SamplerOptions::* member, std::initializer_list<float> values) {
    for (const float value : values) {
      GenerateOptions options;
      options.sampler.*member = value;
      CHECK(code({1}, options) == ErrorCode::InvalidArgument);
    }
  };
  refused(&SamplerOptions::temperature, {-0.1F, 100.1F, nan});
  refused(&SamplerOptions::top_p, {0.0F, 1.1F, nan});
  refused(&SamplerOptions::min_p, {-0.1F, 1.0F, nan});
  refused(&SamplerOptions::repetition_penalty, {0.0F, 10.5F, nan});
  const std::string_view empty[] = {""};
  CHECK(code({1}, with_stops(empty)) == ErrorCode::InvalidArgument);
  const std::string too_long(257, 'x');
  const std::string_view longer[] = {too_long};
  CHECK(code({1}, with_stops(longer)) == ErrorCode::InvalidArgument);
  const std::vector<std::string_view> many(17, "x");
  CHECK(code({1}, with_stops(many)) == ErrorCode::InvalidArgument);
}

TEST_CASE("a refused start leaves the cache and the next generation alone", "[engine]") {
  Rig rig(wandering());
  const auto expected = generate(*rig.engine, kPrompt, wander(6, 8));
  CHECK_FALSE(rig.engine->start({{1, -1}}, {}));
  CHECK(rig.engine->size() == kPrompt.size() + 7);
  const auto g = generate(*rig.engine, kPrompt, wander(6, 8));
  CHECK(g.ids == expected.ids);
  CHECK(g.prefills == 1);
}

TEST_CASE("next before start is an error", "[engine]") {
  Rig rig(wandering());
  const auto step = rig.engine->next();
  CHECK((!step && step.error().code() == ErrorCode::InvalidState));
  CHECK(rig.engine->logits().empty());
  CHECK(rig.engine->size() == 0);
}

TEST_CASE("seeds: the same one the same ids, another one others", "[engine]") {
  Rig rig(wandering());
  std::set<Ids> different;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto g = generate(*rig.engine, kPrompt, wander(seed, 16));
    CHECK(generate(*rig.engine, kPrompt, wander(seed, 16)).ids == g.ids);
    different.insert(g.ids);
  }
  CHECK(different.size() == 8);
  GenerateOptions greedy;
  greedy.max_tokens = 16;
  greedy.ignore_end = true;
  const auto g = generate(*rig.engine, kPrompt, greedy);
  greedy.sampler.seed = 1;
  CHECK(generate(*rig.engine, kPrompt, greedy).ids == g.ids);
  rig.reset({.kv_type = KvType::kF32, .batch = 2});
  CHECK(generate(*rig.engine, kPrompt, greedy).ids == g.ids);
}

TEST_CASE("evaluate: logits of the last, or of every position", "[engine]") {
  Rig rig(wandering(), {.context = 16, .batch = 3});
  const Logits expected = run(rig.loaded->network, kPrompt, rig.serial);
  CHECK(rig.engine->evaluate({}, nullptr, nullptr));
  CHECK(rig.engine->logits().empty());
  CHECK(rig.engine->evaluate(kPrompt, nullptr, nullptr));
  CHECK(same_bits({{rig.engine->logits().begin(), rig.engine->logits().end()}}, {expected.back()}));

  rig.engine->truncate(2);
  struct Seen {
    Logits logits;
    std::vector<std::uint32_t> positions;
    std::size_t fail_at = 100;
  } seen;
  const Engine::Sink sink = [](void* context, std::uint32_t position,
                               std::span<const float> logits) noexcept -> Status {
    Seen& s = *static_cast<Seen*>(context);
    s.positions.push_back(position);
    s.logits.emplace_back(logits.begin(), logits.end());
    return s.positions.size() > s.fail_at ? Status(Error(ErrorCode::Aborted)) : Status();
  };
  CHECK(rig.engine->evaluate(std::span(kPrompt).subspan(2), sink, &seen));
  CHECK(seen.positions == std::vector<std::uint32_t>{2, 3, 4, 5, 6});
  CHECK(same_bits(seen.logits, Logits(expected.begin() + 2, expected.end())));

  seen.fail_at = 6; // a sink's error comes back
  const Status aborted = rig.engine->evaluate({{1, 2, 3, 4}}, sink, &seen);
  CHECK((!aborted && aborted.error().code() == ErrorCode::Aborted));
}

TEST_CASE("evaluate refuses what does not fit, and keeps what it has", "[engine]") {
  Rig rig(wandering(), {.context = 10});
  CHECK(rig.engine->evaluate(kPrompt, nullptr, nullptr));
  const auto code = [&](const Ids& ids) {
    const Status status = rig.engine->evaluate(ids, nullptr, nullptr);
    return status ? ErrorCode::Ok : status.error().code();
  };
  CHECK(code({1, 2, 3, 4}) == ErrorCode::ContextFull);
  CHECK(code({1, 1000}) == ErrorCode::BadToken);
  CHECK(code({-1}) == ErrorCode::BadToken);
  CHECK(rig.engine->size() == 7);
  CHECK(code({1, 2, 3}) == ErrorCode::Ok);
  CHECK(rig.engine->size() == 10);
  CHECK(code({1}) == ErrorCode::ContextFull);
  CHECK(code({}) == ErrorCode::Ok);
}

TEST_CASE("evaluate ends the generation under way", "[engine]") {
  // Otherwise a context that has outgrown the prompt would be taken for a part of it.
  for (const std::size_t after : {0U, 1U, 2U, 4U}) {
    Rig rig(wandering(), {.batch = 4});
    CHECK(rig.engine->start(kPrompt, wander(1, 9)));
    for (std::size_t i = 0; i < after; ++i)
      CHECK(rig.engine->next());
    CHECK(rig.engine->evaluate(Ids(12, 3), nullptr, nullptr));
    const auto step = rig.engine->next();
    INFO("after " << after << " steps");
    CHECK((!step && step.error().code() == ErrorCode::InvalidState));
    CHECK(generate(*rig.engine, kPrompt, wander(1, 9)).ids.size() == 9);
  }
}

TEST_CASE("more rows in the embedding than tokens in the vocabulary", "[engine]") {
  // The ids beyond are legal in a prompt and have no text.
  auto file = tiny_model({.layers = 1, .hidden = 64, .ffn = 128});
  auto& embedding = *file.find_tensor("token_embd.weight");
  const auto tokens = static_cast<TokenId>(embedding.shape[1]);
  embedding.shape[1] += 20;
  embedding.data.resize(embedding.data.size() + 20 * 64 * 2);
  for (std::size_t i = embedding.data.size() - 20 * 64 * 2; i < embedding.data.size(); i += 2)
    embedding.data[i + 1] = i % 4 == 0 ? 0x50 : 0xd0; // +-32: they win
  Rig rig(file.build());
  GenerateOptions options;
  options.sampler.temperature = 5.0F;
  options.max_tokens = 30;
  const auto g = generate(*rig.engine, {tokens, tokens + 19}, options);
  CHECK(g.ids.size() == 30);
  CHECK(std::any_of(g.ids.begin(), g.ids.end(), [&](TokenId id) { return id >= tokens; }));
  for (std::size_t i = 0; i < g.ids.size(); ++i)
    if (g.ids[i] >= tokens)
      CHECK(g.texts[i].empty());
}

TEST_CASE("log-probabilities are those of the model's own logits", "[engine]") {
  TinyOptions tiny;
  tiny.hidden = 64;
  tiny.ffn = 128;
  tiny.context = 96;
  tiny.embedding = DType::kF16;
  for (const HeadType head : {HeadType::kFile, HeadType::kInt4}) {
    Rig rig(make_tiny_model(tiny), {}, {}, head);
    auto options = wander(2, 20);
    options.sampler.top_k = 5; // a small head would do for that
    options.sampler.repetition_penalty = 1.5F;
    const auto plain = generate(*rig.engine, kPrompt, options);
    CHECK(plain.logprobs == std::vector<float>(20, 0.0F));
    CHECK(plain.likeliest.empty());
    options.logprobs = true;
    for (const std::uint32_t most : {0U, 1U, 20U}) {
      options.top_logprobs = most;
      REQUIRE(rig.engine->start(kPrompt, options));
      Ids ids = kPrompt;
      for (;;) {
        const auto step = rig.engine->next();
        REQUIRE(step);
        if (step->kind == Step::Kind::kEnd)
          break;
        CHECK(step->top_logprobs.size() == (step->kind == Step::Kind::kToken ? most : 0));
        if (step->kind != Step::Kind::kToken)
          continue;
        // Against a run of its own, in long double.
        const auto row = run(rig.loaded->network, ids, rig.serial).back();
        CHECK(same_bits({{rig.engine->logits().begin(), rig.engine->logits().end()}}, {row}));
        long double sum = 0;
        for (const float logit : row)
          sum += std::exp(static_cast<long double>(logit));
        const auto expected = [&](TokenId id) {
          return static_cast<double>(row[static_cast<std::size_t>(id)] - std::log(sum));
        };
        CHECK(std::fabs(static_cast<double>(step->logprob) - expected(step->id)) < 1e-5);
        for (const TokenLogprob& entry : step->top_logprobs)
          CHECK(std::fabs(static_cast<double>(entry.logprob) - expected(entry.id)) < 1e-5);
        if (most > 0)
          CHECK(row[static_cast<std::size_t>(step->top_logprobs[0].id)] ==
                *std::max_element(row.begin(), row.end()));
        ids.push_back(step->id);
      }
      ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kPrompt.size()));
      CHECK(ids == plain.ids);
    }
  }
}

TEST_CASE("policies for a full context: stop and error", "[engine]") {
  Rig rig(wandering(), {.context = 16});
  auto options = wander(1, 0);
  const auto stopped = generate(*rig.engine, kPrompt, options);
  CHECK(stopped.finish == FinishReason::kContext);
  options.context_policy = ContextPolicy::kError;
  const auto failed = generate(*rig.engine, kPrompt, options);
  CHECK(failed.error == ErrorCode::ContextFull);
  CHECK(failed.ids == stopped.ids);
  CHECK_FALSE(rig.engine->next());                                     // ended
  options.max_tokens = static_cast<std::uint32_t>(stopped.ids.size()); // both at once
  CHECK(generate(*rig.engine, kPrompt, options).finish == FinishReason::kLength);
}

TEST_CASE("a shift is a fresh session given the ids that stay", "[engine]") {
  const ByteVector file = wandering();
  for (const std::uint32_t keep : {0U, 1U, 5U, 12U, 18U, 19U})
    for (const std::uint32_t batch : {1U, 4U, 64U}) {
      Rig rig(file, {.context = 20, .batch = batch});
      INFO("keep " << keep << ", batch " << batch);
      auto options = wander(7, 60);
      options.context_policy = ContextPolicy::kShift;
      options.keep = keep;
      options.logprobs = true;
      options.top_logprobs = 2;
      options.sampler.repetition_penalty = 1.1F;
      options.sampler.repetition_window = 3;
      const auto shifted = generate(*rig.engine, kPrompt, options);
      REQUIRE(shifted.ids.size() == 60);
      CHECK(shifted.finish == FinishReason::kLength);
      CHECK(shifted.shifts > 0);

      // By hand: each token from the logits of a network that sees the ids and nothing else.
      auto sampler = Sampler::make(options.sampler, rig.loaded->network.config.vocabulary);
      REQUIRE(sampler);
      Ids held = kPrompt, expected;
      for (;;) {
        const auto row = run(rig.loaded->network, held, rig.serial).back();
        const auto id = sampler->sample(row, held);
        REQUIRE(id);
        expected.push_back(*id);
        if (expected.size() == 60)
          break;
        if (held.size() == 20)
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(keep),
                     held.begin() + static_cast<std::ptrdiff_t>(keep + (20 - keep + 1) / 2));
        held.push_back(*id);
      }
      CHECK(shifted.ids == expected);
      CHECK(rig.engine->size() == held.size());
    }
}

TEST_CASE("text and stop strings go on through shifts", "[engine]") {
  // The script's next byte hangs on the newest alone, so shifts may change nothing at all.
  Rig rig(script_model(kScript, byte_id('a')).build());
  GenerateOptions options;
  options.max_tokens = 200;
  std::string expected;
  while (expected.size() < 200)
    expected += expected.empty() ? kScript.substr(1) : kScript;
  const auto whole = generate(*rig.engine, {byte_id('a')}, options); // 64 tokens of context
  CHECK(whole.finish == FinishReason::kContext);
  rig.reset({.context = 8, .batch = 2});
  options.context_policy = ContextPolicy::kShift;
  options.keep = 1;
  const auto shifted = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(shifted.ids.size() == 200);
  CHECK(shifted.text() == [&] { // the last character may have been cut
    Text bytes, text;
    for (const TokenId id : shifted.ids)
      CHECK(rig.tokenizer->decode(id, bytes));
    Utf8Stream stream;
    CHECK(stream.push(view(bytes), text));
    CHECK(stream.finish(text));
    return std::string(view(text));
  }());
  CHECK(shifted.text().substr(0, 150) == expected.substr(0, 150));
  CHECK(shifted.shifts > 30);
  const std::string_view stops[] = {"labcd\xc3\xa9"};
  options.stop = stops;
  const auto stopped = generate(*rig.engine, {byte_id('a')}, options);
  CHECK(stopped.finish == FinishReason::kStop);
  CHECK(stopped.text() == kScript.substr(1, kScript.size() - 2));
}

TEST_CASE("what start refuses of the newer options", "[engine]") {
  Rig rig(wandering(), {.context = 16});
  const auto code = [&](const GenerateOptions& options) {
    const Status status = rig.engine->start(kPrompt, options);
    return status ? ErrorCode::Ok : status.error().code();
  };
  GenerateOptions options;
  options.logprobs = true;
  options.top_logprobs = kMostTopLogprobs;
  CHECK(code(options) == ErrorCode::Ok);
  options.top_logprobs = kMostTopLogprobs + 1;
  CHECK(code(options) == ErrorCode::InvalidArgument);
  options.logprobs = false;
  options.top_logprobs = 1;
  CHECK(code(options) == ErrorCode::InvalidArgument);
  options = {};
  options.keep = 15;
  CHECK(code(options) == ErrorCode::Ok);
  for (const std::uint32_t keep : {16U, 17U, 0xffffffffU}) {
    options.keep = keep;
    CHECK(code(options) == ErrorCode::InvalidArgument);
  }
  options = {};
  options.context_policy = static_cast<ContextPolicy>(3);
  CHECK(code(options) == ErrorCode::InvalidArgument);
}

TEST_CASE("a fork is a copy, and neither changes the other", "[engine]") {
  for (const KvType kv : {KvType::kF32, KvType::kF16}) {
    Rig rig(wandering(), {.kv_type = kv, .batch = 3});
    const auto first = generate(*rig.engine, kPrompt, wander(1, 6));
    Ids prompt = kPrompt;
    prompt.insert(prompt.end(), first.ids.begin(), first.ids.end());
    const auto one = generate(*rig.engine, prompt, wander(2, 10));
    const auto two = generate(*rig.engine, prompt, wander(3, 10));
    rig.reset({.kv_type = kv, .batch = 3});
    CHECK(generate(*rig.engine, prompt, wander(9, 2)).prefills == 5);
    auto fork = rig.engine->fork(rig.serial);
    REQUIRE(fork);
    CHECK(fork->size() == rig.engine->size());
    CHECK(fork->capacity() == rig.engine->capacity());
    CHECK(fork->logits().empty());
    CHECK_FALSE(fork->next()); // no generation
    REQUIRE(fork->start(prompt, wander(3, 10)));
    REQUIRE(rig.engine->start(prompt, wander(2, 10)));
    Ids a, b; // in turns
    for (int i = 0; i < 30; ++i) {
      const auto from_fork = fork->next();
      const auto from_engine = rig.engine->next();
      REQUIRE((from_fork && from_engine));
      if (from_fork->kind == Step::Kind::kToken)
        a.push_back(from_fork->id);
      if (from_engine->kind == Step::Kind::kToken)
        b.push_back(from_engine->id);
    }
    CHECK(a == two.ids);
    CHECK(b == one.ids);
  }
  Rig empty(wandering());
  auto fork = empty.engine->fork(empty.serial);
  REQUIRE(fork);
  CHECK(fork->size() == 0);
}

TEST_CASE("context policies have names", "[engine]") {
  CHECK(context_policy("stop") == ContextPolicy::kStop);
  CHECK(context_policy("error") == ContextPolicy::kError);
  CHECK(context_policy("shift") == ContextPolicy::kShift);
  CHECK_FALSE(context_policy("Shift"));
}

TEST_CASE("logits that are no numbers end in an error, not in a token", "[engine]") {
  TinyOptions options;
  options.hidden = 64;
  options.ffn = 128;
  options.layers = 1;
  options.embedding = DType::kF32;
  options.tied = false;
  auto file = tiny_model(options);
  auto& head = file.find_tensor("output.weight")->data;
  for (std::size_t i = 0; i < head.size(); i += 4) { // a legal number whose sums are not
    const float most = 3e38F;
    std::memcpy(head.data() + i, &most, 4);
  }
  Rig rig(file.build());
  const auto g = generate(*rig.engine, {1, 2, 3});
  CHECK(g.error == ErrorCode::BadWeights);
  CHECK(g.ids.empty());
  CHECK_FALSE(rig.engine->next());
}

TEST_CASE("rotary angles beyond all reason do not reach the logits", "[engine]") {
  auto file = tiny_model({.layers = 1, .hidden = 64, .ffn = 128});
  file.set("bitnet-b1.58.rope.scaling.type", "linear");
  file.set("bitnet-b1.58.rope.scaling.factor", 1e-20);
  Rig rig(file.build());
  const auto g = generate(*rig.engine, {1, 2, 3}, wander(1, 5));
  CHECK(g.ids.size() == 5);
  for (const float logit : rig.engine->logits())
    CHECK(std::isfinite(logit));
}

TEST_CASE("session options: defaults and limits", "[engine]") {
  Config config;
  config.context = 4096;
  const auto resolved = [&](const SessionOptions& options) {
    return resolve_options(config, options);
  };
  const auto refused = [&](const SessionOptions& options) {
    const auto result = resolved(options);
    return !result && result.error().code() == ErrorCode::InvalidArgument;
  };
  CHECK(resolved({})->context == 2048);
  CHECK(resolved({})->batch == 64);
  CHECK(resolved({.context = 4096})->context == 4096);
  CHECK(refused({.context = 4097}));
  CHECK(resolved({.context = 10})->batch == 10); // no more than fit
  CHECK(resolved({.batch = 512})->batch == 512);
  CHECK(refused({.batch = 0}));
  CHECK(refused({.batch = 513}));
  CHECK(refused({.kv_type = static_cast<KvType>(2)}));
  config.context = 100;
  CHECK(resolved({})->context == 100);
}

TEST_CASE("finish reasons have names", "[engine]") {
  CHECK(std::string_view(finish_reason_name(FinishReason::kNone)) == "none");
  CHECK(std::string_view(finish_reason_name(FinishReason::kEnd)) == "end");
  CHECK(std::string_view(finish_reason_name(FinishReason::kStop)) == "stop");
  CHECK(std::string_view(finish_reason_name(FinishReason::kLength)) == "length");
  CHECK(std::string_view(finish_reason_name(FinishReason::kContext)) == "context");
  CHECK(std::string_view(finish_reason_name(static_cast<FinishReason>(99))) == "none");
}
