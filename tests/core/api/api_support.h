// Models through the public API alone.
#pragma once

#include "bitnet/bitnet.hpp"
#include "support/tiny_gguf.h"

#include <catch_amalgamated.hpp>

#include <string>
#include <vector>

namespace bitnet::test {

using Ids = std::vector<TokenId>;

inline ByteVector small_file(std::uint64_t seed = 1) {
  TinyOptions options;
  options.hidden = 64;
  options.ffn = 128;
  options.context = 64;
  options.seed = seed;
  return make_tiny_model(options);
}

inline Model load_model(const ByteVector& file, const LoadOptions& options = {}) {
  MemorySource source(file);
  auto model = Model::load(source, options);
  INFO((model ? std::string() : std::string(model.error().detail())));
  REQUIRE(model);
  return std::move(*model);
}

inline Session make_session(const Model& model, Parallel& parallel,
                            const SessionOptions& options = {}) {
  auto session = Session::make(model, options, parallel);
  REQUIRE(session);
  return std::move(*session);
}

/// Ids of a greedy generation of `most` tokens; empty after an error. It asserts nothing: only a
/// test's own thread may, Catch2 keeps what it is doing in one place.
inline Ids greedy_quietly(Session& session, const Ids& prompt, std::uint32_t most) {
  GenerateOptions options;
  options.max_tokens = most;
  options.ignore_end = true;
  if (!session.start(prompt, options))
    return {};
  Ids ids;
  for (;;) {
    const auto step = session.next();
    if (!step)
      return {};
    if (step->kind == Step::Kind::kEnd)
      return ids;
    if (step->kind == Step::Kind::kToken)
      ids.push_back(step->id);
  }
}

/// The same, where an error fails the test.
inline Ids greedy(Session& session, const Ids& prompt, std::uint32_t most) {
  const Ids ids = greedy_quietly(session, prompt, most);
  REQUIRE(ids.size() == most);
  return ids;
}

/// Of the logits after a few fixed ids: equal for equal models.
inline std::uint64_t fingerprint(const Model& model) {
  Serial serial;
  Session session = make_session(model, serial);
  CHECK(session.evaluate({{5, 17, 130, 9, 255}}));
  return hash_logits(session.logits());
}

} // namespace bitnet::test
