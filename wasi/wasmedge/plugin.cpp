// The plugin that gives a stock `wasmedge` this host in place of its own wasi_nn: WasmEdge's plugin C API, one source for
// the API versions 4 and 5. Everything it calls of WasmEdge is plain C that the program which loads it brings along.
#include "args.h"
#include "nn/host.h"
#include "platform/threads.h"
#include "printable.h"

#include <wasmedge/wasmedge.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include <unistd.h>

namespace bitnet::nn {
namespace {

// --- the user's options: of the command line, or where that is silent, of the environment ---

const WasmEdge_String kNotGiven{0, nullptr};
WasmEdge_String preload_option = kNotGiven;
WasmEdge_String compat_option = kNotGiven;
WasmEdge_String threads_option = kNotGiven;
WasmEdge_String bytes_option = kNotGiven;

WasmEdge_ProgramOption options[] = {
    {"nn-preload",
     "Models that guests may name: NAME:ENCODING:TARGET:PATH, several separated by ';'. Given "
     "twice, the last one counts. "
     "Beside what the environment's BITNET_NN_PRELOAD holds.",
     WasmEdge_ProgramOptionType_String, &preload_option, &kNotGiven},
    {"nn-compat",
     "What a too small output buffer gets: probe (an error and the size needed), clamp (what "
     "fits), or llamaedge (as "
     "probe, but a buffer of 0 bytes counts as 245888).",
     WasmEdge_ProgramOptionType_String, &compat_option, &kNotGiven},
    {"nn-threads", "Threads for all models together; 0: one per processor.",
     WasmEdge_ProgramOptionType_String, &threads_option, &kNotGiven},
    {"nn-max-kv",
     "Memory for the contexts and own models of one guest, in bytes or as 512M or 8G; 8G when not "
     "given.",
     WasmEdge_ProgramOptionType_String, &bytes_option, &kNotGiven},
};

std::string_view value_of(const WasmEdge_String& option, const char* variable) noexcept {
  if (option.Length != 0)
    return {option.Buf, option.Length};
  const char* const value = std::getenv(variable);
  return value != nullptr ? value : "";
}

// --- what the host tells ---

/// A terminal would act on control characters, whoever made the model say them.
bool print(void* /*context*/, std::string_view text) noexcept {
  static const bool terminal = isatty(STDOUT_FILENO) != 0;
  const std::string shown = terminal ? cli::printable(text, "\n\t") : std::string(text);
  return std::fwrite(shown.data(), 1, shown.size(), stdout) == shown.size() &&
         std::fflush(stdout) == 0;
}

void log(void* /*context*/, std::string_view line) noexcept {
  std::fprintf(stderr, "wasi_nn: %s\n", cli::printable(line).c_str());
}

void complain(const char* option, std::string_view value, const char* why) noexcept {
  log(nullptr, std::string(option) + " '" + std::string(value) + "': " + why);
}

OutputRule chosen_rule() noexcept {
  const std::string_view name = value_of(compat_option, "BITNET_NN_COMPAT");
  if (name.empty())
    return OutputRule::kProbe;
  const auto rule = output_rule(name);
  if (!rule)
    complain("nn-compat", name, "not one of probe, clamp, llamaedge; probe is used");
  return rule.value_or(OutputRule::kProbe);
}

unsigned thread_count() noexcept {
  constexpr unsigned kMost = 1024;
  const std::string_view digits = value_of(threads_option, "BITNET_NN_THREADS");
  unsigned count = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9' || count > kMost) {
      complain("nn-threads", digits, "not a number of threads; all processors are used");
      return 0;
    }
    count = count * 10 + static_cast<unsigned>(digit - '0');
  }
  return std::min(count, kMost);
}

std::uint64_t session_bytes() noexcept {
  const std::uint64_t usual = HostOptions().max_session_bytes;
  const std::string_view size = value_of(bytes_option, "BITNET_NN_MAX_KV");
  if (size.empty())
    return usual;
  const auto bytes = cli::parse_size(size);
  if (!bytes)
    complain("nn-max-kv", size, "not a number of bytes, or one with K, M or G; 8G is used");
  return bytes.value_or(usual);
}

void preload(Models& models, std::string_view specs) noexcept {
  while (!specs.empty()) {
    const std::string_view spec = specs.substr(0, specs.find_first_of(";\n"));
    specs.remove_prefix(std::min(specs.size(), spec.size() + 1));
    if (spec.empty())
      continue;
    if (const Status status = models.preload(spec); !status)
      log(nullptr, status.error().detail()); // which names the spec
  }
}

/// One for the process, and never destroyed: a guest on another thread may run on while the process ends.
Models* models() noexcept {
  static Models* const all = []() -> Models* {
    Parallel* const parallel = make_parallel(thread_count()).release();
    if (parallel == nullptr)
      return nullptr;
    auto* const made = new (std::nothrow) Models(open_model, {}, *parallel);
    if (made == nullptr)
      return nullptr;
    if (const char* const variable = std::getenv("BITNET_NN_PRELOAD"))
      preload(*made, variable);
    preload(*made, {preload_option.Buf, preload_option.Length});
    return made;
  }();
  return all;
}

