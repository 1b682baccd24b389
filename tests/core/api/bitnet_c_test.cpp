// The C functions: the same answers as the C++ ones, and no argument that a caller can give by mistake does harm.
#include "bitnet/bitnet.h"

#include "api_support.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <set>

using namespace bitnet;
using namespace bitnet::test;

#ifdef BITNET_TEST_C
extern "C" int bitnet_generate_from_c(const void* bytes, std::size_t size,
                                      const std::int32_t* prompt, std::size_t prompt_count,
                                      std::int32_t* ids, std::size_t most, std::uint64_t* hash);
#endif

namespace {

struct FreeModel {
  void operator()(bitnet_model* model) const { bitnet_model_free(model); }
};
struct FreeSession {
  void operator()(bitnet_session* session) const { bitnet_session_free(session); }
};
using ModelHandle = std::unique_ptr<bitnet_model, FreeModel>;
using SessionHandle = std::unique_ptr<bitnet_session, FreeSession>;

ModelHandle load_c(const ByteVector& file) {
  bitnet_model* model = nullptr;
  REQUIRE(bitnet_model_load_memory(file.data(), file.size(), nullptr, &model) == BITNET_Ok);
  return ModelHandle(model);
}

SessionHandle session_c(const ModelHandle& model, const bitnet_parallel* parallel = nullptr) {
  bitnet_session* session = nullptr;
  REQUIRE(bitnet_session_make(model.get(), nullptr, parallel, &session) == BITNET_Ok);
  return SessionHandle(session);
}

std::string last_error() {
  std::string text(bitnet_last_error(nullptr, 0), '\0');
  CHECK(bitnet_last_error(text.data(), text.size() + 1) == text.size());
  return text;
}

std::string text_of(const bitnet_text& text) { return {text.data, text.size}; }

const Ids kPrompt{5, 17, 130, 9, 255};

/// Ids and logits' fingerprint through the C functions.
Ids greedy_c(bitnet_session* session, std::uint32_t most, std::uint64_t& hash) {
  bitnet_generate_options options;
  bitnet_generate_options_init(&options, sizeof options);
  options.max_tokens = most;
  options.ignore_end = 1;
  REQUIRE(bitnet_session_start(session, kPrompt.data(), kPrompt.size(), &options) == BITNET_Ok);
  Ids ids;
  hash = BITNET_HASH_START;
  bitnet_step step{};
  step.struct_size = sizeof step;
  do {
    REQUIRE(bitnet_session_next(session, &step) == BITNET_Ok);
    if (step.kind != BITNET_STEP_TOKEN)
      continue;
    ids.push_back(step.id);
    const float* logits = nullptr;
    std::size_t count = 0;
    REQUIRE(bitnet_session_logits(session, &logits, &count) == BITNET_Ok);
    hash = bitnet_hash_logits(logits, count, hash);
  } while (step.kind != BITNET_STEP_END);
  CHECK(step.finish == BITNET_FINISH_LENGTH);
  return ids;
}

/// The same through the C++ ones.
Ids greedy_cpp(const ByteVector& file, std::uint32_t most, std::uint64_t& hash) {
  Serial serial;
  const Model model = load_model(file);
  Session session = make_session(model, serial);
  GenerateOptions options;
  options.max_tokens = most;
  options.ignore_end = true;
  REQUIRE(session.start(kPrompt, options));
  Ids ids;
  hash = kHashStart;
  for (;;) {
    const auto step = session.next();
    REQUIRE(step);
    if (step->kind == Step::Kind::kEnd)
      return ids;
    if (step->kind == Step::Kind::kToken) {
      ids.push_back(step->id);
      hash = hash_logits(session.logits(), hash);
    }
  }
}

} // namespace

