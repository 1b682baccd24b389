// Prompt-lookup decoding in the generate loop: guesses save work, and nobody can tell them from none.
#include "engine/engine.h"

#include "engine_support.h"
#include "support/hash.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

/// Everything that a caller sees of a generation, the logits included.
struct Seen {
  Generated g;
  std::uint64_t logits = 0;
  std::vector<std::uint32_t> sizes; ///< of the context after each step
};
Seen seen(Rig& rig, const Ids& prompt, const GenerateOptions& options) {
  Seen all;
  REQUIRE(rig.engine->start(prompt, options));
  Hash hash;
  for (;;) {
    const auto step = rig.engine->next();
    all.sizes.push_back(rig.engine->size());
    if (!step) {
      all.g.error = step.error().code();
      break;
    }
    if (step->kind == Step::Kind::kToken) {
      all.g.ids.push_back(step->id);
      all.g.logprobs.push_back(step->logprob);
      for (const TokenLogprob& entry : step->top_logprobs)
        all.g.likeliest.emplace_back(entry.id, entry.logprob);
      for (const float logit : rig.engine->logits())
        hash.add(logit);
    }
    all.g.texts.emplace_back(step->text);
    if (step->kind == Step::Kind::kEnd) {
      all.g.finish = step->finish;
      break;
    }
  }
  all.logits = hash.value();
  return all;
}

} // namespace

TEST_CASE("guesses change nothing that can be seen", "[engine]") {
  TinyOptions tiny;
  tiny.hidden = 64;
  tiny.ffn = 128;
  tiny.context = 96;
  const ByteVector file = make_tiny_model(tiny);
  Random random(1);
  std::size_t cases = 0;
  for (const HeadType head : {HeadType::kFile, HeadType::kInt4})
    for (const KvType kv : {KvType::kF32, KvType::kF16})
      for (const std::uint32_t batch : {64U, 5U, 1U}) {
        Rig rig(file, {.context = 80, .kv_type = kv, .batch = batch}, {}, head);
        for (int i = 0; i < 8; ++i, ++cases) {
          GenerateOptions options;
          options.ignore_end = random.below(2) == 0;
          options.max_tokens = static_cast<std::uint32_t>(random.below(3) * 40);
          options.sampler.seed = random.next();
          options.sampler.temperature = i % 3 == 0 ? 0.0F : 0.3F * static_cast<float>(i);
          options.sampler.top_k = i % 2 == 0 ? 0 : 3;
          if (i % 4 == 3)
            options.sampler.repetition_penalty = 0.7F; // it repeats itself
          options.logprobs = i % 3 == 2;
          options.top_logprobs = options.logprobs ? 3 : 0;
          options.context_policy = static_cast<ContextPolicy>(random.below(3));
          options.keep = static_cast<std::uint32_t>(random.below(20));
          if (options.context_policy == ContextPolicy::kShift)
            options.max_tokens = 150;
          const std::string_view stops[] = {"\xc3", "the", "~}"};
          options.stop = std::span(stops).first(static_cast<std::size_t>(random.below(4)));
          Ids prompt;
          for (std::uint64_t n = 3 + random.below(20); prompt.size() < n;)
            prompt.push_back(static_cast<TokenId>(random.below(6))); // few ids: much to find
          rig.reset({.context = 80, .kv_type = kv, .batch = batch});
          const Seen plain = seen(rig, prompt, options);
          options.draft = 1 + static_cast<std::uint32_t>(random.below(kMostDraft));
          INFO("case " << i << ", batch " << batch << ", draft " << options.draft);
          rig.reset({.context = 80, .kv_type = kv, .batch = batch});
          const Seen drafted = seen(rig, prompt, options);
          CHECK((drafted.g.ids == plain.g.ids && drafted.g.texts == plain.g.texts));
          CHECK((drafted.g.finish == plain.g.finish && drafted.g.error == plain.g.error));
          CHECK(
              (drafted.g.logprobs == plain.g.logprobs && drafted.g.likeliest == plain.g.likeliest));
          CHECK(drafted.logits == plain.logits);
          CHECK(drafted.sizes == plain.sizes);
          // And what the cache holds is what it says it holds.
          const Ids held(rig.engine->tokens().begin(), rig.engine->tokens().end());
          if (!held.empty() && held.size() < 80) {
            REQUIRE(rig.engine->evaluate({{1}}, nullptr, nullptr));
            const std::vector<float> after(rig.engine->logits().begin(),
                                           rig.engine->logits().end());
            rig.reset({.context = 80, .kv_type = kv, .batch = batch});
            REQUIRE(rig.engine->evaluate(held, nullptr, nullptr));
            REQUIRE(rig.engine->evaluate({{1}}, nullptr, nullptr));
            CHECK(same_bits({after}, {{rig.engine->logits().begin(), rig.engine->logits().end()}}));
          }
        }
      }
  CHECK(cases == 96);
}