// --- a module instance: one guest's host, and the twelve functions bound to it ---

/// Asks WasmEdge for each range anew, which checks it a second time and knows where the memory lies now.
class FrameMemory final : public GuestMemory {
public:
  explicit FrameMemory(WasmEdge_MemoryInstanceContext* memory) noexcept : memory_(memory) {}
  std::uint64_t size() const noexcept override {
    return std::uint64_t{WasmEdge_MemoryInstanceGetPageSize(memory_)} << 16;
  }

protected:
  void copy_out(std::uint32_t offset, MutableBytes into) const noexcept override {
    const auto length = static_cast<std::uint32_t>(into.size());
    if (const auto* from = WasmEdge_MemoryInstanceGetPointerConst(memory_, offset, length))
      std::memcpy(into.data(), from, length);
  }
  void copy_in(std::uint32_t offset, Bytes from) noexcept override {
    const auto length = static_cast<std::uint32_t>(from.size());
    if (auto* into = WasmEdge_MemoryInstanceGetPointer(memory_, offset, length))
      std::memcpy(into, from.data(), length);
  }

private:
  WasmEdge_MemoryInstanceContext* memory_;
};

struct Binding {
  Host* host;
  const Function* function;
};

constexpr std::size_t kMostFunctions = 16;

struct Instance {
  Host host;
  Binding bindings[kMostFunctions];
};

void destroy(void* data) noexcept { delete static_cast<Instance*>(data); }

WasmEdge_Result call(void* data, const WasmEdge_CallingFrameContext* frame,
                     const WasmEdge_Value* parameters, WasmEdge_Value* results) noexcept {
  const auto& [host, function] = *static_cast<const Binding*>(data);
  Errno outcome = Errno::kMissingMemory;
  if (auto* const instance = WasmEdge_CallingFrameGetMemoryInstance(frame, 0)) {
    FrameMemory memory(instance);
    std::uint32_t arguments[kMostParameters] = {};
    for (std::uint32_t i = 0; i < function->parameters; ++i)
      arguments[i] = static_cast<std::uint32_t>(WasmEdge_ValueGetI32(parameters[i]));
    outcome = (host->*function->call)(memory, arguments);
  }
  results[0] = WasmEdge_ValueGenI32(static_cast<std::int32_t>(outcome));
  return {};
}

WasmEdge_String string_of(std::string_view text) noexcept {
  return {static_cast<std::uint32_t>(text.size()), text.data()};
}

/// False: no memory.
bool add_function(WasmEdge_ModuleInstanceContext* module, Binding& binding) noexcept {
  WasmEdge_ValType types[kMostParameters];
  std::fill_n(types, kMostParameters, WasmEdge_ValTypeGenI32());
  WasmEdge_FunctionTypeContext* const type =
      WasmEdge_FunctionTypeCreate(types, binding.function->parameters, types, 1);
  if (type == nullptr)
    return false;
  WasmEdge_FunctionInstanceContext* const function =
      WasmEdge_FunctionInstanceCreate(type, call, &binding, 0);
  WasmEdge_FunctionTypeDelete(type);
  if (function == nullptr)
    return false;
  WasmEdge_ModuleInstanceAddFunction(module, string_of(binding.function->name), function);
  return true;
}

WasmEdge_ModuleInstanceContext* create(const WasmEdge_ModuleDescriptor* /*descriptor*/) noexcept {
  Models* const all = models();
  if (all == nullptr)
    return nullptr;
  HostOptions host_options;
  host_options.output_rule = chosen_rule();
  host_options.max_session_bytes = session_bytes();
  host_options.hooks = {nullptr, print, log};
  auto* const instance = new (std::nothrow) Instance{Host(*all, host_options), {}};
  if (instance == nullptr)
    return nullptr;
  WasmEdge_ModuleInstanceContext* const module =
      WasmEdge_ModuleInstanceCreateWithData(string_of(kModuleName), instance, destroy);
  if (module == nullptr) {
    destroy(instance);
    return nullptr;
  }
  Binding* binding = instance->bindings;
  for (const Function& function : functions().first(std::min(functions().size(), kMostFunctions))) {
    *binding = {&instance->host, &function};
    if (!add_function(module, *binding++)) {
      WasmEdge_ModuleInstanceDelete(module); // and with it the instance
      return nullptr;
    }
  }
  return module;
}

// The name under which WasmEdge looks for the module; the module's own name is kModuleName.
WasmEdge_ModuleDescriptor modules[] = {{"wasi_nn", "WASI-NN for BitNet models", create}};

const WasmEdge_PluginDescriptor descriptor{
    "wasi_nn",
    "WASI-NN for BitNet models",
    WasmEdge_Plugin_CurrentAPIVersion,
    {BITNET_VERSION_NUMBERS, 0},
    static_cast<std::uint32_t>(std::size(modules)),
    static_cast<std::uint32_t>(std::size(options)),
    modules,
    options,
};

} // namespace
} // namespace bitnet::nn

extern "C" WASMEDGE_CAPI_PLUGIN_EXPORT const WasmEdge_PluginDescriptor*
WasmEdge_Plugin_GetDescriptor() {
  return &bitnet::nn::descriptor;
}
