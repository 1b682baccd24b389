// The C functions: argument checks, handle to object, nothing else.
#include "bitnet/bitnet.h"

#include "bitnet/bitnet.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

struct bitnet_model {
  bitnet::Model model;
};
struct bitnet_loader {
  bitnet::ModelLoader loader;
};

namespace bitnet {
namespace {

// --- errors ---

thread_local Error last_error(ErrorCode::Ok);

int fail(const Error& error) noexcept {
  last_error = error;
  return static_cast<int>(error.code());
}
int fail(const char* what) noexcept { return fail(Error(ErrorCode::InvalidArgument) << what); }
int done(const Status& status) noexcept {
  return status ? static_cast<int>(ErrorCode::Ok) : fail(status.error());
}

// --- structs that grow ---

/// The caller's options over our defaults. Its struct may end earlier than ours, where its header was older, but not
/// before `least`, where the first version's ended: for a struct that has grown, not sizeof any more.
template <class T> Status read_options(const T* from, T& into, std::size_t least) noexcept {
  if (from == nullptr)
    return {};
  if (from->struct_size < least || from->struct_size > sizeof(T))
    return Error(ErrorCode::InvalidArgument)
           << "struct_size " << from->struct_size << ", here " << std::uint64_t{sizeof(T)};
  std::memcpy(&into, from, from->struct_size);
  return {};
}

template <class T> void write_options(const T& from, T* into, std::size_t size) noexcept {
  if (into == nullptr || size < sizeof(std::uint32_t))
    return;
  T all = from;
  // A header newer than this library is told so by every call that takes the options.
  all.struct_size = static_cast<std::uint32_t>(
      std::min<std::size_t>(size, std::numeric_limits<std::uint32_t>::max()));
  std::memcpy(into, &all, std::min(size, sizeof(T)));
}

/// As much of an answer as the caller's struct has room for.
template <class T> int write_answer(const T& from, T* into) noexcept {
  if (into == nullptr || into->struct_size < sizeof(std::uint32_t))
    return fail("the answer's struct is null or has no struct_size");
  T all = from;
  all.struct_size = into->struct_size;
  std::memcpy(into, &all, std::min<std::size_t>(into->struct_size, sizeof(T)));
  return 0;
}

// --- texts and lists ---

bool is_list(const void* data, std::size_t count) noexcept { return data != nullptr || count == 0; }
bool is_text(const bitnet_text& text) noexcept { return is_list(text.data, text.size); }
/// Views of nothing have no pointer that could be wrong.
std::string_view view(const bitnet_text& text) noexcept {
  return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}
bitnet_text text_of(std::string_view view) noexcept { return {view.data(), view.size()}; }
template <class T> std::span<const T> list(const T* data, std::size_t count) noexcept {
  return count == 0 ? std::span<const T>() : std::span<const T>(data, count);
}

/// All of the answer, or its length alone.
template <class T>
void write_list(const Vec<T>& from, T* into, std::size_t capacity, std::size_t* count) noexcept {
  *count = from.size();
  if (!from.empty() && from.size() <= capacity)
    std::memcpy(into, from.data(), from.size() * sizeof(T));
}

// --- options ---

bitnet_load_options load_defaults() noexcept {
  const LoadOptions defaults;
  return {.struct_size = sizeof(bitnet_load_options),
          .float_activations = defaults.float_activations ? 1U : 0U,
          .isa = text_of(defaults.isa),
          .head = static_cast<std::uint32_t>(defaults.head),
          .reserved = 0,
          .memory_limit = defaults.memory_limit,
          .session = nullptr};
}
static_assert(static_cast<int>(HeadType::kFile) == BITNET_HEAD_FILE &&
              static_cast<int>(HeadType::kInt8) == BITNET_HEAD_INT8 &&
              static_cast<int>(HeadType::kInt4) == BITNET_HEAD_INT4);

static_assert(static_cast<int>(KvType::kF32) == BITNET_KV_F32 &&
              static_cast<int>(KvType::kF16) == BITNET_KV_F16);

bitnet_session_options session_defaults() noexcept {
  const SessionOptions defaults;
  return {.struct_size = sizeof(bitnet_session_options),
          .context = defaults.context,
          .kv_type = static_cast<std::uint32_t>(defaults.kv_type),
          .batch = defaults.batch};
}

Result<SessionOptions> session_options(const bitnet_session_options* options) noexcept {
  bitnet_session_options read = session_defaults();
  BITNET_TRY(read_options(options, read, sizeof read));
  if (read.kv_type > BITNET_KV_F16)
    return Error(ErrorCode::InvalidArgument) << "kv_type " << read.kv_type;
  return SessionOptions{
      .context = read.context, .kv_type = static_cast<KvType>(read.kv_type), .batch = read.batch};
}

Result<LoadOptions> load_options(const bitnet_load_options* options) noexcept {
  bitnet_load_options read = load_defaults();
  BITNET_TRY(read_options(options, read, offsetof(bitnet_load_options, head)));
  if (!is_text(read.isa))
    return Error(ErrorCode::InvalidArgument) << "isa is null";
  if (read.head > BITNET_HEAD_INT4)
    return Error(ErrorCode::InvalidArgument) << "head " << read.head;
  if (read.reserved != 0)
    return Error(ErrorCode::InvalidArgument) << "reserved " << read.reserved;
  const auto session = session_options(read.session);
  BITNET_TRY(session);
  return LoadOptions{.isa = view(read.isa),
                     .float_activations = read.float_activations != 0,
                     .head = static_cast<HeadType>(read.head),
                     .memory_limit = read.memory_limit,
                     .session = *session};
}

bitnet_generate_options generate_defaults() noexcept {
  const GenerateOptions defaults;
  const SamplerOptions& sampler = defaults.sampler;
  return {.struct_size = sizeof(bitnet_generate_options),
          .max_tokens = defaults.max_tokens,
          .ignore_end = defaults.ignore_end ? 1U : 0U,
          .temperature = sampler.temperature,
          .top_k = sampler.top_k,
          .top_p = sampler.top_p,
          .min_p = sampler.min_p,
          .repetition_penalty = sampler.repetition_penalty,
          .presence_penalty = sampler.presence_penalty,
          .frequency_penalty = sampler.frequency_penalty,
          .repetition_window = sampler.repetition_window,
          .seed = sampler.seed,
          .stop = nullptr,
          .stop_count = 0,
          .logprobs = defaults.logprobs ? 1U : 0U,
          .top_logprobs = defaults.top_logprobs,
          .context_policy = static_cast<std::uint32_t>(defaults.context_policy),
          .keep = defaults.keep,
          .draft = defaults.draft,
          .reserved = 0,
          .grammar = {},
          .json_schema = {}};
}
static_assert(static_cast<int>(ContextPolicy::kStop) == BITNET_CONTEXT_STOP &&
              static_cast<int>(ContextPolicy::kError) == BITNET_CONTEXT_ERROR &&
              static_cast<int>(ContextPolicy::kShift) == BITNET_CONTEXT_SHIFT);

/// `stop` holds what the answer's stop texts are views of.
Result<GenerateOptions> generate_options(const bitnet_generate_options* options,
                                         Vec<std::string_view>& stop) noexcept {
  bitnet_generate_options read = generate_defaults();
  BITNET_TRY(read_options(options, read, offsetof(bitnet_generate_options, logprobs)));
  if (read.reserved != 0)
    return Error(ErrorCode::InvalidArgument) << "reserved " << read.reserved;
  if (read.context_policy > BITNET_CONTEXT_SHIFT)
    return Error(ErrorCode::InvalidArgument) << "context_policy " << read.context_policy;
  if (!is_list(read.stop, read.stop_count))
    return Error(ErrorCode::InvalidArgument) << "stop is null";
  for (const bitnet_text& text : list(read.stop, read.stop_count)) {
    if (!is_text(text))
      return Error(ErrorCode::InvalidArgument) << "a stop text is null";
    BITNET_TRY(stop.push(view(text)));
  }
  if (!is_text(read.grammar) || !is_text(read.json_schema))
    return Error(ErrorCode::InvalidArgument) << "grammar or json_schema is null";
  GenerateOptions answer;
  answer.grammar = view(read.grammar);
  answer.json_schema = view(read.json_schema);
  answer.max_tokens = read.max_tokens;
  answer.ignore_end = read.ignore_end != 0;
  answer.stop = stop.span();
  answer.logprobs = read.logprobs != 0;
  answer.top_logprobs = read.top_logprobs;
  answer.context_policy = static_cast<ContextPolicy>(read.context_policy);
  answer.keep = read.keep;
  answer.draft = read.draft;
  answer.sampler.temperature = read.temperature;
  answer.sampler.top_k = read.top_k;
  answer.sampler.top_p = read.top_p;
  answer.sampler.min_p = read.min_p;
  answer.sampler.repetition_penalty = read.repetition_penalty;
  answer.sampler.presence_penalty = read.presence_penalty;
  answer.sampler.frequency_penalty = read.frequency_penalty;
  answer.sampler.repetition_window = read.repetition_window;
  answer.sampler.seed = read.seed;
  return answer;
}

// --- what callers hand in ---

Error caller_error(int status, const ModelLoader::Range& range) noexcept {
  const auto code = static_cast<ErrorCode>(status);
  return Error(std::string_view(error_name(code)) == "Unknown" ? ErrorCode::Io : code)
         << "the caller's read at byte " << range.offset << " of file " << range.file + 1;
}

/// A reader of one file as one of several.
struct OneFile {
  bitnet_read read;
  void* context;

