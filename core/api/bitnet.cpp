// The public handles: argument checks, handle to object, nothing else.
#include "bitnet/bitnet.hpp"

#include "api/model_data.h"
#include "engine/engine.h"

#include <array>
#include <bit>
#include <new>

namespace bitnet {

const char* version() noexcept { return BITNET_VERSION; }

std::span<const std::string_view> available_isas() noexcept {
  constexpr std::size_t kMost = 16;
  struct Names {
    std::array<std::string_view, kMost> names;
    std::size_t count = 0;
    Names() noexcept {
      for (const Kernels* kernels : all_kernels())
        names[count++] = kernels->name;
    }
  };
  static const Names names;
  return {names.names.data(), names.count};
}

// --- Model ---

Model::Model(const Model& other) noexcept : data_(other.data_) {
  if (data_ != nullptr)
    data_->handles.fetch_add(1, std::memory_order_relaxed);
}
Model::Model(Model&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
Model& Model::operator=(Model other) noexcept {
  std::swap(data_, other.data_);
  return *this;
}
Model::~Model() {
  if (data_ != nullptr && data_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete data_;
}

const ModelInfo& Model::info() const noexcept { return data_->info; }

Status Model::tokenize(std::string_view text, bool add_bos, Vec<TokenId>& out) const noexcept {
  const Tokenizer& tokenizer = *data_->tokenizer;
  if (add_bos && tokenizer.add_bos() && tokenizer.bos() != kNoToken)
    BITNET_TRY(out.push(tokenizer.bos()));
  return tokenizer.encode(text, out);
}

Status Model::tokenize_framed(std::string_view text, bool add_bos,
                              Vec<TokenId>& out) const noexcept {
  const Tokenizer& tokenizer = *data_->tokenizer;
  const std::string_view bos = tokenizer.raw(tokenizer.bos());
  if (add_bos && tokenizer.add_bos() && !text.starts_with(bos))
    BITNET_TRY(out.push(tokenizer.bos()));
  return tokenizer.encode_framed(text, out);
}

Status Model::tokenize_chat(std::span<const ChatMessage> messages, bool add_generation_prompt,
                            Vec<TokenId>& out) const noexcept {
  return frame_chat(*data_->tokenizer, data_->chat, messages, add_generation_prompt, out);
}

Status Model::detokenize(std::span<const TokenId> ids, bool render_special,
                         Text& out) const noexcept {
  bool first = true;
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= data_->network.config.vocabulary)
      return Error(ErrorCode::BadToken)
             << "id " << id << ", vocabulary of " << data_->network.config.vocabulary;
    const std::size_t before = out.size();
    if (data_->tokenizer->valid(id)) // the embedding may have more rows than there are tokens
      BITNET_TRY(data_->tokenizer->decode(id, out, render_special, first));
    first = first && out.size() == before && data_->tokenizer->kind(id) == TokenKind::kControl;
  }
  return {};
}

bool Model::ends_generation(TokenId id) const noexcept {
  return data_->tokenizer->ends_generation(id);
}

Result<std::uint64_t> Model::session_bytes(const SessionOptions& options) const noexcept {
  const auto resolved = resolve_options(data_->network.config, options);
  BITNET_TRY(resolved);
  return State::bytes(data_->network.config, *resolved, data_->network.weights.small_head.type);
}

// --- Session ---

namespace detail {
struct SessionData {
  Model model; // keeps the weights alive
  Engine engine;
};
} // namespace detail

Session::Session(std::unique_ptr<detail::SessionData> data) noexcept : data_(std::move(data)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::make(const Model& model, const SessionOptions& options,
                              Parallel& parallel) noexcept {
  const auto resolved = resolve_options(model.data_->network.config, options);
  BITNET_TRY(resolved);
  auto engine = Engine::make(model.data_->network, *model.data_->tokenizer, *resolved, parallel);
  BITNET_TRY(engine);
  std::unique_ptr<detail::SessionData> data(new (std::nothrow)
                                                detail::SessionData{model, std::move(*engine)});
  if (!data)
    return Error(ErrorCode::OutOfMemory) << "session";
  return Session(std::move(data));
}

Status Session::start(std::span<const TokenId> prompt, const GenerateOptions& options) noexcept {
  return data_->engine.start(prompt, options);
}
Result<Step> Session::next() noexcept { return data_->engine.next(); }
Status Session::evaluate(std::span<const TokenId> ids) noexcept {
  return data_->engine.evaluate(ids, nullptr, nullptr);
}
Status Session::evaluate_all(std::span<const TokenId> ids, LogitsSink sink,
                             void* context) noexcept {
  return data_->engine.evaluate(ids, sink, context);
}
std::span<const float> Session::logits() const noexcept { return data_->engine.logits(); }
Status Session::embed(std::span<const TokenId> ids, const EmbedOptions& options,
                      std::span<float> out) noexcept {
  return data_->engine.embed(ids, options, out);
}
std::span<const TokenId> Session::tokens() const noexcept { return data_->engine.tokens(); }
std::uint32_t Session::size() const noexcept { return data_->engine.size(); }
std::uint32_t Session::capacity() const noexcept { return data_->engine.capacity(); }
void Session::truncate(std::uint32_t size) noexcept { data_->engine.truncate(size); }

Result<Session> Session::fork(Parallel* parallel) const noexcept {
  auto engine = data_->engine.fork(parallel != nullptr ? *parallel : data_->engine.parallel());
  BITNET_TRY(engine);
  std::unique_ptr<detail::SessionData> data(
      new (std::nothrow) detail::SessionData{data_->model, std::move(*engine)});
  if (!data)
    return Error(ErrorCode::OutOfMemory) << "session";
  return Session(std::move(data));
}

std::uint64_t Session::save_begin() noexcept { return data_->engine.save_begin(); }
Result<Bytes> Session::save_piece() noexcept { return data_->engine.save_piece(); }
Status Session::save(SaveSink sink, void* context) noexcept {
  save_begin();
  for (;;) {
    const auto piece = save_piece();
    BITNET_TRY(piece);
    if (piece->empty())
      return {};
    BITNET_TRY(sink(context, *piece));
  }
}

Status Session::restore_begin(std::uint64_t size) noexcept {
  return data_->engine.restore_begin(size);
}
MutableBytes Session::restore_wanted() noexcept { return data_->engine.restore_wanted(); }
Status Session::restore_accept() noexcept { return data_->engine.restore_accept(); }
Status Session::restore(Source& source) noexcept {
  BITNET_TRY(restore_begin(source.size()));
  std::uint64_t offset = 0;
  for (auto into = restore_wanted(); !into.empty(); into = restore_wanted()) {
    Status status = source.read(offset, into);
    if (status)
      status = restore_accept();
    if (!status) {
      truncate(0); // what was begun is ended
      return status;
    }
    offset += into.size();
  }
  return {};
}

std::uint64_t hash_logits(std::span<const float> logits, std::uint64_t state) noexcept {
  constexpr std::uint64_t kPrime = 1099511628211ULL;
  for (const float value : logits)
    for (std::uint32_t bits = std::bit_cast<std::uint32_t>(value), byte = 0; byte < 4;
         ++byte, bits >>= 8)
      state = (state ^ (bits & 0xffU)) * kPrime;
  return state;
}

} // namespace bitnet