TEST_CASE("C: the same ids and logits as from C++") {
  const ByteVector file = small_file();
  std::uint64_t expected = 0, hash = 0;
  const Ids ids = greedy_cpp(file, 12, expected);

  const ModelHandle model = load_c(file);
  const SessionHandle session = session_c(model);
  CHECK(greedy_c(session.get(), 12, hash) == ids);
  CHECK(hash == expected);
  CHECK(bitnet_session_size(session.get()) >= kPrompt.size() + 11);
  CHECK(bitnet_session_capacity(session.get()) == 64);
  CHECK(bitnet_session_truncate(session.get(), 2) == BITNET_Ok);
  CHECK(bitnet_session_size(session.get()) == 2);
  CHECK(greedy_c(session.get(), 12, hash) == ids);

#ifdef BITNET_TEST_C
  Ids from_c(12);
  hash = 0;
  CHECK(bitnet_generate_from_c(file.data(), file.size(), kPrompt.data(), kPrompt.size(),
                               from_c.data(), from_c.size(), &hash) == BITNET_Ok);
  CHECK(from_c == ids);
  CHECK(hash == expected);
#endif
}

TEST_CASE("C: a session lives on when its model is freed") {
  ModelHandle model = load_c(small_file());
  const SessionHandle session = session_c(model);
  model.reset();
  std::uint64_t hash = 0;
  CHECK(greedy_c(session.get(), 4, hash).size() == 4);
}

TEST_CASE("C: log-probabilities, shifts, forks, saving and restoring") {
  const ModelHandle model = load_c(small_file());
  SessionHandle session = session_c(model);
  bitnet_generate_options options;
  bitnet_generate_options_init(&options, sizeof options);
  options.max_tokens = 100; // the context holds 64
  options.ignore_end = 1;
  options.logprobs = 1;
  options.top_logprobs = 3;
  options.context_policy = BITNET_CONTEXT_SHIFT;
  options.keep = 2;
  REQUIRE(bitnet_session_start(session.get(), kPrompt.data(), kPrompt.size(), &options) == 0);
  bitnet_step step{};
  step.struct_size = sizeof step;
  std::size_t tokens = 0, shifts = 0;
  do {
    REQUIRE(bitnet_session_next(session.get(), &step) == 0);
    shifts += tokens > 0 && step.kind == BITNET_STEP_PREFILL ? 1 : 0;
    if (step.kind != BITNET_STEP_TOKEN)
      continue;
    ++tokens;
    REQUIRE(step.top_logprob_count == 3);
    CHECK(step.top_logprobs[0].id == step.id); // greedy
    CHECK(step.top_logprobs[0].logprob == step.logprob);
    CHECK((step.logprob <= 0 && step.top_logprobs[2].logprob <= step.top_logprobs[1].logprob));
  } while (step.kind != BITNET_STEP_END);
  CHECK((tokens == 100 && shifts > 0));

  const std::int32_t* ids = nullptr;
  std::size_t count = 0;
  REQUIRE(bitnet_session_tokens(session.get(), &ids, &count) == 0);
  CHECK(count == bitnet_session_size(session.get()));
  CHECK((ids[0] == kPrompt[0] && ids[1] == kPrompt[1])); // kept
  const Ids held(ids, ids + count);

  std::uint64_t size = 0;
  REQUIRE(bitnet_session_save_begin(session.get(), &size) == 0);
  ByteVector saved;
  for (;;) {
    const void* bytes = nullptr;
    std::size_t piece = 0;
    REQUIRE(bitnet_session_save_piece(session.get(), &bytes, &piece) == 0);
    if (piece == 0)
      break;
    const auto* from = static_cast<const std::uint8_t*>(bytes);
    saved.insert(saved.end(), from, from + piece);
  }
  CHECK(saved.size() == size);

  bitnet_session* fork = nullptr;
  REQUIRE(bitnet_session_fork(session.get(), nullptr, &fork) == 0);
  const SessionHandle forked(fork);
  const SessionHandle restored = session_c(model);
  REQUIRE(bitnet_session_restore_begin(restored.get(), size) == 0);
  std::size_t at = 0;
  for (;;) {
    void* into = nullptr;
    std::size_t piece = 0;
    REQUIRE(bitnet_session_restore_wanted(restored.get(), &into, &piece) == 0);
    if (piece == 0)
      break;
    REQUIRE(piece <= saved.size() - at);
    std::memcpy(into, saved.data() + at, piece);
    at += piece;
    REQUIRE(bitnet_session_restore_accept(restored.get()) == 0);
  }
  session.reset(); // neither needs it
  for (const SessionHandle* other : {&forked, &restored}) {
    REQUIRE(bitnet_session_tokens(other->get(), &ids, &count) == 0);
    CHECK(Ids(ids, ids + count) == held);
    std::uint64_t hash = 0, expected = 0;
    greedy_c(other->get(), 5, hash);
    greedy_c(session_c(model).get(), 5, expected);
    CHECK(hash == expected);
  }
  CHECK(bitnet_session_restore_accept(restored.get()) == BITNET_InvalidState);
  CHECK(bitnet_session_save_piece(restored.get(), reinterpret_cast<const void**>(&ids), &count) ==
        BITNET_InvalidState);
  CHECK(bitnet_session_restore_begin(restored.get(), 3) == BITNET_BadSession);
  options.keep = 64;
  CHECK(bitnet_session_start(restored.get(), kPrompt.data(), kPrompt.size(), &options) ==
        BITNET_InvalidArgument);
  options.keep = 0;
  options.context_policy = 3;
  CHECK(bitnet_session_start(restored.get(), kPrompt.data(), kPrompt.size(), &options) ==
        BITNET_InvalidArgument);
  options.struct_size = offsetof(bitnet_generate_options, logprobs); // of an older header
  CHECK(bitnet_session_start(restored.get(), kPrompt.data(), kPrompt.size(), &options) == 0);

  std::size_t bytes = 0;
  const void* from = nullptr;
  void* into = nullptr;
  CHECK(bitnet_session_tokens(nullptr, &ids, &count) == BITNET_InvalidArgument);
  CHECK(bitnet_session_fork(nullptr, nullptr, &fork) == BITNET_InvalidArgument);
  CHECK(fork == nullptr);
  CHECK(bitnet_session_fork(restored.get(), nullptr, nullptr) == BITNET_InvalidArgument);
  CHECK(bitnet_session_save_begin(nullptr, &size) == BITNET_InvalidArgument);
  CHECK(bitnet_session_save_piece(nullptr, &from, &bytes) == BITNET_InvalidArgument);
  CHECK(bitnet_session_restore_begin(nullptr, 100) == BITNET_InvalidArgument);
  CHECK(bitnet_session_restore_wanted(nullptr, &into, &bytes) == BITNET_InvalidArgument);
  CHECK(bitnet_session_restore_accept(nullptr) == BITNET_InvalidArgument);
}

