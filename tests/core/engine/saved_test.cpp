// Saved sessions: they go on with the same bits, fit other capacities and kernels, and nothing hostile gets in.
#include "engine/saved.h"

#include "engine_support.h"
#include "support/hash.h"

#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

ByteVector small_model(std::uint32_t hidden = 64, std::uint32_t heads = 0) {
  TinyOptions options;
  options.hidden = hidden;
  options.ffn = 128;
  options.context = 96;
  if (heads != 0) {
    options.heads = heads;
    options.head_dim = hidden / heads;
  }
  return make_tiny_model(options);
}

ByteVector save(Engine& engine) {
  ByteVector all;
  const std::uint64_t size = engine.save_begin();
  for (;;) {
    const auto piece = engine.save_piece();
    REQUIRE(piece);
    if (piece->empty())
      break;
    all.insert(all.end(), piece->begin(), piece->end());
  }
  CHECK(all.size() == size);
  return all;
}

Status restore(Engine& engine, Bytes bytes, std::uint64_t size) {
  BITNET_TRY(engine.restore_begin(size));
  for (auto into = engine.restore_wanted(); !into.empty(); into = engine.restore_wanted()) {
    if (into.size() > bytes.size())
      return Error(ErrorCode::Truncated);
    std::copy_n(bytes.begin(), into.size(), into.begin());
    bytes = bytes.subspan(into.size());
    BITNET_TRY(engine.restore_accept());
  }
  CHECK(bytes.empty());
  return {};
}
Error restore_error(Engine& engine, const ByteVector& bytes) {
  const Status status = restore(engine, bytes, bytes.size());
  return status ? Error(ErrorCode::Ok) : status.error();
}

/// Tokens and all logits of a generation.
std::pair<Ids, std::uint64_t> hashed(Engine& engine, const Ids& prompt,
                                     const GenerateOptions& options) {
  REQUIRE(engine.start(prompt, options));
  Ids ids;
  Hash hash;
  for (;;) {
    const auto step = engine.next();
    REQUIRE(step);
    if (step->kind == Step::Kind::kEnd)
      return {ids, hash.value()};
    if (step->kind == Step::Kind::kToken) {
      ids.push_back(step->id);
      for (const float logit : engine.logits())
        hash.add(logit);
    }
  }
}

/// The checksums set right again, so that what they hide is looked at.
ByteVector mended(ByteVector bytes) {
  SavedHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  Checksum first;
  first.add(Bytes(bytes).first(offsetof(SavedHeader, checksum)));
  const std::uint64_t head = first.value();
  std::memcpy(bytes.data() + offsetof(SavedHeader, checksum), &head, sizeof head);
  Checksum all;
  all.add(Bytes(bytes).first(bytes.size() - 8));
  const std::uint64_t sum = all.value();
  std::memcpy(bytes.data() + bytes.size() - 8, &sum, sizeof sum);
  return bytes;
}

/// Refused, and afterwards the engine is empty and as good as new.
void check_refused(Rig& rig, const ByteVector& bytes, ErrorCode code, std::string_view detail) {
  const Error error = restore_error(*rig.engine, bytes);
  INFO(error.detail());
  CHECK(error.code() == code);
  CHECK(error.detail().find(detail) != std::string_view::npos);
  CHECK(rig.engine->size() == 0);
  CHECK(rig.engine->restore_wanted().empty());
}

} // namespace