  static int call(void* self, std::uint32_t /*file*/, std::uint64_t offset, void* into,
                  std::size_t size) {
    const auto* one = static_cast<const OneFile*>(self);
    return one->read(one->context, offset, into, size);
  }
};

class CallerParallel final : public Parallel {
public:
  explicit CallerParallel(const bitnet_parallel& parallel) noexcept : parallel_(parallel) {}
  unsigned threads() const noexcept override { return parallel_.threads; }
  void run(std::size_t count, Task task, void* context) noexcept override {
    if (parallel_.run == nullptr)
      Serial().run(count, task, context);
    else
      parallel_.run(parallel_.context, count, task, context);
  }

private:
  bitnet_parallel parallel_;
};

/// The caller's threads, or the calling one.
Result<std::unique_ptr<CallerParallel>> caller_parallel(const bitnet_parallel* parallel) noexcept {
  bitnet_parallel threads{sizeof threads, 1, nullptr, nullptr};
  BITNET_TRY(read_options(parallel, threads, sizeof threads));
  if (threads.threads == 0 || (parallel != nullptr && threads.run == nullptr))
    return Error(ErrorCode::InvalidArgument) << "parallel has no threads or no run";
  std::unique_ptr<CallerParallel> made(new (std::nothrow) CallerParallel(threads));
  if (!made)
    return Error(ErrorCode::OutOfMemory) << "session";
  return made;
}

int hand_out(Result<Model> model, bitnet_model** out) noexcept {
  if (!model)
    return fail(model.error());
  *out = new (std::nothrow) bitnet_model{std::move(*model)};
  return *out != nullptr ? 0 : fail(Error(ErrorCode::OutOfMemory) << "model");
}

using Begin = Result<ModelLoader>(std::span<const std::uint64_t>, const LoadOptions&) noexcept;
int begin_loader(Begin* begin, const std::uint64_t* file_sizes, std::size_t file_count,
                 const bitnet_load_options* options, bitnet_loader** loader) noexcept {
  if (loader == nullptr)
    return fail("loader is null");
  *loader = nullptr;
  if (!is_list(file_sizes, file_count))
    return fail("file_sizes is null");
  const auto load = load_options(options);
  if (!load)
    return fail(load.error());
  auto begun = begin(list(file_sizes, file_count), *load);
  if (!begun)
    return fail(begun.error());
  *loader = new (std::nothrow) bitnet_loader{std::move(*begun)};
  return *loader != nullptr ? 0 : fail(Error(ErrorCode::OutOfMemory) << "loader");
}

bitnet_model_info info_of(const ModelInfo& from) noexcept {
  return {.struct_size = 0,
          .tokenizer_guessed = from.tokenizer_guessed ? 1U : 0U,
          .name = text_of(from.name),
          .architecture = text_of(from.architecture),
          .isa = text_of(from.isa),
          .tokenizer = text_of(from.tokenizer),
          .chat_template = text_of(from.chat_template),
          .weight_type = text_of(from.weight_type),
          .parameters = from.parameters,
          .ternary_parameters = from.ternary_parameters,
          .file_bytes = from.file_bytes,
          .weight_bytes = from.weight_bytes,
          .layers = from.layers,
          .hidden = from.hidden,
          .ffn = from.ffn,
          .heads = from.heads,
          .kv_heads = from.kv_heads,
          .head_dim = from.head_dim,
          .vocabulary = from.vocabulary,
          .context = from.context,
          .bos = from.bos,
          .eos = from.eos};
}

int tokenize(Status (Model::*how)(std::string_view, bool, Vec<TokenId>&) const noexcept,
             const bitnet_model* model, const bitnet_text& text, int add_bos, std::int32_t* ids,
             std::size_t capacity, std::size_t* count) noexcept {
  if (model == nullptr || count == nullptr || !is_text(text) || !is_list(ids, capacity))
    return fail("a pointer is null");
  Vec<TokenId> out;
  if (const Status status = (model->model.*how)(view(text), add_bos != 0, out); !status)
    return fail(status.error());
  write_list(out, ids, capacity, count);
  return 0;
}

} // namespace
} // namespace bitnet