TEST_CASE("C: embeddings") {
  const ByteVector file = small_file();
  const ModelHandle model = load_c(file);
  const SessionHandle session = session_c(model);
  const Model cpp = load_model(file);
  Serial serial;
  Session same = make_session(cpp, serial);
  std::vector<float> vector(64), expected(64);
  for (const auto& [pooling, number] :
       {std::pair{Pooling::kLast, BITNET_POOLING_LAST}, {Pooling::kMean, BITNET_POOLING_MEAN}}) {
    REQUIRE(same.embed(kPrompt, {.pooling = pooling}, expected));
    const auto pool = static_cast<std::uint32_t>(number);
    CHECK(bitnet_session_embed(session.get(), kPrompt.data(), kPrompt.size(), pool, 1,
                               vector.data(), 64) == BITNET_Ok);
    CHECK(vector == expected);
  }
  for (const std::size_t length : {0U, 63U, 65U})
    CHECK(bitnet_session_embed(session.get(), kPrompt.data(), kPrompt.size(), 0, 1, vector.data(),
                               length) == BITNET_InvalidArgument);
  CHECK(bitnet_session_embed(session.get(), kPrompt.data(), kPrompt.size(), 2, 1, vector.data(),
                             64) == BITNET_InvalidArgument);
  CHECK(bitnet_session_embed(session.get(), nullptr, 0, 0, 1, vector.data(), 64) ==
        BITNET_EmptyPrompt);
  CHECK(bitnet_session_embed(nullptr, kPrompt.data(), kPrompt.size(), 0, 1, vector.data(), 64) ==
        BITNET_InvalidArgument);
}