TEST_CASE("a restored session goes on with the same bits", "[saved]") {
  for (const KvType kv : {KvType::kF32, KvType::kF16})
    for (const std::uint32_t heads : {0U, 16U}) { // 16 heads of 4: vectors are padded
      Rig rig(small_model(64, heads), {.kv_type = kv});
      const auto first = generate(*rig.engine, kPrompt, wander(1, 9));
      const ByteVector saved = save(*rig.engine);
      CHECK(save(*rig.engine) == saved); // saving changes nothing
      Ids prompt = kPrompt;
      prompt.insert(prompt.end(), first.ids.begin(), first.ids.end());
      const auto expected = hashed(*rig.engine, prompt, wander(2, 20));

      for (const SessionOptions& other :
           {SessionOptions{.kv_type = kv},
            SessionOptions{.context = 40, .kv_type = kv, .batch = 3}}) {
        rig.reset(other);
        REQUIRE(restore(*rig.engine, saved, saved.size()));
        CHECK(rig.engine->size() == prompt.size() - 1); // the last was never evaluated
        CHECK(rig.engine->logits().empty());
        CHECK(save(*rig.engine) == saved);
        REQUIRE(rig.engine->start(prompt, wander(2, 20)));
        CHECK(rig.engine->size() == prompt.size() - 1); // nothing is evaluated again
        CHECK(hashed(*rig.engine, prompt, wander(2, 20)) == expected);
      }
    }
}

TEST_CASE("a session saved with one set of kernels goes on with another", "[saved]") {
  const ByteVector file = small_model(256);
  for (const KvType kv : {KvType::kF32, KvType::kF16}) {
    std::optional<std::pair<Ids, std::uint64_t>> expected;
    std::optional<ByteVector> saved;
    for (const Kernels* kernels : all_kernels()) {
      Rig rig(file, {.kv_type = kv}, kernels->name);
      INFO(kernels->name);
      if (saved)
        REQUIRE(restore(*rig.engine, *saved, saved->size()));
      else
        REQUIRE(rig.engine->evaluate(kPrompt, nullptr, nullptr));
      const ByteVector now = save(*rig.engine);
      if (saved)
        CHECK(now == *saved);
      saved = now;
      Ids prompt = kPrompt;
      prompt.push_back(5);
      const auto found = hashed(*rig.engine, prompt, wander(3, 12));
      if (expected)
        CHECK(found == *expected);
      expected = found;
    }
  }
}

TEST_CASE("an empty session, and a full one", "[saved]") {
  Rig rig(small_model(), {.context = 16});
  const ByteVector empty = save(*rig.engine);
  CHECK(empty.size() == sizeof(SavedHeader) + 8);
  REQUIRE(rig.engine->evaluate(Ids(16, 3), nullptr, nullptr));
  const ByteVector full = save(*rig.engine);
  REQUIRE(restore(*rig.engine, empty, empty.size()));
  CHECK(rig.engine->size() == 0);
  REQUIRE(restore(*rig.engine, full, full.size()));
  CHECK(rig.engine->size() == 16);
  rig.reset({.context = 15});
  check_refused(rig, full, ErrorCode::ContextFull, "16 tokens, context of 15");
}

TEST_CASE("every truncation is refused, and every changed byte", "[saved]") {
  Rig rig(small_model(), {.context = 16, .kv_type = KvType::kF16});
  REQUIRE(rig.engine->evaluate({{1, 2}}, nullptr, nullptr));
  const ByteVector saved = save(*rig.engine);
  for (std::size_t size = 0; size < saved.size(); ++size) {
    const Status status = restore(*rig.engine, Bytes(saved).first(size), size);
    CHECK((!status && status.error().code() == ErrorCode::BadSession));
    CHECK(rig.engine->size() == 0);
  }
  for (std::size_t i = 0; i < saved.size(); ++i)
    for (const unsigned bit : {0U, 7U}) {
      ByteVector changed = saved;
      changed[i] ^= static_cast<std::uint8_t>(1U << bit);
      const Error error = restore_error(*rig.engine, changed);
      CHECK(error.code() == ErrorCode::BadSession);
      CHECK_FALSE(error.detail().empty());
      CHECK(rig.engine->size() == 0);
    }
  ByteVector longer = saved;
  longer.push_back(0);
  check_refused(rig, longer, ErrorCode::BadSession, "bytes, the header says");
  REQUIRE(restore(*rig.engine, saved, saved.size())); // after all that
  CHECK(rig.engine->size() == 2);
}

