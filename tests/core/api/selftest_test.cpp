// The self-test that users run: it passes on every kernel here, and refuses a model it has no answers for.
#include "bitnet/bitnet.hpp"

#include "api_support.h"
#include "platform/file.h"
#include "platform/threads.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {
namespace golden {
#include "api/golden.inc"
} // namespace golden
} // namespace

TEST_CASE("check_kernels: all cases agree, on every kernel", "[api]") {
  for (const std::string_view isa : available_isas()) {
    INFO(isa);
    const auto cases = check_kernels(isa);
    CHECK(cases);
    if (cases)
      CHECK(*cases >= 20);
  }
  CHECK(check_kernels("")); // the best
  const auto unknown = check_kernels("none such");
  CHECK((!unknown && unknown.error().code() == ErrorCode::UnknownIsa));
}

TEST_CASE("self_test refuses another model", "[api]") {
  Serial serial;
  const auto refused = [&](const Model& model) {
    const auto report = self_test(model, serial);
    return !report && report.error().code() == ErrorCode::InvalidArgument;
  };
  CHECK(refused(load_model(small_file())));
  // The right name is not enough.
  auto file = tiny_model({.layers = 1, .hidden = 64, .ffn = 128});
  file.set("general.name", golden::kModelName);
  CHECK(refused(load_model(file.build())));
}

TEST_CASE("self_test of the built-in model, on every kernel", "[api]") {
  const auto source =
      open_file("models/bitnet-tiny-stories.gguf"); // the tests run in the project's root
  if (!source || (*source)->size() != golden::kFileBytes)
    SKIP("models/bitnet-tiny-stories.gguf is not the model of core/api/golden.inc");
  const auto parallel = make_parallel(2);
  REQUIRE(parallel);
  for (const std::string_view isa : available_isas()) {
    INFO(isa);
    const auto model = Model::load(**source, {.isa = isa});
    REQUIRE(model);
    const auto report = self_test(*model, *parallel);
    INFO((report ? std::string() : std::string(report.error().detail())));
    CHECK(report);
    if (report) {
      CHECK(report->tokens == std::size(golden::kIds));
      CHECK(report->logits_hash == golden::kLogitsHash);
      CHECK(report->kernel_cases >= 20);
    }
  }
}

TEST_CASE("a small head changes no id of the built-in model, on any kernel", "[api]") {
  const auto source = open_file("models/bitnet-tiny-stories.gguf");
  if (!source)
    SKIP("no models/bitnet-tiny-stories.gguf");
  const auto parallel = make_parallel(2);
  REQUIRE(parallel);
  SamplerOptions top_k;
  top_k.temperature = 0.8F;
  top_k.top_k = 40;
  top_k.seed = 5;
  SamplerOptions penalised = top_k;
  penalised.repetition_penalty = 1.3F;
  penalised.top_p = 0.9F;
  SamplerOptions repelled; // greedy
  repelled.frequency_penalty = 0.5F;
  SamplerOptions everything; // of all logits, which a small head does not give
  everything.temperature = 1.0F;
  struct Story {
    Ids ids;
    std::uint64_t logits = kHashStart;
  };
  const auto story = [&](const Model& model, std::string_view prompt, const SamplerOptions& sampler,
                         std::uint32_t tokens) {
    Session session = make_session(model, *parallel);
    Vec<TokenId> ids;
    REQUIRE(model.tokenize(prompt, true, ids));
    GenerateOptions options;
    options.sampler = sampler;
    options.max_tokens = tokens;
    options.ignore_end = true;
    REQUIRE(session.start(ids.span(), options));
    Story all;
    for (;;) {
      const auto step = session.next();
      REQUIRE(step);
      if (step->kind == Step::Kind::kEnd)
        return all;
      if (step->kind == Step::Kind::kToken) {
        all.ids.push_back(step->id);
        all.logits = hash_logits(session.logits(), all.logits);
      }
    }
  };
  const auto whole = Model::load(**source);
  REQUIRE(whole);
  struct Case {
    std::string_view prompt;
    SamplerOptions sampler;
    std::uint32_t tokens;
    Story expected{};
  };
  const std::string_view once = "Once upon a time";
  std::vector<Case> cases{{once, {}, 200},
                          {once, top_k, 200},
                          {once, penalised, 100},
                          {once, repelled, 100},
                          {once, everything, 30}};
  for (const std::string_view prompt : {"The dog", "\"Why?\" she said. \""})
    for (const SamplerOptions& sampler : {SamplerOptions{}, top_k})
      cases.push_back({prompt, sampler, 50});
  for (Case& one : cases)
    one.expected = story(*whole, one.prompt, one.sampler, one.tokens);
  std::vector<std::uint64_t> hashes; // equal on all kernels
  for (const std::string_view isa : available_isas()) {
    std::vector<std::uint64_t> here;
    for (const HeadType head : {HeadType::kInt8, HeadType::kInt4}) {
      const auto model = Model::load(**source, {.isa = isa, .head = head});
      REQUIRE(model);
      CHECK(model->info().weight_bytes > whole->info().weight_bytes);
      for (const Case& one : cases) {
        INFO(isa << ": " << one.prompt);
        const Story actual = story(*model, one.prompt, one.sampler, one.tokens);
        CHECK(actual.ids == one.expected.ids);
        here.push_back(actual.logits);
        const bool all_read = one.sampler.temperature == everything.temperature;
        CHECK((actual.logits == one.expected.logits) == all_read);
      }
      // The raw interface is exact.
      Serial serial;
      Session mine = make_session(*model, serial), theirs = make_session(*whole, serial);
      const Ids ids{1, 2, 3};
      REQUIRE(mine.evaluate(ids));
      REQUIRE(theirs.evaluate(ids));
      CHECK(hash_logits(mine.logits()) == hash_logits(theirs.logits()));
    }
    if (hashes.empty())
      hashes = here;
    CHECK(here == hashes);
  }
  const auto unknown = Model::load(**source, {.isa = {}, .head = static_cast<HeadType>(3)});
  CHECK((!unknown && unknown.error().code() == ErrorCode::InvalidArgument));
}