using namespace bitnet;

struct bitnet_session {
  std::unique_ptr<CallerParallel> parallel; // outlives the session, which points to it
  Session session;
};

namespace {
int hand_out(Result<Session> session, std::unique_ptr<CallerParallel> parallel,
             bitnet_session** out) noexcept {
  if (!session)
    return fail(session.error());
  *out = new (std::nothrow) bitnet_session{std::move(parallel), std::move(*session)};
  return *out != nullptr ? 0 : fail(Error(ErrorCode::OutOfMemory) << "session");
}
} // namespace

static_assert(sizeof(bitnet_token_logprob) == sizeof(TokenLogprob) &&
              offsetof(bitnet_token_logprob, logprob) == offsetof(TokenLogprob, logprob));
static_assert(static_cast<int>(Step::Kind::kPrefill) == BITNET_STEP_PREFILL &&
              static_cast<int>(Step::Kind::kToken) == BITNET_STEP_TOKEN &&
              static_cast<int>(Step::Kind::kEnd) == BITNET_STEP_END);
static_assert(static_cast<int>(FinishReason::kNone) == BITNET_FINISH_NONE &&
              static_cast<int>(FinishReason::kEnd) == BITNET_FINISH_END &&
              static_cast<int>(FinishReason::kStop) == BITNET_FINISH_STOP &&
              static_cast<int>(FinishReason::kLength) == BITNET_FINISH_LENGTH &&
              static_cast<int>(FinishReason::kContext) == BITNET_FINISH_CONTEXT);