TEST_CASE("C: threads of the caller's") {
  struct Counter {
    std::size_t runs = 0;
    static void run(void* context, std::size_t count, void (*task)(void*, std::size_t),
                    void* task_context) {
      ++static_cast<Counter*>(context)->runs;
      for (std::size_t i = count; i-- > 0;) // in any order
        task(task_context, i);
    }
  } counter;
  const bitnet_parallel parallel{sizeof parallel, 3, &counter, Counter::run};
  const ByteVector file = small_file();
  const ModelHandle model = load_c(file);
  const SessionHandle session = session_c(model, &parallel);
  std::uint64_t expected = 0, hash = 0;
  CHECK(greedy_c(session.get(), 5, hash) == greedy_cpp(file, 5, expected));
  CHECK(hash == expected);
  CHECK(counter.runs > 0);

  bitnet_session* none = nullptr;
  for (const bitnet_parallel bad :
       {bitnet_parallel{sizeof(bitnet_parallel), 0, nullptr, Counter::run},
        bitnet_parallel{sizeof(bitnet_parallel), 1, nullptr, nullptr},
        bitnet_parallel{4, 1, nullptr, Counter::run}}) {
    CHECK(bitnet_session_make(model.get(), nullptr, &bad, &none) == BITNET_InvalidArgument);
    CHECK(none == nullptr);
  }
}

TEST_CASE("C: loading by ranges and by a read of the caller's, and its errors") {
  const ByteVector file = small_file();
  bitnet_loader* loader = nullptr;
  REQUIRE(bitnet_loader_begin(file.size(), nullptr, &loader) == BITNET_Ok);
  std::uint64_t offset = 0, end = 0;
  void* into = nullptr;
  std::size_t size = 0;
  for (;;) {
    REQUIRE(bitnet_loader_wanted(loader, &offset, &into, &size) == BITNET_Ok);
    if (size == 0)
      break;
    REQUIRE((offset >= end && offset <= file.size() && size <= file.size() - offset));
    end = offset + size;
    std::memcpy(into, file.data() + offset, size);
    REQUIRE(bitnet_loader_accept(loader) == BITNET_Ok);
  }
  bitnet_model* model = nullptr;
  REQUIRE(bitnet_loader_finish(loader, &model) == BITNET_Ok);
  const ModelHandle by_ranges(model);
  CHECK(bitnet_loader_finish(loader, &model) != BITNET_Ok);
  CHECK(model == nullptr);
  bitnet_loader_free(loader);

  struct Reader {
    const ByteVector& file;
    int answer;
    static int read(void* context, std::uint64_t at, void* to, std::size_t bytes) {
      const Reader& reader = *static_cast<Reader*>(context);
      if (reader.answer != 0)
        return reader.answer;
      std::memcpy(to, reader.file.data() + at, bytes);
      return 0;
    }
  };
  Reader reader{file, 0};
  REQUIRE(bitnet_model_load(Reader::read, &reader, file.size(), nullptr, &model) == BITNET_Ok);
  const ModelHandle by_read(model);
  for (const auto& [answer, status] : {std::pair{5, 5}, {6, 6}, {-1, 4}, {7, 4}, {1000, 4}}) {
    reader.answer = answer;
    CHECK(bitnet_model_load(Reader::read, &reader, file.size(), nullptr, &model) == status);
    CHECK(model == nullptr);
  }
  CHECK(last_error().find("the caller's read at byte 0") != std::string::npos);

  std::uint64_t first = 0, second = 0, third = 0;
  greedy_c(session_c(by_ranges).get(), 3, first);
  greedy_c(session_c(by_read).get(), 3, second);
  greedy_c(session_c(load_c(file)).get(), 3, third);
  CHECK((first == second && second == third));
}

