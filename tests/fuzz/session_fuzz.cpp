// Any bytes as a saved session, and calls in any order around it; through the public API only. Whatever happens must be an
// error value or a session that works.
//
// The first byte chooses the KV type, whether the rest are the saved bytes or changes to true ones (three bytes each: where,
// in two, and what), whether the checksums are set right again so that what they hide is reached, and what is called
// between two pieces; the second between which.
#include "base/checksum.h"
#include "bitnet/bitnet.hpp"
#include "engine/saved.h"
#include "support/tiny_gguf.h"

#include <algorithm>

using namespace bitnet;

namespace {

void require(bool promise) {
  if (!promise)
    __builtin_trap();
}

const Model& model() {
  static const Model loaded = [] {
    test::TinyOptions options;
    options.hidden = 64;
    options.ffn = 96;
    options.context = 32;
    const test::ByteVector file = test::make_tiny_model(options);
    MemorySource source(file);
    auto made = Model::load(source);
    require(static_cast<bool>(made));
    return std::move(*made);
  }();
  return loaded;
}

Session make_session(KvType kv) {
  static Serial serial;
  auto session = Session::make(model(), {.context = 12, .kv_type = kv, .batch = 4}, serial);
  require(static_cast<bool>(session));
  return std::move(*session);
}

void mend(test::ByteVector& bytes) {
  if (bytes.size() < sizeof(SavedHeader) + 8)
    return;
  const auto put = [&](std::size_t at) {
    Checksum sum;
    sum.add(Bytes(bytes).first(at));
    const std::uint64_t value = sum.value();
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  put(offsetof(SavedHeader, checksum));
  put(bytes.size() - 8);
}

/// Two tokens after whatever the session holds.
void use(Session& session) {
  Vec<TokenId> prompt;
  require(static_cast<bool>(prompt.append(session.tokens())));
  if (prompt.size() + 1 >= session.capacity())
    prompt.truncate(session.capacity() - 2);
  require(static_cast<bool>(prompt.push(65)));
  GenerateOptions options;
  options.max_tokens = 2;
  options.ignore_end = true;
  require(static_cast<bool>(session.start(prompt.span(), options)));
  for (;;) {
    const auto step = session.next();
    require(static_cast<bool>(step));
    if (step->kind == Step::Kind::kEnd)
      return;
  }
}

/// Something in the middle; a session must bear it.
void meddle(Session& session, unsigned what) {
  switch (what % 8) {
  case 0: session.truncate(1); break;
  case 1: (void)static_cast<bool>(session.evaluate({{3}})); break;
  case 2: (void)session.save_begin(); break;
  case 3: (void)static_cast<bool>(session.next()); break;
  case 4: (void)static_cast<bool>(session.restore_accept()); break;
  case 5: (void)static_cast<bool>(session.fork()); break;
  default: break;
  }
}

test::ByteVector save(Session& session) {
  test::ByteVector bytes;
  const Status saved = session.save(
      [](void* to, Bytes piece) noexcept -> Status {
        auto& all = *static_cast<test::ByteVector*>(to);
        all.insert(all.end(), piece.begin(), piece.end());
        return {};
      },
      &bytes);
  require(static_cast<bool>(saved));
  return bytes;
}

/// The bytes of a session of three tokens, with changes; one beyond their end cuts them there.
test::ByteVector changed(KvType kv, Bytes changes) {
  Session session = make_session(kv);
  require(static_cast<bool>(session.evaluate({{1, 2, 3}})));
  test::ByteVector bytes = save(session);
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    const std::size_t at = changes[0] + 256U * changes[1];
    if (at < bytes.size())
      bytes[at] = changes[2];
    else
      bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), changes[2]));
  }
  return bytes;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  const KvType kv = (data[0] & 1U) != 0 ? KvType::kF16 : KvType::kF32;
  test::ByteVector bytes(data + 2, data + size);
  if ((data[0] & 4U) != 0)
    bytes = changed(kv, bytes);
  if ((data[0] & 2U) != 0)
    mend(bytes);

  Session session = make_session(kv);
  MemorySource source(bytes);
  const Status restored = session.restore(source);
  if (restored) {
    require(save(session) == bytes); // what goes in comes out
  } else {
    const ErrorCode code = restored.error().code();
    require(code == ErrorCode::BadSession || code == ErrorCode::ContextFull ||
            code == ErrorCode::Truncated);
    require(!restored.error().detail().empty() && session.size() == 0);
  }
  use(session);

  // Piece by piece, with calls in between.
  Session other = make_session(kv);
  if (!other.restore_begin(bytes.size()))
    return 0;
  for (std::size_t at = 0, calls = data[1];; calls >>= 1) {
    const MutableBytes into = other.restore_wanted();
    if (into.empty() || into.size() > bytes.size() - at)
      break;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
    at += into.size();
    if ((calls & 1U) != 0)
      meddle(other, data[0] >> 3U);
    if (!other.restore_accept())
      break;
  }
  use(other);
  return 0;
}