TEST_CASE("lying headers", "[saved]") {
  Rig rig(small_model(), {.context = 16});
  REQUIRE(rig.engine->evaluate({{1, 2, 3}}, nullptr, nullptr));
  const ByteVector saved = save(*rig.engine);
  SavedHeader header;
  std::memcpy(&header, saved.data(), sizeof header);
  const auto with = [&](auto member, auto value) {
    SavedHeader other = header;
    other.*member = static_cast<std::remove_reference_t<decltype(other.*member)>>(value);
    ByteVector bytes = saved;
    std::memcpy(bytes.data(), &other, sizeof other);
    return mended(bytes);
  };
  const auto refused = [&](auto member, auto value, std::string_view detail,
                           ErrorCode code = ErrorCode::BadSession) {
    check_refused(rig, with(member, value), code, detail);
  };
  CHECK(mended(saved) == saved);
  refused(&SavedHeader::version, 2, "format version 2, this build reads 1");
  refused(&SavedHeader::version, 0, "format version 0");
  refused(&SavedHeader::model, header.model + 1, "another model");
  refused(&SavedHeader::kv_type, 1, "KV type f16, this session's is f32");
  refused(&SavedHeader::kv_type, 2, "KV type 2");
  refused(&SavedHeader::reserved, 1, "reserved 1");
  for (const std::uint32_t value : {0U, 1U, 1000U, 0x80000000U, 0xffffffffU}) {
    refused(&SavedHeader::layers, value == header.layers ? 7 : value, "layers");
    refused(&SavedHeader::kv_heads, value == header.kv_heads ? 7 : value, "KV heads");
    refused(&SavedHeader::head_dim, value, "head width");
    refused(&SavedHeader::vocabulary, value, "vocabulary");
    refused(&SavedHeader::tokens, value, "tokens do not take");
  }
  for (const std::uint64_t value : {std::uint64_t{0}, header.size - 1, header.size + 1, UINT64_MAX})
    refused(&SavedHeader::size, value, "tokens do not take");
  // Tokens and bytes that agree with each other, but not with what comes.
  SavedHeader more = header;
  more.tokens = 4;
  more.size += (header.size - 72) / 3;
  ByteVector bytes = saved;
  std::memcpy(bytes.data(), &more, sizeof more);
  check_refused(rig, mended(bytes), ErrorCode::BadSession, "bytes, the header says");
  ByteVector magic = saved;
  magic[0] = 'G';
  check_refused(rig, magic, ErrorCode::BadSession, "do not begin like");
}

TEST_CASE("ids and vectors that no session has", "[saved]") {
  for (const KvType kv : {KvType::kF32, KvType::kF16}) {
    Rig rig(small_model(64, 16), {.context = 16, .kv_type = kv}); // heads of 4, padded to 8
    REQUIRE(rig.engine->evaluate({{1, 2, 3}}, nullptr, nullptr));
    const ByteVector saved = save(*rig.engine);
    const auto vocabulary = static_cast<TokenId>(rig.loaded->network.config.vocabulary);
    for (const TokenId id : {TokenId{-1}, vocabulary, std::numeric_limits<TokenId>::max()}) {
      ByteVector bytes = saved;
      std::memcpy(bytes.data() + 64 + 4, &id, 4);
      check_refused(rig, mended(bytes), ErrorCode::BadSession, "at position 1");
    }
    const std::size_t element = kv == KvType::kF16 ? 2 : 4, vectors = 64 + 12;
    const auto put_at = [&](std::size_t index, std::uint32_t bits) {
      ByteVector bytes = saved;
      const std::uint32_t low = kv == KvType::kF16 ? bits >> 16 : bits;
      std::memcpy(bytes.data() + vectors + index * element, &low, element);
      return mended(bytes);
    };
    // NaN and infinities in the first key, the last value and the middle; what is no zero in the padding.
    const std::uint32_t infinity = kv == KvType::kF16 ? 0x7c000000 : 0x7f800000,
                        nan = kv == KvType::kF16 ? 0xfe000000 : 0xffc00001;
    const std::size_t count = (saved.size() - 8 - vectors) / element;
    check_refused(rig, put_at(0, infinity), ErrorCode::BadSession,
                  "key of layer 0, head 0, token 0");
    check_refused(rig, put_at(3 * 8 + 2 * 8 + 1, nan), ErrorCode::BadSession,
                  "value of layer 0, head 0, token 2");
    check_refused(rig, put_at(count - 8, infinity | 0x80000000), ErrorCode::BadSession, "token 2");
    check_refused(rig, put_at(4, 0x3f800000), ErrorCode::BadSession, "padded with zeros");
    CHECK(restore_error(*rig.engine, put_at(0, 0x3f800000)).code() == ErrorCode::Ok); // a number
  }
}