TEST_CASE("C: text to ids and back, in buffers of any size") {
  const ByteVector file = small_file();
  const ModelHandle model = load_c(file);
  const Model cpp = load_model(file);
  const std::string text = "hello world";
  Vec<TokenId> expected;
  REQUIRE(cpp.tokenize(text, true, expected));
  REQUIRE(expected.size() > 1);

  std::size_t count = 0;
  CHECK(bitnet_model_tokenize(model.get(), text.data(), text.size(), 1, nullptr, 0, &count) ==
        BITNET_Ok);
  CHECK(count == expected.size());
  Ids ids(count + 1, -7);
  CHECK(bitnet_model_tokenize(model.get(), text.data(), text.size(), 1, ids.data(), count - 1,
                              &count) == BITNET_Ok);
  CHECK(count == expected.size());
  CHECK(ids[0] == -7); // too small: nothing is written
  CHECK(bitnet_model_tokenize(model.get(), text.data(), text.size(), 1, ids.data(), count,
                              &count) == BITNET_Ok);
  CHECK(std::equal(expected.begin(), expected.end(), ids.begin()));
  CHECK(ids[count] == -7);

  Text back;
  REQUIRE(cpp.detokenize(expected.span(), false, back));
  std::size_t size = 0;
  std::string out(back.size() + 1, '#');
  CHECK(bitnet_model_detokenize(model.get(), ids.data(), count, 0, out.data(), 1, &size) ==
        BITNET_Ok);
  CHECK((size == back.size() && out[0] == '#'));
  CHECK(bitnet_model_detokenize(model.get(), ids.data(), count, 0, out.data(), out.size(), &size) ==
        BITNET_Ok);
  CHECK(out == std::string(view(back)) + "#");

  Vec<TokenId> written_out;
  REQUIRE(cpp.tokenize_framed(text, true, written_out));
  CHECK(bitnet_model_tokenize_framed(model.get(), text.data(), text.size(), 1, ids.data(),
                                     ids.size(), &count) == BITNET_Ok);
  CHECK(std::equal(written_out.begin(), written_out.end(), ids.begin(),
                   ids.begin() + static_cast<std::ptrdiff_t>(count)));

  const std::int32_t outside = 1 << 30;
  CHECK(bitnet_model_detokenize(model.get(), &outside, 1, 0, out.data(), out.size(), &size) ==
        BITNET_BadToken);
  CHECK(bitnet_model_tokenize(model.get(), nullptr, 0, 0, nullptr, 0, &count) == BITNET_Ok);
  CHECK(count == 0);

  const std::string user = "user";
  const bitnet_message message{{user.data(), user.size()}, {text.data(), text.size()}};
  Vec<TokenId> framed;
  const ChatMessage same{"user", text};
  const Status status = cpp.tokenize_chat({&same, 1}, true, framed);
  const int code = bitnet_model_tokenize_chat(model.get(), &message, 1, 1, nullptr, 0, &count);
  CHECK(code == (status ? 0 : static_cast<int>(status.error().code())));
  for (TokenId id = -1; id < 300; ++id)
    CHECK((bitnet_model_ends_generation(model.get(), id) == 1) == cpp.ends_generation(id));
}

