// BitNet Edge: ternary language models, the same bits on every engine. This header is the manual of the C++ API.
//
//   bitnet::Status tell(bitnet::Bytes file, bitnet::Parallel& parallel) {
//     bitnet::MemorySource source(file);
//     auto model = bitnet::Model::load(source);                       // immutable, shared by its sessions
//     BITNET_TRY(model);
//     auto session = bitnet::Session::make(*model, {}, parallel);     // KV cache: one conversation
//     BITNET_TRY(session);
//     bitnet::Vec<bitnet::TokenId> prompt;
//     BITNET_TRY(model->tokenize("Once upon a time", true, prompt));
//     BITNET_TRY(session->start(prompt.span(), {}));
//     for (;;) {
//       auto step = session->next();                                  // one token, or one batch of the prompt
//       BITNET_TRY(step);
//       print(step->text);                                            // whole UTF-8 characters
//       if (step->kind == bitnet::Step::Kind::kEnd)
//         return {};
//     }
//   }
//
// Errors are values (types.hpp). Nothing throws, prints, aborts or reads the environment. A Model may be used from
// several threads at once; a Session from one at a time.
#pragma once

#include "memory.hpp"
#include "options.hpp"
#include "types.hpp"

#include <memory>

namespace bitnet {

/// Version of this library, "0.1.0".
const char* version() noexcept;

/// Names of the kernels that this build has and this machine can run, best first. The views are static.
std::span<const std::string_view> available_isas() noexcept;

namespace detail {
struct ModelData;
struct SessionData;
struct LoaderData;
} // namespace detail

class Model {
public:
  /// Read, check and pack a GGUF model, tensor by tensor: the file is never in memory as a whole.
  static Result<Model> load(Source& source, const LoadOptions& options = {}) noexcept;
  /// The same from several files, as gguf-split writes them: all parts, in order. WrongParts when they are not.
  static Result<Model> load(std::span<Source* const> files,
                            const LoadOptions& options = {}) noexcept;

  Model(const Model& other) noexcept; ///< another handle on the same weights
  Model(Model&&) noexcept;
  Model& operator=(Model other) noexcept;
  ~Model();

  const ModelInfo& info() const noexcept;

  /// Append the ids of plain text; with `add_bos`, BOS goes first where the model wants one. Text never becomes a
  /// control token.
  Status tokenize(std::string_view text, bool add_bos, Vec<TokenId>& out) const noexcept;
  /// The same for a prompt that a template has framed already: control tokens that the text spells become their ids,
  /// and a BOS is not put before a text that begins with it. Never for what a user typed.
  Status tokenize_framed(std::string_view text, bool add_bos, Vec<TokenId>& out) const noexcept;
  /// Append the ids of a conversation framed by the model's chat template (only built-in templates; formats.md 1).
  Status tokenize_chat(std::span<const ChatMessage> messages, bool add_generation_prompt,
                       Vec<TokenId>& out) const noexcept;
  /// Append the text of ids; control tokens give nothing unless `render_special`. BadToken for an id out of range.
  Status detokenize(std::span<const TokenId> ids, bool render_special, Text& out) const noexcept;
  /// Does this id end a turn?
  bool ends_generation(TokenId id) const noexcept;

  /// Bytes that a session with these options takes beside the model.
  Result<std::uint64_t> session_bytes(const SessionOptions& options) const noexcept;

private:
  friend class Session;
  friend class ModelLoader;
  explicit Model(detail::ModelData* data) noexcept : data_(data) {}
  detail::ModelData* data_;
};

/// Model::load turned inside out, for callers whose bytes arrive asynchronously (fetch, Blob): it says which range it
/// wants next, the caller fills it. Ranges ascend, so that one sequential download serves; in several files those of each
/// do, after the headers of all have been read.
class ModelLoader {
public:
  static Result<ModelLoader> begin(std::uint64_t file_size,
                                   const LoadOptions& options = {}) noexcept;
  static Result<ModelLoader> begin(std::span<const std::uint64_t> file_sizes,
                                   const LoadOptions& options = {}) noexcept;
  /// The same, to go no further than the header: then nothing more is wanted, estimate() answers, and no memory for
  /// weights has been taken. finish() has nothing to give.
  static Result<ModelLoader> begin_estimate(std::span<const std::uint64_t> file_sizes,
                                            const LoadOptions& options = {}) noexcept;
  ModelLoader(ModelLoader&&) noexcept;
  ModelLoader& operator=(ModelLoader&&) noexcept;
  ~ModelLoader();