extern "C" {

std::uint32_t bitnet_abi_version(void) { return BITNET_ABI_VERSION; }
const char* bitnet_version(void) { return version(); }
const char* bitnet_error_name(int status) { return error_name(static_cast<ErrorCode>(status)); }
const char* bitnet_error_sentence(int status) {
  return error_sentence(static_cast<ErrorCode>(status));
}

size_t bitnet_last_error(char* buffer, size_t capacity) {
  const std::string_view sentence = error_sentence(last_error.code());
  const std::string_view detail = last_error.detail();
  std::size_t length = 0;
  const auto put = [&](std::string_view text) {
    for (const char c : text)
      if (length++; buffer != nullptr && length < capacity)
        buffer[length - 1] = c;
  };
  put(sentence);
  if (!detail.empty()) {
    put(": ");
    put(detail);
  }
  if (buffer != nullptr && capacity != 0)
    buffer[std::min(length, capacity - 1)] = '\0';
  return length;
}

const char* bitnet_isa(size_t index) {
  const auto isas = available_isas();
  return index < isas.size() ? isas[index].data() : nullptr; // literals: a zero follows
}

// --- models ---

void bitnet_load_options_init(bitnet_load_options* options, size_t struct_size) {
  write_options(load_defaults(), options, struct_size);
}
void bitnet_session_options_init(bitnet_session_options* options, size_t struct_size) {
  write_options(session_defaults(), options, struct_size);
}
void bitnet_generate_options_init(bitnet_generate_options* options, size_t struct_size) {
  write_options(generate_defaults(), options, struct_size);
}

int bitnet_model_load(bitnet_read read, void* context, uint64_t file_size,
                      const bitnet_load_options* options, bitnet_model** model) {
  OneFile file{read, context};
  return bitnet_model_load_files(read == nullptr ? nullptr : &OneFile::call, &file, &file_size, 1,
                                 options, model);
}

int bitnet_model_load_files(bitnet_read_file read, void* context, const uint64_t* file_sizes,
                            size_t file_count, const bitnet_load_options* options,
                            bitnet_model** model) {
  if (model == nullptr)
    return fail("model is null");
  *model = nullptr;
  if (read == nullptr)
    return fail("read is null");
  if (!is_list(file_sizes, file_count))
    return fail("file_sizes is null");
  const auto load = load_options(options);
  if (!load)
    return fail(load.error());
  auto loader = ModelLoader::begin(list(file_sizes, file_count), *load);
  if (!loader)
    return fail(loader.error());
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted()) {
    const int status =
        read(context, range.file, range.offset, range.into.data(), range.into.size());
    if (status != 0)
      return fail(caller_error(status, range));
    if (const Status accepted = loader->accept(); !accepted)
      return fail(accepted.error());
  }
  return hand_out(loader->finish(), model);
}

