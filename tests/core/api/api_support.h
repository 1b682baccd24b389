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

/// Ids of a greedy generation of `most` tokens.
inline Ids greedy(Session& session, const Ids& prompt, std::uint32_t most) {
  GenerateOptions options;
  options.max_tokens = most;
  options.ignore_end = true;
  CHECK(session.start(prompt, options));
  Ids ids;
  for (;;) {
    const auto step = session.next();
    REQUIRE(step);
    if (step->kind == Step::Kind::kEnd)
      return ids;
    if (step->kind == Step::Kind::kToken)
      ids.push_back(step->id);
  }
}

/// Of the logits after a few fixed ids: equal for equal models.
inline std::uint64_t fingerprint(const Model& model) {
  Serial serial;
  Session session = make_session(model, serial);
  CHECK(session.evaluate({{5, 17, 130, 9, 255}}));
  return hash_logits(session.logits());
}

} // namespace bitnet::test