TEST_CASE("guesses save work where text repeats itself", "[engine]") {
  // The script's next byte hangs on the newest alone, and the script goes round.
  Rig rig(script_model(kScript, byte_id('a')).build());
  struct Counting final : Parallel {
    std::size_t runs = 0;
    unsigned threads() const noexcept override { return 1; }
    void run(std::size_t count, Task task, void* context) noexcept override {
      ++runs;
      Serial().run(count, task, context);
    }
  } counting;
  const auto runs = [&](std::uint32_t draft) {
    auto engine = rig.engine->fork(counting);
    REQUIRE(engine);
    GenerateOptions options;
    options.max_tokens = 60;
    options.draft = draft;
    counting.runs = 0;
    CHECK(generate(*engine, {byte_id('a')}, options).ids.size() == 60);
    return counting.runs;
  };
  CHECK(runs(8) * 2 < runs(0));
}

TEST_CASE("a generation with guesses may be left, saved and forked anywhere", "[engine]") {
  Rig rig(script_model(kScript, byte_id('a')).build());
  GenerateOptions options;
  options.max_tokens = 60;
  options.draft = 8;
  const auto expected = generate(*rig.engine, {byte_id('a')}, options);
  for (std::size_t after = 20; after < 50; ++after) {
    REQUIRE(rig.engine->start({{byte_id('a')}}, options));
    const auto first = steps(*rig.engine, after);
    auto fork = rig.engine->fork(rig.serial);
    REQUIRE(fork);
    Ids prompt{byte_id('a')};
    prompt.insert(prompt.end(), first.ids.begin(), first.ids.end());
    options.max_tokens = static_cast<std::uint32_t>(60 - after);
    for (Engine* engine : {&*rig.engine, &*fork}) {
      const auto rest = generate(*engine, prompt, options);
      CHECK(std::equal(rest.ids.begin(), rest.ids.end(),
                       expected.ids.begin() + static_cast<std::ptrdiff_t>(after),
                       expected.ids.end()));
    }
    options.max_tokens = 60;
  }
  options.draft = kMostDraft + 1;
  CHECK_FALSE(rig.engine->start({{1}}, options));
}

TEST_CASE("a start that is refused leaves the logits that were there", "[engine]") {
  Rig rig(script_model(kScript, byte_id('a')).build());
  GenerateOptions options;
  options.max_tokens = 60;
  options.draft = 8;
  const auto logits = [&] {
    return std::vector<float>(rig.engine->logits().begin(), rig.engine->logits().end());
  };
  bool differed = false; // or the rows of guesses that came true would all be alike
  std::vector<float> before_it;
  for (std::size_t after = 20; after < 50; ++after) {
    rig.reset({});
    REQUIRE(rig.engine->start({{byte_id('a')}}, options));
    steps(*rig.engine, after);
    const std::vector<float> seen = logits();
    REQUIRE_FALSE(seen.empty());
    differed |= seen != std::exchange(before_it, seen);
    CHECK_FALSE(rig.engine->start({}, options));
    CHECK(logits() == seen);
    CHECK_FALSE(rig.engine->evaluate({{-1}}, nullptr, nullptr));
    CHECK(logits() == seen);
  }
  CHECK(differed);
}

TEST_CASE("a sink that fails leaves no logits, which would be another token's", "[engine]") {
  Rig rig(script_model(kScript, byte_id('a')).build());
  const auto failing = [](void*, std::uint32_t position,
                          std::span<const float>) noexcept -> Status {
    if (position == 2)
      return Error(ErrorCode::Io);
    return {};
  };
  const Ids ids{byte_id('a'), byte_id('b'), byte_id('c'), byte_id('d'), byte_id('e')};
  CHECK_FALSE(rig.engine->evaluate(ids, failing, nullptr));
  CHECK(rig.engine->logits().empty());
  CHECK(rig.engine->evaluate({{1}}, nullptr, nullptr));
  CHECK_FALSE(rig.engine->logits().empty());
}
