// The WASI-NN host: graph = Model, execution context = Session. Two objects:
//
//   Models   one per process: what `--nn-preload` names, loaded when a guest first asks and then shared by all guests
//   Host     one per guest: its handles (counted up from 0, never used again), its contexts and their KV caches
//
//   bitnet::nn::Models models(bitnet::nn::open_model, {}, *parallel);
//   BITNET_TRY(models.preload("default:GGML:AUTO:model.gguf"));
//   bitnet::nn::Host host(models, {});
//   for (const bitnet::nn::Function& function : bitnet::nn::functions())
//     ... register it; when called: errno = (host.*function.call)(memory, arguments)
//
// Guests' options, errnos and outputs: wasi/nn/README.md. No runtime's header is included here.
#pragma once

#include "bitnet/bitnet.hpp"
#include "nn/abi.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

namespace bitnet::nn {

/// The models that guests may name. Several threads may use one Models at once; it must outlive its hosts.
class Models {
public:
  /// How a path that a preload names becomes a Model; NotFound when there is no such file. One thread per name calls it.
  using Open = Result<Model> (*)(std::string_view path, const LoadOptions& options) noexcept;

  /// `open` may be null when nothing is preloaded by path. `options` are for every model; its view must stay valid.
  /// `parallel` is the threads that all sessions share. Both outlive the hosts.
  Models(Open open, const LoadOptions& options, Parallel& parallel) noexcept;
  ~Models();
  Models(const Models&) = delete;
  Models& operator=(const Models&) = delete;

  /// "NAME:ENCODING:TARGET:PATH" as `wasmedge --nn-preload` spells it: ENCODING GGML, BitNet or AUTODETECT, TARGET CPU,
  /// GPU, TPU or AUTO (all are the CPU), both in any case; PATH may hold colons. A name given twice: the last wins.
  /// InvalidArgument says what is wrong with it.
  Status preload(std::string_view spec) noexcept;
  /// A model that is loaded already.
  Status add(std::string_view name, const Model& model) noexcept;

  Parallel& parallel() const noexcept { return *parallel_; }

private:
  friend class Host;
  struct Entry;
  Entry* find(std::string_view name) noexcept;
  Status insert(std::string_view name, std::string_view path, const Model* model,
                bool bitnet) noexcept;
  /// The entry's model, loaded now if this is the first time.
  Result<Model> get(Entry& entry) noexcept;

  Open open_;
  LoadOptions options_;
  Parallel* parallel_;
  std::mutex mutex_;
  Entry* entries_ = nullptr; ///< a list that only grows
};

/// Models::Open over the files of this machine.
Result<Model> open_model(std::string_view path, const LoadOptions& options) noexcept;

/// What get_output does when the guest's buffer is too small for the output.
enum class OutputRule : std::uint8_t {
  kProbe, ///< TooLarge, and the size needed stands where the written size would
  kClamp, ///< the first bytes, and success (WasmEdge's BitNet backend up to 0.17.1); a buffer of 0 bytes still probes
  kLlamaEdge, ///< as kProbe, but a buffer of 0 bytes is taken for the 245,888 that LlamaEdge's guests have behind it
};

/// By the name that command lines use: "probe", "clamp" or "llamaedge".
std::optional<OutputRule> output_rule(std::string_view name) noexcept;

/// What the host tells outside of the guest's memory. Called on the guest's thread, never while a lock is held.
struct Hooks {
  void* context = nullptr;
  /// Generated text of a guest that asked for "stream-stdout". False: nobody reads, the generation ends.
  bool (*print)(void* context, std::string_view text) noexcept = nullptr;
  /// One line, without its end: why a call failed (of the first hundred of a guest), and what "enable-log" asks for.
  void (*log)(void* context, std::string_view line) noexcept = nullptr;
};

struct HostOptions {
  OutputRule output_rule = OutputRule::kProbe;
  /// What all its contexts (prompts, KV caches, activations, outputs) and the models that it loads from its own memory
  /// may take together; what would go beyond gets TooLarge.
  std::uint64_t max_session_bytes = std::uint64_t{8} << 30;
  Hooks hooks = {};
};

/// One guest's graphs and contexts. The guest's threads may call at once: two calls on one context give Busy to the
/// second, contexts of one graph run side by side.
class Host {
public:
  Host(Models& models, const HostOptions& options) noexcept;
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// From any thread or a signal handler: calls under way end with RuntimeError at the next token or batch of the prompt,
  /// and so does every later call. For a guest that has gone away.
  void cancel() noexcept;

  // The table's rows: arguments as the ABI orders them.
  Errno load(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno load_by_name(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno load_by_name_with_config(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno init_execution_context(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno set_input(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno compute(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno get_output(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno compute_single(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno get_output_single(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno fini_single(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno unload(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
  Errno finalize_execution_context(GuestMemory& memory, const std::uint32_t* arguments) noexcept;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace bitnet::nn