  struct Range {
    std::uint64_t offset = 0;
    MutableBytes into;      ///< empty: nothing more is wanted, call finish()
    std::uint32_t file = 0; ///< counted from 0
  };
  /// The same answer until accept() is called.
  Range wanted() const noexcept;
  /// The wanted range has been filled. After an error the loader is dead.
  Status accept() noexcept;
  /// What the model takes, with such a session. From when the header is known until finish(); InvalidState outside.
  Result<Estimate> estimate(const SessionOptions& session = {}) const noexcept;
  Result<Model> finish() noexcept;

private:
  explicit ModelLoader(std::unique_ptr<detail::LoaderData> data) noexcept;
  std::unique_ptr<detail::LoaderData> data_;
};

/// One conversation: KV cache, activations and at most one generation under way.
class Session {
public:
  /// `parallel` must outlive the session.
  static Result<Session> make(const Model& model, const SessionOptions& options,
                              Parallel& parallel) noexcept;
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// Begin a generation from a whole prompt. The longest prefix that the KV cache already holds is not evaluated again.
  /// EmptyPrompt, ContextFull (prompt alone leaves no room for a token), BadToken, InvalidArgument. Ends a generation
  /// under way.
  Status start(std::span<const TokenId> prompt, const GenerateOptions& options) noexcept;
  /// The next step: a batch of the prompt evaluated (kPrefill), a token (kToken), or the end (kEnd, then again kEnd).
  /// To abort, just stop calling: the KV cache stays valid.
  Result<Step> next() noexcept;

  /// Append ids to the context and evaluate them; afterwards logits() are those of the last. The raw interface. Ends a
  /// generation under way.
  Status evaluate(std::span<const TokenId> ids) noexcept;
  /// The same, handing the logits of every position to `sink(context, position, logits)`.
  using LogitsSink = Status (*)(void* context, std::uint32_t position,
                                std::span<const float> logits) noexcept;
  Status evaluate_all(std::span<const TokenId> ids, LogitsSink sink, void* context) noexcept;
  /// Logits of the last evaluated position, one per vocabulary entry; empty before the first evaluation. After next() of a
  /// model with a small output head, only those that sampling looked at are exact (HeadType).
  std::span<const float> logits() const noexcept;

  /// The final normed hidden state of the text that `ids` are, one vector of ModelInfo::hidden floats into `out`: the
  /// mean over all positions, or the last one's. The context holds the ids afterwards, and only them; ends a generation
  /// under way. EmptyPrompt, ContextFull, BadToken, Aborted; InvalidArgument when `out` has another size.
  Status embed(std::span<const TokenId> ids, const EmbedOptions& options,
               std::span<float> out) noexcept;

  /// The ids in the context, valid until the next call that changes it. The newest token of a generation comes in with the
  /// step after its own.
  std::span<const TokenId> tokens() const noexcept;
  /// How many they are.
  std::uint32_t size() const noexcept;
  std::uint32_t capacity() const noexcept;
  /// Forget all but the first `size` tokens; ends a generation under way, and logits() are empty until the next
  /// evaluation.
  void truncate(std::uint32_t size) noexcept;

  /// Another session that holds the same tokens and is independent from then on; the generation under way is not copied.
  /// `parallel` must outlive it; null: the same as this one's. Only what the KV cache holds is copied.
  Result<Session> fork(Parallel* parallel = nullptr) const noexcept;

  /// The context as bytes, from which restore() makes it again under any engine of the same model, whatever the kernels,
  /// the threads and the capacity there; a generation goes on with the same bits as if it had never been away. The bytes
  /// are handed to `sink(context, bytes)` piece by piece, none of them copied.
  using SaveSink = Status (*)(void* context, Bytes bytes) noexcept;
  Status save(SaveSink sink, void* context) noexcept;
  /// The same turned inside out: save_begin() tells the bytes in all, save_piece() gives piece after piece, each valid
  /// until the next call, and an empty one at the end. InvalidState when the context changed meanwhile. A generation
  /// under way may go on afterwards.
  std::uint64_t save_begin() noexcept;
  Result<Bytes> save_piece() noexcept;

  /// In place of all that the context holds. BadSession (the detail says what and where) for bytes that no session of
  /// this model and KV type gave, or that were changed; ContextFull when they hold more tokens than fit. The session is
  /// empty then, and as good as new. Nothing in the bytes is trusted.
  Status restore(Source& source) noexcept;
  /// The same turned inside out, as ModelLoader is: `size` bytes will come in all; fill what is wanted, accept, until
  /// nothing is wanted. The bytes go straight to where they stay. Any other call that changes the context ends it.
  Status restore_begin(std::uint64_t size) noexcept;
  MutableBytes restore_wanted() noexcept;
  Status restore_accept() noexcept;

private:
  explicit Session(std::unique_ptr<detail::SessionData> data) noexcept;
  std::unique_ptr<detail::SessionData> data_;
};

/// FNV-1a 64 of the logits' bytes, continued from `state`: the fingerprint that engines compare step by step.
inline constexpr std::uint64_t kHashStart = 14695981039346656037ULL;
std::uint64_t hash_logits(std::span<const float> logits, std::uint64_t state = kHashStart) noexcept;

struct SelfTestReport {
  std::uint32_t kernel_cases = 0; ///< random and adversarial kernel cases compared with scalar
  std::uint32_t tokens = 0;       ///< golden ids compared
  std::uint64_t logits_hash = 0;  ///< of all steps
};
/// Known answers for the kernels in use: a millisecond of random and adversarial cases against scalar.
Result<std::uint32_t> check_kernels(std::string_view isa) noexcept;
/// check_kernels and, with the built-in model, the stored golden ids and logits hash of 200 greedy tokens. The model must
/// have been loaded with HeadType::kFile: a small head does not give all logits.
Result<SelfTestReport> self_test(const Model& builtin_model, Parallel& parallel) noexcept;

} // namespace bitnet
