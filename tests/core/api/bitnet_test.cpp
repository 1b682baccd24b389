// The public handles: who owns what, in whichever order they go; what they answer; which errors they give.
#include "bitnet/bitnet.hpp"

#include "api_support.h"
#include "platform/threads.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

using namespace bitnet;
using namespace bitnet::test;

namespace {

const Ids kPrompt{5, 17, 130, 9};

template <class T> ErrorCode code_of(const T& result) {
  return result ? ErrorCode::Ok : result.error().code();
}

std::string text_of(const Model& model, const Ids& ids, bool render_special = false) {
  Text text;
  CHECK(model.detokenize(ids, render_special, text));
  return std::string(view(text));
}

Ids ids_of(const Model& model, std::string_view text, bool add_bos = false) {
  Vec<TokenId> ids;
  CHECK(model.tokenize(text, add_bos, ids));
  return {ids.begin(), ids.end()};
}

} // namespace

TEST_CASE("version and kernels have names", "[api]") {
  CHECK(std::string_view(version()).find('.') != std::string_view::npos);
  const auto isas = available_isas();
  CHECK_FALSE(isas.empty());
  CHECK(isas.back() == "scalar");
  CHECK(std::count(isas.begin(), isas.end(), "scalar") == 1);
  CHECK(available_isas().data() == isas.data());
}

TEST_CASE("what a model says of itself", "[api]") {
  const ByteVector file = small_file();
  const Model model = load_model(file);
  const ModelInfo& info = model.info();
  CHECK(info.name == "tiny");
  CHECK(info.architecture == "bitnet-b1.58");
  CHECK(info.isa == available_isas().front());
  CHECK(info.tokenizer == "llama-bpe");
  CHECK(info.tokenizer_guessed);
  CHECK(info.chat_template == "none");
  CHECK(info.weight_type == "I2_S");
  CHECK(info.file_bytes == file.size());
  CHECK(info.layers == 2);
  CHECK(info.hidden == 64);
  CHECK(info.ffn == 128);
  CHECK(info.heads == 4);
  CHECK(info.kv_heads == 2);
  CHECK(info.head_dim == 16);
  CHECK(info.context == 64);
  CHECK(info.ternary_parameters == 2 * 64 * (64 + 32 + 32 + 64 + 3 * 128));
  CHECK(info.parameters == info.ternary_parameters + 64 * info.vocabulary);
  CHECK(info.weight_bytes > info.parameters / 4);
  CHECK(info.weight_bytes < file.size() * 2);
  CHECK(text_of(model, {info.bos}, true) == "<|begin_of_text|>");
  CHECK(text_of(model, {info.eos}, true) == "<|end_of_text|>");
  CHECK(model.ends_generation(info.eos));
  CHECK_FALSE(model.ends_generation(info.bos));
  CHECK_FALSE(model.ends_generation(kNoToken));
  CHECK_FALSE(model.ends_generation(1 << 30));
  for (const std::string_view isa : available_isas())
    CHECK(load_model(file, {.isa = isa}).info().isa == isa);
}

TEST_CASE("the views of ModelInfo do not point into the file", "[api]") {
  auto file = std::make_unique<ByteVector>(small_file());
  auto source = std::make_unique<MemorySource>(*file);
  auto model = Model::load(*source);
  REQUIRE(model);
  std::fill(file->begin(), file->end(), std::uint8_t{0xee});
  file.reset();
  source.reset();
  CHECK(model->info().name == "tiny");
  CHECK(model->info().architecture == "bitnet-b1.58");
  CHECK(fingerprint(*model) == fingerprint(load_model(small_file())));
  CHECK(text_of(*model, ids_of(*model, "Hello the world")) == "Hello the world");
}

TEST_CASE("copies of a model are the same model", "[api]") {
  std::optional<Model> first = load_model(small_file());
  Model second = *first;
  const Model* const same = &*first;
  CHECK(&second.info() == &first->info());
  first = *same; // self-assignment
  first.reset();
  CHECK(second.info().name == "tiny");
  Model third = std::move(second);
  second = third; // over one that was moved from
  CHECK(second.info().layers == 2);
  Model other = load_model(small_file(2));
  const std::uint64_t hash = fingerprint(other);
  CHECK(hash != fingerprint(third));
  third = other; // lets go of what it held
  other = std::move(second);
  CHECK(fingerprint(third) == hash);
  CHECK(fingerprint(other) != hash);
  std::vector<Model> many(20, third);
  many.erase(many.begin(), many.begin() + 13);
  CHECK(fingerprint(many.front()) == hash);
}