TEST_CASE("another model's sessions are refused", "[saved]") {
  Rig rig(small_model());
  rig.loaded->network.fingerprint = 1; // which loading computes
  REQUIRE(rig.engine->evaluate({{1, 2, 3}}, nullptr, nullptr));
  const ByteVector saved = save(*rig.engine);
  rig.loaded->network.fingerprint = 2;
  check_refused(rig, saved, ErrorCode::BadSession, "another model");
}

TEST_CASE("after a failed restore the session is as good as new", "[saved]") {
  Rig rig(small_model());
  const auto expected = hashed(*rig.engine, kPrompt, wander(4, 10));
  ByteVector saved = save(*rig.engine);
  saved[saved.size() - 1] ^= 1; // all is in its place by then
  rig.reset();
  REQUIRE(rig.engine->evaluate({{9, 9, 9}}, nullptr, nullptr));
  check_refused(rig, saved, ErrorCode::BadSession, "checksum");
  CHECK(hashed(*rig.engine, kPrompt, wander(4, 10)) == expected);
}

TEST_CASE("whatever changes the context ends saving and restoring", "[saved]") {
  Rig rig(small_model());
  REQUIRE(rig.engine->start(kPrompt, wander(1, 9)));
  REQUIRE(rig.engine->next());
  const ByteVector saved = save(*rig.engine); // in the middle of a generation, which goes on
  const auto end = rig.engine->save_piece();
  CHECK((end && end->empty())); // again
  const auto rest = steps(*rig.engine);
  CHECK(rest.ids == generate(*rig.engine, kPrompt, wander(1, 9)).ids);

  const auto code = [](const auto& result) {
    return result ? ErrorCode::Ok : result.error().code();
  };
  const auto ends = [&](auto change) {
    rig.engine->save_begin();
    CHECK(rig.engine->save_piece());
    change();
    CHECK(code(rig.engine->save_piece()) == ErrorCode::InvalidState);
    REQUIRE(rig.engine->restore_begin(saved.size()));
    auto into = rig.engine->restore_wanted();
    std::copy_n(saved.begin(), into.size(), into.begin());
    CHECK(rig.engine->restore_accept());
    change();
    CHECK(rig.engine->restore_wanted().empty());
    CHECK(code(rig.engine->restore_accept()) == ErrorCode::InvalidState);
  };
  std::vector<float> vector(64);
  ends([&] { rig.engine->truncate(3); });
  ends([&] { CHECK(rig.engine->evaluate({{1}}, nullptr, nullptr)); });
  ends([&] { CHECK(rig.engine->start({{1}}, {})); });
  ends([&] { CHECK(rig.engine->embed({{1}}, {}, vector)); });
  REQUIRE(rig.engine->start(kPrompt, wander(1, 9)));
  rig.engine->save_begin();
  CHECK(rig.engine->next());
  CHECK(code(rig.engine->save_piece()) == ErrorCode::InvalidState);
  REQUIRE(rig.engine->restore_begin(saved.size()));
  rig.engine->save_begin(); // of the empty context
  CHECK(rig.engine->restore_wanted().empty());
}