TEST_CASE("C: defaults are the library's") {
  bitnet_generate_options generate;
  bitnet_generate_options_init(&generate, sizeof generate);
  const GenerateOptions expected;
  CHECK(generate.struct_size == sizeof generate);
  CHECK(generate.max_tokens == expected.max_tokens);
  CHECK(generate.ignore_end == 0);
  CHECK(generate.temperature == expected.sampler.temperature);
  CHECK(generate.top_k == expected.sampler.top_k);
  CHECK(generate.top_p == expected.sampler.top_p);
  CHECK(generate.min_p == expected.sampler.min_p);
  CHECK(generate.repetition_penalty == expected.sampler.repetition_penalty);
  CHECK(generate.presence_penalty == expected.sampler.presence_penalty);
  CHECK(generate.frequency_penalty == expected.sampler.frequency_penalty);
  CHECK(generate.repetition_window == expected.sampler.repetition_window);
  CHECK((generate.stop == nullptr && generate.stop_count == 0));
  CHECK((generate.logprobs == 0 && generate.top_logprobs == expected.top_logprobs));
  CHECK((generate.context_policy == BITNET_CONTEXT_STOP && generate.keep == expected.keep));
  CHECK((generate.draft == expected.draft && generate.reserved == 0));

  bitnet_session_options session;
  bitnet_session_options_init(&session, sizeof session);
  CHECK(session.context == SessionOptions{}.context);
  CHECK(session.kv_type == BITNET_KV_F32);
  CHECK(session.batch == SessionOptions{}.batch);
  bitnet_load_options load;
  bitnet_load_options_init(&load, sizeof load);
  CHECK((load.float_activations == 0 && load.isa.size == 0 && load.head == BITNET_HEAD_FILE));

  // A struct of an older header: not a byte beyond its end is touched.
  std::array<unsigned char, sizeof generate> bytes;
  bytes.fill(0xAB);
  bitnet_generate_options* older = reinterpret_cast<bitnet_generate_options*>(bytes.data());
  bitnet_generate_options_init(older, 8);
  CHECK(bytes[8] == 0xAB);
  CHECK(older->struct_size == 8);
  bitnet_generate_options_init(nullptr, 8);
  bitnet_generate_options_init(older, 0);
}

TEST_CASE("C: structs of another size are refused or cut, never overrun") {
  const ModelHandle model = load_c(small_file());
  const SessionHandle session = session_c(model);
  bitnet_generate_options options;
  for (const std::uint32_t size : {0U, 3U, 8U, std::uint32_t{sizeof options} + 8, 0xffffffffU}) {
    bitnet_generate_options_init(&options, sizeof options);
    options.struct_size = size;
    CHECK(bitnet_session_start(session.get(), kPrompt.data(), kPrompt.size(), &options) ==
          BITNET_InvalidArgument);
  }
  REQUIRE(bitnet_session_start(session.get(), kPrompt.data(), kPrompt.size(), nullptr) ==
          BITNET_Ok);
  bitnet_step step;
  std::memset(&step, 0xAB, sizeof step);
  step.struct_size = 0;
  CHECK(bitnet_session_next(session.get(), &step) == BITNET_InvalidArgument);
  step.struct_size = 8;
  CHECK(bitnet_session_next(session.get(), &step) == BITNET_Ok);
  CHECK(step.kind == BITNET_STEP_PREFILL);
  CHECK(step.id == static_cast<std::int32_t>(0xABABABAB));

  bitnet_model_info info;
  info.struct_size = sizeof info;
  REQUIRE(bitnet_model_get_info(model.get(), &info) == BITNET_Ok);
  CHECK(info.struct_size == sizeof info);
  CHECK(info.hidden == 64);
  CHECK(text_of(info.isa) == available_isas()[0]);
  CHECK(info.vocabulary > 0);
  std::uint64_t bytes = 0;
  CHECK(bitnet_model_session_bytes(model.get(), nullptr, &bytes) == BITNET_Ok);
  CHECK(bytes > 0);
}