int bitnet_model_load_memory(const void* bytes, size_t size, const bitnet_load_options* options,
                             bitnet_model** model) {
  if (model == nullptr)
    return fail("model is null");
  *model = nullptr;
  if (!is_list(bytes, size))
    return fail("bytes is null");
  const auto load = load_options(options);
  if (!load)
    return fail(load.error());
  MemorySource source(list(static_cast<const std::uint8_t*>(bytes), size));
  return hand_out(Model::load(source, *load), model);
}

void bitnet_model_free(bitnet_model* model) { delete model; }

int bitnet_loader_begin(uint64_t file_size, const bitnet_load_options* options,
                        bitnet_loader** loader) {
  return bitnet_loader_begin_files(&file_size, 1, options, loader);
}

int bitnet_loader_begin_files(const uint64_t* file_sizes, size_t file_count,
                              const bitnet_load_options* options, bitnet_loader** loader) {
  return begin_loader(&ModelLoader::begin, file_sizes, file_count, options, loader);
}

int bitnet_loader_begin_estimate(const uint64_t* file_sizes, size_t file_count,
                                 const bitnet_load_options* options, bitnet_loader** loader) {
  return begin_loader(&ModelLoader::begin_estimate, file_sizes, file_count, options, loader);
}

int bitnet_loader_wanted(const bitnet_loader* loader, uint64_t* offset, void** into, size_t* size) {
  if (loader == nullptr || offset == nullptr || into == nullptr || size == nullptr)
    return fail("a pointer is null");
  const ModelLoader::Range range = loader->loader.wanted();
  *offset = range.offset;
  *into = range.into.data();
  *size = range.into.size();
  return 0;
}

int bitnet_loader_wanted_file(const bitnet_loader* loader, uint32_t* file) {
  if (loader == nullptr || file == nullptr)
    return fail("a pointer is null");
  *file = loader->loader.wanted().file;
  return 0;
}

int bitnet_loader_accept(bitnet_loader* loader) {
  return loader == nullptr ? fail("loader is null") : done(loader->loader.accept());
}

int bitnet_loader_finish(bitnet_loader* loader, bitnet_model** model) {
  if (model == nullptr)
    return fail("model is null");
  *model = nullptr;
  return loader == nullptr ? fail("loader is null") : hand_out(loader->loader.finish(), model);
}

void bitnet_loader_free(bitnet_loader* loader) { delete loader; }

int bitnet_model_get_info(const bitnet_model* model, bitnet_model_info* info) {
  if (model == nullptr)
    return fail("model is null");
  return write_answer(info_of(model->model.info()), info);
}

int bitnet_loader_estimate(const bitnet_loader* loader,
                           const struct bitnet_session_options* session, bitnet_estimate* estimate,
                           bitnet_model_info* info) {
  if (loader == nullptr)
    return fail("loader is null");
  const auto read = session_options(session);
  if (!read)
    return fail(read.error());
  const auto answer = loader->loader.estimate(*read);
  if (!answer)
    return fail(answer.error());
  if (info != nullptr)
    if (const int status = write_answer(info_of(answer->model), info); status != 0)
      return status;
  return write_answer(bitnet_estimate{.struct_size = 0,
                                      .reserved = 0,
                                      .weight_bytes = answer->weight_bytes,
                                      .weight_bytes_most = answer->weight_bytes_most,
                                      .session_bytes = answer->session_bytes,
                                      .peak_bytes = answer->peak_bytes},
                      estimate);
}