TEST_CASE("a session keeps its model alive", "[api]") {
  Serial serial;
  std::optional<Model> model = load_model(small_file());
  Session expected_session = make_session(*model, serial);
  const Ids expected = greedy(expected_session, kPrompt, 10);

  std::optional<Session> session = make_session(*model, serial);
  Session other = make_session(*model, serial);
  model.reset();
  CHECK(greedy(*session, kPrompt, 10) == expected);
  Session moved = std::move(*session);
  session.reset();
  CHECK(moved.size() == kPrompt.size() + 9);
  CHECK(greedy(moved, kPrompt, 10) == expected);
  moved = std::move(other); // one that has seen nothing
  CHECK(moved.size() == 0);
  CHECK(greedy(moved, kPrompt, 10) == expected);
}

TEST_CASE("sessions of one model do not see each other", "[api]") {
  Serial serial;
  const Model model = load_model(small_file());
  Session a = make_session(model, serial), b = make_session(model, serial);
  const Ids other{44, 55, 66};
  const Ids alone = greedy(a, kPrompt, 8), other_alone = greedy(b, other, 8);
  GenerateOptions options;
  options.max_tokens = 8;
  options.ignore_end = true;
  CHECK(a.start(kPrompt, options));
  CHECK(b.start(other, options));
  Ids from_a, from_b;
  for (int i = 0; i < 9; ++i) { // turn and turn about
    const auto step_a = a.next(), step_b = b.next();
    REQUIRE((step_a && step_b));
    if (step_a->kind == Step::Kind::kToken)
      from_a.push_back(step_a->id);
    if (step_b->kind == Step::Kind::kToken)
      from_b.push_back(step_b->id);
  }
  CHECK(from_a == alone);
  CHECK(from_b == other_alone);
}

TEST_CASE("the same bits on every kernel, thread count and batch, through the public API",
          "[api]") {
  const ByteVector file = small_file();
  const Ids ids{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  std::vector<std::uint64_t> hashes;
  const auto sink = [](void* context, std::uint32_t,
                       std::span<const float> logits) noexcept -> Status {
    auto& hash = *static_cast<std::uint64_t*>(context);
    hash = hash_logits(logits, hash);
    return {};
  };
  for (const std::string_view isa : available_isas())
    for (const unsigned threads : {1U, 2U, 4U})
      for (const std::uint32_t batch : {1U, 4U, 64U}) {
        const Model model = load_model(file, {.isa = isa});
        const auto parallel = make_parallel(threads);
        REQUIRE(parallel);
        Session session = make_session(model, *parallel, {.batch = batch});
        std::uint64_t hash = kHashStart;
        CHECK(session.evaluate_all(ids, sink, &hash));
        CHECK(session.size() == ids.size());
        hashes.push_back(hash);
      }
  CHECK(std::all_of(hashes.begin(), hashes.end(),
                    [&](std::uint64_t hash) { return hash == hashes[0]; }));
}

TEST_CASE("float activations are near int8 ones, and another model", "[api]") {
  const ByteVector file = small_file();
  Serial serial;
  std::vector<std::vector<float>> logits;
  for (const bool floats : {false, true}) {
    Session session =
        make_session(load_model(file, {.isa = {}, .float_activations = floats}), serial);
    CHECK(session.evaluate(kPrompt));
    logits.emplace_back(session.logits().begin(), session.logits().end());
  }
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < logits[0].size(); ++i) {
    difference += std::pow(static_cast<double>(logits[0][i] - logits[1][i]), 2);
    size += std::pow(static_cast<double>(logits[1][i]), 2);
  }
  CHECK(difference > 0.0);
  CHECK(std::sqrt(difference / size) < 0.1);
}