TEST_CASE("C: options reach the library") {
  const ModelHandle model = load_c(small_file());
  bitnet_session* handle = nullptr;
  bitnet_session_options options;
  bitnet_session_options_init(&options, sizeof options);
  options.context = 32;
  options.kv_type = BITNET_KV_F16;
  REQUIRE(bitnet_session_make(model.get(), &options, nullptr, &handle) == BITNET_Ok);
  CHECK(bitnet_session_capacity(handle) == 32);
  bitnet_generate_options generate;
  bitnet_generate_options_init(&generate, sizeof generate);
  for (const auto& change : std::initializer_list<void (*)(bitnet_generate_options&)>{
           [](auto& o) { o.temperature = -1; }, [](auto& o) { o.top_p = 2; },
           [](auto& o) { o.min_p = 1; },
           [](auto& o) { o.repetition_penalty = std::numeric_limits<float>::quiet_NaN(); },
           [](auto& o) { o.stop_count = 1; },
           [](auto& o) {
             static const bitnet_text empty{};
             o.stop = &empty;
             o.stop_count = 1;
           },
           [](auto& o) {
             static const bitnet_text null{nullptr, 3};
             o.stop = &null;
             o.stop_count = 1;
           }}) {
    bitnet_generate_options wrong = generate;
    change(wrong);
    CHECK(bitnet_session_start(handle, kPrompt.data(), kPrompt.size(), &wrong) ==
          BITNET_InvalidArgument);
  }
  bitnet_session_free(handle);
  options.kv_type = 2;
  CHECK(bitnet_session_make(model.get(), &options, nullptr, &handle) == BITNET_InvalidArgument);
  options.kv_type = 0;
  options.batch = 100'000;
  CHECK(bitnet_session_make(model.get(), &options, nullptr, &handle) == BITNET_InvalidArgument);

  const ByteVector file = small_file();
  bitnet_load_options load;
  bitnet_load_options_init(&load, sizeof load);
  load.isa = {"scalar", 6};
  bitnet_model* loaded = nullptr;
  REQUIRE(bitnet_model_load_memory(file.data(), file.size(), &load, &loaded) == BITNET_Ok);
  bitnet_model_info info;
  info.struct_size = sizeof info;
  REQUIRE(bitnet_model_get_info(loaded, &info) == BITNET_Ok);
  CHECK(text_of(info.isa) == "scalar");
  bitnet_model_free(loaded);
  load.isa = {"quantum", 7};
  CHECK(bitnet_model_load_memory(file.data(), file.size(), &load, &loaded) == BITNET_UnknownIsa);
  CHECK(last_error().ends_with(": quantum"));
  load.isa = {};
  load.head = BITNET_HEAD_INT4;
  const std::uint64_t weights = info.weight_bytes;
  REQUIRE(bitnet_model_load_memory(file.data(), file.size(), &load, &loaded) == BITNET_Ok);
  REQUIRE(bitnet_model_get_info(loaded, &info) == BITNET_Ok);
  CHECK(info.weight_bytes > weights);
  bitnet_model_free(loaded);
  load.struct_size = offsetof(bitnet_load_options, head); // of an older header
  REQUIRE(bitnet_model_load_memory(file.data(), file.size(), &load, &loaded) == BITNET_Ok);
  bitnet_model_free(loaded);
  bitnet_load_options_init(&load, sizeof load);
  load.head = 3;
  CHECK(bitnet_model_load_memory(file.data(), file.size(), &load, &loaded) ==
        BITNET_InvalidArgument);
  load.head = BITNET_HEAD_FILE;
  load.isa = {nullptr, 7};
  CHECK(bitnet_model_load_memory(file.data(), file.size(), &load, &loaded) ==
        BITNET_InvalidArgument);
}

