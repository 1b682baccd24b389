// An execution context: a prompt, a session, and what came of them. Used by one call at a time (host.cpp sees to that);
// knows nothing of guests' memory and handles.
#pragma once

#include "nn/host.h"
#include "nn/options.h"

#include <optional>

namespace bitnet::nn {

/// What a call of the guest's ends with, and why, for the log.
struct Outcome {
  Errno code = Errno::kSuccess;
  Error error = Error(ErrorCode::Ok);

  Outcome() noexcept = default;
  Outcome(Errno number) noexcept : code(number) {} // NOLINT(google-explicit-constructor)
  Outcome(Errno number, const Error& why) noexcept : code(number), error(why) {}
  Outcome(const Error&
              why) noexcept; // NOLINT(google-explicit-constructor): the errno of the error's code
};

/// Memory that all sessions of a guest share.
class Budget {
public:
  explicit Budget(std::uint64_t bytes) noexcept : left_(bytes) {}
  bool take(std::uint64_t bytes) noexcept;
  void give(std::uint64_t bytes) noexcept { left_ += bytes; }

private:
  std::atomic<std::uint64_t> left_;
};

/// What a context borrows from its host.
struct Surroundings {
  Parallel& parallel;
  Budget& budget;
  const Hooks& hooks;
  const std::atomic<bool>& cancelled;
};

class Context {
public:
  Context(const Model& model, std::uint32_t graph, bool bitnet, const Options& options,
          const Surroundings& around) noexcept
      : model_(model), around_(around), options_(options), graph_(graph), bitnet_(bitnet) {}
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  std::uint32_t graph() const noexcept { return graph_; }

  Outcome set_prompt(Text prompt) noexcept;
  Outcome set_metadata(std::string_view json) noexcept;
  Outcome compute() noexcept;
  Outcome compute_single() noexcept;
  Outcome fini_single() noexcept;
  /// Output 0: the text or the embedding. Valid until the next call.
  std::string_view output() const noexcept { return view(output_); }
  /// Output 0 of get_output_single: the last piece.
  std::string_view piece() const noexcept { return view(piece_); }
  /// Output 1, JSON.
  Outcome describe(Text& out) const noexcept;

  /// Gives back model and session, for a graph that is gone; outputs stay. Only compute, compute_single and the two
  /// setters need what this takes away, and must not be called any more.
  void release() noexcept;

  /// A call is under way; guarded by the host's lock.
  bool busy = false;

private:
  Outcome tokenize(const Options& options, Vec<TokenId>& tokens) const noexcept;
  Outcome take(std::uint64_t bytes, std::uint64_t& account, const char* what) noexcept;
  void give_back(std::uint64_t& account) noexcept;
  void forget_prompt() noexcept;
  Outcome keep(Vec<TokenId> tokens) noexcept;
  Outcome ready() noexcept;
  Outcome start() noexcept;
  Outcome advance(Step& step) noexcept;
  Outcome embed() noexcept;
  Outcome finished() noexcept;
  void clear_outputs() noexcept;
  void log(std::string_view line) const noexcept;

  std::optional<Model> model_; ///< none once the graph is gone
  Surroundings around_;
  Options options_;
  std::uint32_t graph_;
  bool bitnet_; ///< opened as BitNet: a full context is success, as in that backend

  // Accounts: what was taken from the budget for each.
  bool has_prompt_ = false;
  Text prompt_;
  Vec<TokenId> tokens_; ///< of a prompt that fits into the model's context; none of a longer one
  std::uint32_t prompt_tokens_ = 0;
  std::uint64_t prompt_bytes_ = 0;
  std::optional<Session> session_;
  std::uint64_t session_bytes_ = 0;
  std::uint64_t grammar_bytes_ = 0; ///< what its session may hold for one
  std::uint64_t output_bytes_ = 0;

  Text output_;
  Text piece_;
  bool streaming_ = false;
  bool drained_ = false; ///< the last piece was handed out: the next call says how it ended
  FinishReason finish_ = FinishReason::kNone;
  std::uint32_t cached_ = 0;    ///< prompt tokens that the KV cache already held
  std::uint32_t generated_ = 0; ///< tokens
  std::uint64_t hash_ = kHashStart;
  std::uint64_t prompt_ns_ = 0, tokens_ns_ = 0; ///< time spent, for "enable-log"
};

} // namespace bitnet::nn