int bitnet_model_tokenize(const bitnet_model* model, const char* text, size_t size, int add_bos,
                          int32_t* ids, size_t capacity, size_t* count) {
  return tokenize(&Model::tokenize, model, {text, size}, add_bos, ids, capacity, count);
}
int bitnet_model_tokenize_framed(const bitnet_model* model, const char* text, size_t size,
                                 int add_bos, int32_t* ids, size_t capacity, size_t* count) {
  return tokenize(&Model::tokenize_framed, model, {text, size}, add_bos, ids, capacity, count);
}

int bitnet_model_tokenize_chat(const bitnet_model* model, const bitnet_message* messages,
                               size_t message_count, int add_generation_prompt, int32_t* ids,
                               size_t capacity, size_t* count) {
  if (model == nullptr || count == nullptr || !is_list(messages, message_count) ||
      !is_list(ids, capacity))
    return fail("a pointer is null");
  Vec<ChatMessage> read;
  for (const bitnet_message& message : list(messages, message_count)) {
    if (!is_text(message.role) || !is_text(message.content))
      return fail("a message's text is null");
    if (const Status status = read.push({view(message.role), view(message.content)}); !status)
      return fail(status.error());
  }
  Vec<TokenId> out;
  const Status status = model->model.tokenize_chat(read.span(), add_generation_prompt != 0, out);
  if (!status)
    return fail(status.error());
  write_list(out, ids, capacity, count);
  return 0;
}

int bitnet_model_detokenize(const bitnet_model* model, const int32_t* ids, size_t id_count,
                            int render_special, char* text, size_t capacity, size_t* size) {
  if (model == nullptr || size == nullptr || !is_list(ids, id_count) || !is_list(text, capacity))
    return fail("a pointer is null");
  Text out;
  const Status status = model->model.detokenize(list(ids, id_count), render_special != 0, out);
  if (!status)
    return fail(status.error());
  write_list(out, text, capacity, size);
  return 0;
}

int bitnet_model_ends_generation(const bitnet_model* model, int32_t id) {
  return model != nullptr && model->model.ends_generation(id) ? 1 : 0;
}

int bitnet_model_session_bytes(const bitnet_model* model, const bitnet_session_options* options,
                               uint64_t* bytes) {
  if (model == nullptr || bytes == nullptr)
    return fail("a pointer is null");
  const auto read = session_options(options);
  if (!read)
    return fail(read.error());
  const auto answer = model->model.session_bytes(*read);
  if (!answer)
    return fail(answer.error());
  *bytes = *answer;
  return 0;
}

// --- sessions ---

int bitnet_session_make(const bitnet_model* model, const bitnet_session_options* options,
                        const bitnet_parallel* parallel, bitnet_session** session) {
  if (session == nullptr)
    return fail("session is null");
  *session = nullptr;
  if (model == nullptr)
    return fail("model is null");
  const auto read = session_options(options);
  if (!read)
    return fail(read.error());
  auto threads = caller_parallel(parallel);
  if (!threads)
    return fail(threads.error());
  return hand_out(Session::make(model->model, *read, **threads), std::move(*threads), session);
}

void bitnet_session_free(bitnet_session* session) { delete session; }

int bitnet_session_start(bitnet_session* session, const int32_t* ids, size_t count,
                         const bitnet_generate_options* options) {
  if (session == nullptr || !is_list(ids, count))
    return fail("a pointer is null");
  Vec<std::string_view> stop;
  const auto read = generate_options(options, stop);
  return read ? done(session->session.start(list(ids, count), *read)) : fail(read.error());
}

int bitnet_session_next(bitnet_session* session, bitnet_step* step) {
  if (session == nullptr)
    return fail("session is null");
  if (step == nullptr || step->struct_size < sizeof step->struct_size)
    return write_answer(bitnet_step{}, step); // before a step is lost
  const auto next = session->session.next();
  if (!next)
    return fail(next.error());
  return write_answer(bitnet_step{.struct_size = 0,
                                  .kind = static_cast<std::uint32_t>(next->kind),
                                  .id = next->id,
                                  .finish = static_cast<std::uint32_t>(next->finish),
                                  .prefilled = next->prefilled,
                                  .prompt = next->prompt,
                                  .text = next->text.data(),
                                  .text_size = next->text.size(),
                                  .top_logprobs = reinterpret_cast<const bitnet_token_logprob*>(
                                      next->top_logprobs.data()),
                                  .top_logprob_count = next->top_logprobs.size(),
                                  .logprob = next->logprob,
                                  .reserved = 0},
                      step);
}