TEST_CASE("C: null where something is needed") {
  const ByteVector file = small_file();
  const ModelHandle model = load_c(file);
  const SessionHandle session = session_c(model);
  bitnet_model* no_model = nullptr;
  bitnet_session* no_session = nullptr;
  bitnet_loader* no_loader = nullptr;
  std::uint64_t offset = 0;
  std::size_t count = 0;
  void* into = nullptr;
  const float* logits = nullptr;
  std::int32_t id = 0;
  bitnet_step step{};
  const std::initializer_list<int> answers{
      bitnet_model_load(nullptr, nullptr, 10, nullptr, &no_model),
      bitnet_model_load([](void*, std::uint64_t, void*, std::size_t) { return 0; }, nullptr, 10,
                        nullptr, nullptr),
      bitnet_model_load_memory(nullptr, 10, nullptr, &no_model),
      bitnet_model_load_memory(file.data(), file.size(), nullptr, nullptr),
      bitnet_loader_begin(10, nullptr, nullptr),
      bitnet_loader_wanted(nullptr, &offset, &into, &count),
      bitnet_loader_accept(nullptr),
      bitnet_loader_finish(nullptr, &no_model),
      bitnet_loader_finish(no_loader, nullptr),
      bitnet_model_get_info(nullptr, nullptr),
      bitnet_model_get_info(model.get(), nullptr),
      bitnet_model_tokenize(nullptr, "a", 1, 0, nullptr, 0, &count),
      bitnet_model_tokenize(model.get(), nullptr, 1, 0, nullptr, 0, &count),
      bitnet_model_tokenize(model.get(), "a", 1, 0, nullptr, 5, &count),
      bitnet_model_tokenize(model.get(), "a", 1, 0, nullptr, 0, nullptr),
      bitnet_model_tokenize_chat(model.get(), nullptr, 1, 0, nullptr, 0, &count),
      bitnet_model_detokenize(model.get(), nullptr, 1, 0, nullptr, 0, &count),
      bitnet_model_session_bytes(model.get(), nullptr, nullptr),
      bitnet_session_make(nullptr, nullptr, nullptr, &no_session),
      bitnet_session_make(model.get(), nullptr, nullptr, nullptr),
      bitnet_session_start(nullptr, &id, 1, nullptr),
      bitnet_session_start(session.get(), nullptr, 1, nullptr),
      bitnet_session_next(nullptr, &step),
      bitnet_session_next(session.get(), nullptr),
      bitnet_session_evaluate(session.get(), nullptr, 1),
      bitnet_session_evaluate(nullptr, &id, 1),
      bitnet_session_logits(session.get(), nullptr, &count),
      bitnet_session_logits(nullptr, &logits, &count),
      bitnet_session_truncate(nullptr, 0)};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    INFO("call " << i);
    CHECK(answers.begin()[i] == BITNET_InvalidArgument);
  }
  CHECK(bitnet_session_size(nullptr) == 0);
  CHECK(bitnet_session_capacity(nullptr) == 0);
  CHECK(bitnet_model_ends_generation(nullptr, 0) == 0);
  CHECK(bitnet_hash_logits(nullptr, 3, 7) == 7);
  bitnet_model_free(nullptr);
  bitnet_session_free(nullptr);
  bitnet_loader_free(nullptr);
}

TEST_CASE("C: errors have numbers, names and a text that fits any buffer") {
  CHECK(bitnet_abi_version() == BITNET_ABI_VERSION);
  CHECK(std::string(bitnet_version()) == version());
  CHECK(std::string(bitnet_error_name(BITNET_NotGguf)) == "NotGguf");
  CHECK(std::string(bitnet_error_name(-3)) == "Unknown");
  CHECK(std::string(bitnet_error_sentence(BITNET_BadToken)) == error_sentence(ErrorCode::BadToken));
  std::size_t isas = 0;
  while (bitnet_isa(isas) != nullptr)
    ++isas;
  CHECK(isas == available_isas().size());
  CHECK(std::string(bitnet_isa(isas - 1)) == "scalar");

  const std::string page = "<!doctype html>";
  bitnet_model* model = nullptr;
  CHECK(bitnet_model_load_memory(page.data(), page.size(), nullptr, &model) == BITNET_NotGguf);
  const std::string whole = last_error();
  CHECK(whole.starts_with(error_sentence(ErrorCode::NotGguf)));
  for (std::size_t capacity = 0; capacity <= whole.size() + 2; ++capacity) {
    std::string buffer(capacity + 1, '#');
    CHECK(bitnet_last_error(buffer.data(), capacity) == whole.size());
    CHECK(buffer[capacity] == '#');
    if (capacity > 0)
      CHECK(std::string(buffer.c_str()) == whole.substr(0, capacity - 1));
  }
}
