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