int bitnet_session_evaluate(bitnet_session* session, const int32_t* ids, size_t count) {
  if (session == nullptr || !is_list(ids, count))
    return fail("a pointer is null");
  return done(session->session.evaluate(list(ids, count)));
}

int bitnet_session_logits(const bitnet_session* session, const float** logits, size_t* count) {
  if (session == nullptr || logits == nullptr || count == nullptr)
    return fail("a pointer is null");
  const auto values = session->session.logits();
  *logits = values.data();
  *count = values.size();
  return 0;
}

static_assert(static_cast<int>(Pooling::kLast) == BITNET_POOLING_LAST &&
              static_cast<int>(Pooling::kMean) == BITNET_POOLING_MEAN);
int bitnet_session_embed(bitnet_session* session, const int32_t* ids, size_t count,
                         uint32_t pooling, int normalize, float* vector, size_t length) {
  if (session == nullptr || !is_list(ids, count) || !is_list(vector, length))
    return fail("a pointer is null");
  if (pooling > BITNET_POOLING_MEAN)
    return fail("pooling");
  const std::span<float> out = length == 0 ? std::span<float>() : std::span(vector, length);
  return done(session->session.embed(list(ids, count),
                                     EmbedOptions{.pooling = static_cast<Pooling>(pooling),
                                                  .normalize = normalize != 0,
                                                  .go_on = nullptr,
                                                  .context = nullptr},
                                     out));
}

uint32_t bitnet_session_size(const bitnet_session* session) {
  return session != nullptr ? session->session.size() : 0;
}
uint32_t bitnet_session_capacity(const bitnet_session* session) {
  return session != nullptr ? session->session.capacity() : 0;
}
int bitnet_session_truncate(bitnet_session* session, uint32_t size) {
  if (session == nullptr)
    return fail("session is null");
  session->session.truncate(size);
  return 0;
}

int bitnet_session_tokens(const bitnet_session* session, const int32_t** ids, size_t* count) {
  if (session == nullptr || ids == nullptr || count == nullptr)
    return fail("a pointer is null");
  const auto tokens = session->session.tokens();
  *ids = tokens.data();
  *count = tokens.size();
  return 0;
}

int bitnet_session_fork(const bitnet_session* session, const bitnet_parallel* parallel,
                        bitnet_session** fork) {
  if (fork == nullptr)
    return fail("fork is null");
  *fork = nullptr;
  if (session == nullptr)
    return fail("session is null");
  auto threads = parallel != nullptr
                     ? caller_parallel(parallel)
                     : Result<std::unique_ptr<CallerParallel>>(std::unique_ptr<CallerParallel>(
                           new (std::nothrow) CallerParallel(*session->parallel)));
  if (!threads)
    return fail(threads.error());
  if (*threads == nullptr)
    return fail(Error(ErrorCode::OutOfMemory) << "session");
  return hand_out(session->session.fork(threads->get()), std::move(*threads), fork);
}

int bitnet_session_save_begin(bitnet_session* session, uint64_t* size) {
  if (session == nullptr || size == nullptr)
    return fail("a pointer is null");
  *size = session->session.save_begin();
  return 0;
}

int bitnet_session_save_piece(bitnet_session* session, const void** bytes, size_t* size) {
  if (session == nullptr || bytes == nullptr || size == nullptr)
    return fail("a pointer is null");
  const auto piece = session->session.save_piece();
  if (!piece)
    return fail(piece.error());
  *bytes = piece->data();
  *size = piece->size();
  return 0;
}

int bitnet_session_restore_begin(bitnet_session* session, uint64_t size) {
  return session == nullptr ? fail("session is null") : done(session->session.restore_begin(size));
}

int bitnet_session_restore_wanted(bitnet_session* session, void** into, size_t* size) {
  if (session == nullptr || into == nullptr || size == nullptr)
    return fail("a pointer is null");
  const MutableBytes wanted = session->session.restore_wanted();
  *into = wanted.data();
  *size = wanted.size();
  return 0;
}

int bitnet_session_restore_accept(bitnet_session* session) {
  return session == nullptr ? fail("session is null") : done(session->session.restore_accept());
}

static_assert(BITNET_HASH_START == kHashStart);
uint64_t bitnet_hash_logits(const float* logits, size_t count, uint64_t state) {
  return logits == nullptr ? state : hash_logits(list(logits, count), state);
}

} // extern "C"