TEST_CASE("hash_logits is FNV-1a of the bytes", "[api]") {
  CHECK(hash_logits({}) == kHashStart);
  const float values[] = {1.0F, -2.5F, 0.0F};
  std::uint64_t expected = kHashStart;
  for (const unsigned byte :
       {0x00U, 0x00U, 0x80U, 0x3fU, 0x00U, 0x00U, 0x20U, 0xc0U, 0x00U, 0x00U, 0x00U, 0x00U})
    expected = (expected ^ byte) * 1099511628211ULL;
  CHECK(hash_logits(values) == expected);
  CHECK(hash_logits(std::span(values).subspan(1), hash_logits(std::span(values).first(1))) ==
        expected);
  const float zero[] = {0.0F}, minus_zero[] = {-0.0F};
  CHECK(hash_logits(zero) != hash_logits(minus_zero));
}

TEST_CASE("session_bytes: known before, growing with what is asked", "[api]") {
  const Model model = load_model(small_file());
  const auto bytes = [&](const SessionOptions& options) {
    const auto result = model.session_bytes(options);
    CHECK(result);
    return result ? *result : 0;
  };
  // Two layers, keys and values, two heads of 16 floats at each of 32 more positions, and a score for each head.
  const auto longer = bytes({.context = 64, .batch = 8}),
             shorter = bytes({.context = 32, .batch = 8});
  CHECK(longer - shorter == 32 * (2 * 2 * 2 * 16 * 4) + 32 * 4 * 4);
  CHECK(longer - bytes({.context = 64, .kv_type = KvType::kF16, .batch = 8}) ==
        64 * (2 * 2 * 2 * 16 * 2));
  CHECK(bytes({.context = 64, .batch = 1}) < longer);
  CHECK(bytes({}) == bytes({.context = 64, .batch = 64}));
  CHECK(code_of(model.session_bytes({.context = 65})) == ErrorCode::InvalidArgument);
  CHECK(code_of(model.session_bytes({.batch = 513})) == ErrorCode::InvalidArgument);
}

TEST_CASE("session options are checked", "[api]") {
  Serial serial;
  const Model model = load_model(small_file());
  CHECK(code_of(Session::make(model, {.context = 65}, serial)) == ErrorCode::InvalidArgument);
  CHECK(code_of(Session::make(model, {.batch = 0}, serial)) == ErrorCode::InvalidArgument);
  CHECK(make_session(model, serial).capacity() == 64);
  CHECK(make_session(model, serial, {.context = 7}).capacity() == 7);
}

TEST_CASE("an unknown name of kernels is an error that repeats it", "[api]") {
  const ByteVector file = small_file();
  MemorySource source(file);
  const auto model = Model::load(source, {.isa = "avx9000"});
  CHECK(code_of(model) == ErrorCode::UnknownIsa);
  if (!model)
    CHECK(model.error().detail() == "avx9000");
  CHECK(code_of(ModelLoader::begin(file.size(), {.isa = "SCALAR"})) == ErrorCode::UnknownIsa);
}

TEST_CASE("text to ids and back", "[api]") {
  const Model model = load_model(small_file());
  for (const std::string text : {"", "Hello the world", " and 123\n\n", "\xc3\xa9\xe2\x82\xac",
                                 "\xff\x80 bytes", "<|eot_id|>"}) {
    const Ids ids = ids_of(model, text);
    INFO(text);
    CHECK(text_of(model, ids) == text);
    Ids with_bos = ids_of(model, text, true);
    CHECK(with_bos.front() == model.info().bos);
    with_bos.erase(with_bos.begin());
    CHECK(with_bos == ids);
    CHECK(std::none_of(ids.begin(), ids.end(),
                       [&](TokenId id) { return model.ends_generation(id); }));
  }
  CHECK(text_of(model, {model.info().bos, 'h', 'i', model.info().eos}) == "hi");
  CHECK(text_of(model, {model.info().bos, 'h', 'i', model.info().eos}, true) ==
        "<|begin_of_text|>hi<|end_of_text|>");

  // Appended to what is there.
  Vec<TokenId> ids;
  CHECK(model.tokenize("a", false, ids));
  CHECK(model.tokenize("b", false, ids));
  CHECK(Ids(ids.begin(), ids.end()) == Ids{'a', 'b'});

  Text text;
  const auto vocabulary = static_cast<TokenId>(model.info().vocabulary);
  for (const TokenId bad :
       {-1, vocabulary, std::numeric_limits<TokenId>::min(), std::numeric_limits<TokenId>::max()})
    CHECK(code_of(model.detokenize({{bad}}, false, text)) == ErrorCode::BadToken);
}

TEST_CASE("SPM: the leading space goes, behind control tokens too", "[api]") {
  TinyOptions options;
  options.architecture = "bitnet";
  options.hidden = 64;
  options.ffn = 128;
  const Model model = load_model(make_tiny_model(options));
  CHECK(model.info().tokenizer == "spm");
  for (const std::string text : {"Hello the world", " two", "\xc3\xa9\xe2\x82\xac"}) {
    CHECK(text_of(model, ids_of(model, text)) == text);
    CHECK(text_of(model, ids_of(model, text, true)) == text);
  }
}

TEST_CASE("ids beyond the tokens have no text", "[api]") {
  auto file = tiny_model({.layers = 1, .hidden = 64, .ffn = 128});
  auto& embedding = *file.find_tensor("token_embd.weight");
  const auto tokens = static_cast<TokenId>(embedding.shape[1]);
  embedding.shape[1] += 8;
  embedding.data.resize(embedding.data.size() + 8 * 64 * 2);
  const Model model = load_model(file.build());
  CHECK(model.info().vocabulary == static_cast<std::uint32_t>(tokens + 8));
  CHECK(text_of(model, {'a', tokens, tokens + 7, 'b'}, true) == "ab");
  Text text;
  CHECK(code_of(model.detokenize({{tokens + 8}}, false, text)) == ErrorCode::BadToken);
}

TEST_CASE("a tokenizer of more tokens than the embedding has rows is refused", "[api]") {
  auto file = tiny_model({.layers = 1, .hidden = 64, .ffn = 128});
  auto& embedding = *file.find_tensor("token_embd.weight");
  --embedding.shape[1];
  embedding.data.resize(embedding.data.size() - 64 * 2);
  const ByteVector bytes = file.build();
  MemorySource source(bytes);
  CHECK(code_of(Model::load(source)) == ErrorCode::Malformed);
}

TEST_CASE("chat needs a template that is built in", "[api]") {
  const ChatMessage messages[] = {{"user", "hi"}};
  const auto chat = [&](const char* chat_template, std::string_view name) {
    TinyOptions options;
    options.hidden = 64;
    options.ffn = 128;
    options.chat_template = chat_template;
    const Model model = load_model(make_tiny_model(options));
    CHECK(model.info().chat_template == name);
    Vec<TokenId> ids;
    const Status status = model.tokenize_chat(messages, true, ids);
    if (!status) {
      CHECK(ids.empty());
      return std::string(error_name(status.error().code()));
    }
    return text_of(model, Ids(ids.begin(), ids.end()), true);
  };
  CHECK(chat("", "none") == "UnsupportedTemplate");
  CHECK(chat("{{ something of one's own }}", "unknown") == "UnsupportedTemplate");
  CHECK(chat("... BITNETAssistant ...", "bitnet") ==
        "<|begin_of_text|>User: hi<|eot_id|>Assistant: ");
}

TEST_CASE("embeddings: what is pooled, whatever the kernels, threads and batch", "[api]") {
  const ByteVector file = small_file();
  const Model model = load_model(file);
  const auto pool = make_parallel(3);
  const auto embedded = [&](const Model& of, Parallel& parallel, std::uint32_t batch,
                            const Ids& ids, Pooling pooling, bool normalize) {
    Session session = make_session(of, parallel, {.batch = batch});
    CHECK(session.evaluate(kPrompt)); // whatever was there before
    std::vector<float> vector(model.info().hidden);
    CHECK(session.embed(ids, {.pooling = pooling, .normalize = normalize}, vector));
    CHECK(session.size() == ids.size());
    CHECK(session.logits().empty());
    return vector;
  };
  Serial serial;
  const auto last = embedded(model, serial, 64, kPrompt, Pooling::kLast, false);
  const auto mean = embedded(model, serial, 64, kPrompt, Pooling::kMean, false);
  // A causal model: what is new in the sum over n positions is the last one.
  const Ids shorter(kPrompt.begin(), kPrompt.end() - 1);
  const auto before = embedded(model, serial, 64, shorter, Pooling::kMean, false);
  for (std::size_t d = 0; d < last.size(); ++d)
    CHECK(std::abs(mean[d] * 4 - before[d] * 3 - last[d]) < 1e-4F * (1 + std::abs(last[d])));
  double squares = 0;
  for (const float value : embedded(model, serial, 64, kPrompt, Pooling::kMean, true))
    squares += static_cast<double>(value) * static_cast<double>(value);
  CHECK(std::abs(squares - 1) < 1e-6);
  for (const std::string_view isa : available_isas())
    for (Parallel* parallel : std::initializer_list<Parallel*>{&serial, pool.get()})
      for (const std::uint32_t batch : {1U, 3U, 64U}) {
        const Model same = load_model(file, {.isa = isa});
        CHECK(embedded(same, *parallel, batch, kPrompt, Pooling::kLast, false) == last);
        CHECK(embedded(same, *parallel, batch, kPrompt, Pooling::kMean, false) == mean);
      }

  // Another context's generation goes on from it.
  Session session = make_session(model, serial);
  std::vector<float> vector(model.info().hidden);
  CHECK(session.embed(kPrompt, {}, vector));
  Session other = make_session(model, serial);
  CHECK(greedy(session, kPrompt, 5) == greedy(other, kPrompt, 5));

  CHECK(code_of(session.embed({}, {}, vector)) == ErrorCode::EmptyPrompt);
  CHECK(code_of(session.embed(Ids(65, 1), {}, vector)) == ErrorCode::ContextFull);
  CHECK(code_of(session.embed(Ids{-1}, {}, vector)) == ErrorCode::BadToken);
  // Asked before each batch, and ended where the answer is no.
  int asked = 0;
  Session small = make_session(model, serial, {.batch = 1});
  CHECK(code_of(small.embed(
            kPrompt,
            {.go_on = [](void* count) noexcept { return ++*static_cast<int*>(count) < 3; },
             .context = &asked},
            vector)) == ErrorCode::Aborted);
  CHECK(asked == 3);
  CHECK(small.size() == 2);
  vector.pop_back();
  CHECK(code_of(session.embed(kPrompt, {}, vector)) == ErrorCode::InvalidArgument);
}

TEST_CASE("a fingerprint tells models apart, and not what does not matter", "[api]") {
  // A session goes back only into a model of the same fingerprint, and that is how it is seen from outside.
  Serial serial;
  const auto saved_by = [&](const Model& model) {
    Session session = make_session(model, serial);
    CHECK(session.evaluate({{1, 2, 3}}));
    ByteVector bytes;
    CHECK(session.save(
        [](void* to, Bytes piece) noexcept -> Status {
          auto& all = *static_cast<ByteVector*>(to);
          all.insert(all.end(), piece.begin(), piece.end());
          return {};
        },
        &bytes));
    return bytes;
  };
  TinyOptions tiny;
  tiny.hidden = 64;
  tiny.ffn = 128;
  tiny.context = 64;
  const Model model = load_model(make_tiny_model(tiny));
  const ByteVector saved = saved_by(model);
  const auto fits = [&](const Model& other) {
    Session session = make_session(other, serial);
    MemorySource source(saved);
    const Status status = session.restore(source);
    CHECK((status || code_of(status) == ErrorCode::BadSession));
    CHECK(session.size() == (status ? 3 : 0));
    return static_cast<bool>(status);
  };
  CHECK(fits(model));
  for (const std::string_view isa : available_isas())
    CHECK(fits(load_model(make_tiny_model(tiny), {.isa = isa})));
  CHECK(fits(load_model(make_tiny_model(tiny), {.isa = {}, .head = HeadType::kInt4})));
  auto other = tiny_model(tiny);
  other.set("general.name", "another name");
  CHECK(fits(load_model(other.build())));

  CHECK_FALSE(fits(load_model(make_tiny_model(tiny), {.isa = {}, .float_activations = true})));
  TinyOptions seed = tiny;
  seed.seed = 2;
  CHECK_FALSE(fits(load_model(make_tiny_model(seed))));
  other = tiny_model(tiny);
  other.tensors.back().data[0] ^= 1; // one weight
  CHECK_FALSE(fits(load_model(other.build())));
  other = tiny_model(tiny);
  other.set("bitnet-b1.58.rope.freq_base", 20000.0F);
  CHECK_FALSE(fits(load_model(other.build())));
  TinyOptions pre = tiny;
  pre.vocabulary = 400; // more ids
  CHECK_FALSE(fits(load_model(make_tiny_model(pre))));
}

TEST_CASE("save, restore and fork through the public API", "[api]") {
  Serial serial;
  const Model model = load_model(small_file());
  Session session = make_session(model, serial);
  const Ids prompt{5, 17, 130, 9, 255};
  const Ids expected = greedy(session, prompt, 8);
  CHECK(session.size() == 12);
  CHECK(std::equal(prompt.begin(), prompt.end(), session.tokens().begin()));
  Session fork = make_session(model, serial);
  {
    auto made = session.fork();
    REQUIRE(made);
    fork = std::move(*made);
  }
  CHECK(fork.tokens().size() == 12);
  session.truncate(0);
  CHECK(greedy(fork, prompt, 8) == expected);

  // Sinks and sources that fail.
  struct Sink {
    std::size_t pieces = 0, fail_at = 0;
  };
  for (std::size_t fail_at = 1; fail_at < 12; ++fail_at) {
    Sink sink{0, fail_at};
    const Status status = fork.save(
        [](void* context, Bytes) noexcept -> Status {
          auto& s = *static_cast<Sink*>(context);
          return ++s.pieces == s.fail_at ? Status(Error(ErrorCode::Aborted)) : Status();
        },
        &sink);
    // Two layers of two KV heads: header, ids, eight vectors, checksum.
    CHECK((status ? ErrorCode::Ok : status.error().code()) ==
          (fail_at <= 11 ? ErrorCode::Aborted : ErrorCode::Ok));
    CHECK(sink.pieces == fail_at);
  }
  class Failing final : public Source {
  public:
    std::uint64_t size() const noexcept override { return 5000; }
    Status read(std::uint64_t, MutableBytes) noexcept override { return Error(ErrorCode::Io); }
  } failing;
  CHECK(code_of(fork.restore(failing)) == ErrorCode::Io);
  CHECK(fork.size() == 0);
  CHECK(fork.restore_wanted().empty());
  CHECK(greedy(fork, prompt, 8) == expected);
}

TEST_CASE("sessions on several threads at once, sharing one pool", "[api]") {
  const auto pool = make_parallel(3);
  REQUIRE(pool);
  Serial serial;
  const Model model = load_model(small_file());
  Session alone = make_session(model, serial);
  const Ids prompts[] = {{5, 17, 130}, {9, 255}, {1, 2, 3, 4, 5, 6}, {77}};
  std::array<Ids, 4> expected, found;
  for (std::size_t i = 0; i < 4; ++i)
    expected[i] = greedy(alone, prompts[i], 30);
  std::vector<Session> sessions;
  for (std::size_t i = 0; i < 4; ++i)
    sessions.push_back(make_session(model, *pool));
  // From inside the pool's own tasks, which is as much at once as there is.
  pool->each(4, [&](std::size_t i) { found[i] = greedy_quietly(sessions[i], prompts[i], 30); });
  CHECK(found == expected);
}

TEST_CASE("errors of a session come through", "[api]") {
  Serial serial;
  const Model model = load_model(small_file());
  Session session = make_session(model, serial, {.context = 8});
  CHECK(code_of(session.next()) == ErrorCode::InvalidState);
  CHECK(session.logits().empty());
  CHECK(code_of(session.start({}, {})) == ErrorCode::EmptyPrompt);
  CHECK(code_of(session.start(Ids(8, 1), {})) == ErrorCode::ContextFull);
  CHECK(code_of(session.start({{100'000}}, {})) == ErrorCode::BadToken);
  GenerateOptions options;
  options.sampler.top_p = 2.0F;
  CHECK(code_of(session.start({{1}}, options)) == ErrorCode::InvalidArgument);
  CHECK(code_of(session.evaluate(Ids(9, 1))) == ErrorCode::ContextFull);
  CHECK(code_of(session.evaluate(Ids(8, 1))) == ErrorCode::Ok);
  CHECK(session.size() == 8);
  CHECK(session.logits().size() == model.info().vocabulary);
  session.truncate(3);
  CHECK(session.size() == 3);
  CHECK(session.logits().empty());
}
