#include "guest.h"

#include "args.h"
#include "platform/file.h"
#include "printable.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace bitnet::nn_wasmtime {
namespace {

using std::string;
using std::string_view;

constexpr const char* kGuestVariable = "BITNET_GUEST";
constexpr std::uint64_t kMostModuleBytes = std::uint64_t{1} << 30;

/// A vector of the C API's, which owns what it holds.
template <class V, void (*kDelete)(V*)> struct OwnedVec : V {
  OwnedVec() noexcept : V{} {}
  OwnedVec(const OwnedVec&) = delete;
  OwnedVec& operator=(const OwnedVec&) = delete;
  ~OwnedVec() { kDelete(this); }
};
using ByteVec = OwnedVec<wasm_byte_vec_t, wasm_byte_vec_delete>;

string_view view_of(const wasm_byte_vec_t& bytes) { return {bytes.data, bytes.size}; }
string_view view_of(const wasm_name_t* name) { return name == nullptr ? "" : view_of(*name); }

/// The error's text; takes the error.
string text_of(wasmtime_error_t* error) {
  const Owned<wasmtime_error_t, wasmtime_error_delete> owned(error);
  ByteVec message;
  wasmtime_error_message(error, &message);
  return string(view_of(message));
}

/// Every function of WASI-NN, called with its row of the table. The store's data is the host.
wasm_trap_t* call_host(void* row, wasmtime_caller_t* caller, const wasmtime_val_t* arguments,
                       size_t count, wasmtime_val_t* results, size_t /*one*/) noexcept {
  const auto& function = *static_cast<const nn::Function*>(row);
  wasmtime_context_t* context = wasmtime_caller_context(caller);
  auto& host = *static_cast<nn::Host*>(wasmtime_context_get_data(context));

  std::uint32_t words[nn::kMostParameters] = {};
  for (size_t i = 0; i < std::min(count, nn::kMostParameters); ++i)
    words[i] = static_cast<std::uint32_t>(arguments[i].of.i32);

  nn::Errno status = nn::Errno::kMissingMemory;
  constexpr string_view kMemory = "memory";
  if (wasmtime_extern_t item;
      wasmtime_caller_export_get(caller, kMemory.data(), kMemory.size(), &item)) {
    if (item.kind == WASMTIME_EXTERN_MEMORY) {
      nn::LinearMemory memory(wasmtime_memory_data(context, &item.of.memory),
                              wasmtime_memory_data_size(context, &item.of.memory));
      status = (host.*function.call)(memory, words);
    }
    wasmtime_extern_delete(&item);
  }
  results[0].kind = WASMTIME_I32;
  results[0].of.i32 = static_cast<std::int32_t>(status);
  return nullptr;
}

/// So many i32, and one back.
Owned<wasm_functype_t, wasm_functype_delete> function_type(std::uint32_t parameters) {
  wasm_valtype_vec_t in;
  wasm_valtype_vec_t out;
  wasm_valtype_vec_new_uninitialized(&in, parameters);
  for (std::uint32_t i = 0; i < parameters; ++i)
    in.data[i] = wasm_valtype_new(WASM_I32);
  wasm_valtype_vec_new_uninitialized(&out, 1);
  out.data[0] = wasm_valtype_new(WASM_I32);
  return Owned<wasm_functype_t, wasm_functype_delete>(wasm_functype_new(&in, &out));
}

bool is_shared_memory(const wasm_externtype_t* type) {
  if (wasm_externtype_kind(type) != WASM_EXTERN_MEMORY)
    return false;
  return wasmtime_memorytype_isshared(wasm_externtype_as_memorytype_const(type));
}

/// The guest's arguments, variables and folders; null, and told, when they cannot be had.
Owned<wasi_config_t, wasi_config_delete> wasi_of(const CommandLine& line,
                                                 const string& program_name, std::uint32_t number) {
  Owned<wasi_config_t, wasi_config_delete> wasi(wasi_config_new());
  std::vector<const char*> arguments{program_name.c_str()};
  for (std::size_t i = 1; i < line.words.size(); ++i)
    arguments.push_back(line.words[i].c_str());
  if (!wasi_config_set_argv(wasi.get(), arguments.size(), arguments.data())) {
    complain("the guest's arguments are not UTF-8");
    return nullptr;
  }

  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const CommandLine::Variable& variable : line.environment) {
    if (line.guests > 1 && variable.name == kGuestVariable)
      continue;
    names.push_back(variable.name.c_str());
    values.push_back(variable.value.c_str());
  }
  const string number_text = std::to_string(number);
  if (line.guests > 1) {
    names.push_back(kGuestVariable);
    values.push_back(number_text.c_str());
  }
  if (!wasi_config_set_env(wasi.get(), names.size(), names.data(), values.data())) {
    complain("the guest's environment is not UTF-8");
    return nullptr;
  }

  for (const CommandLine::Folder& folder : line.folders) {
    if (!wasi_config_preopen_dir(wasi.get(), folder.host.c_str(), folder.guest.c_str(), true)) {
      complain("no such folder: " + folder.host);
      return nullptr;
    }
  }
  wasi_config_inherit_stdin(wasi.get());
  wasi_config_inherit_stdout(wasi.get());
  wasi_config_inherit_stderr(wasi.get());
  return wasi;
}

} // namespace

void complain(const string& what) {
  std::fprintf(stderr, "bitnet-nn: %s\n", cli::printable(what, "\n").c_str());
}

std::optional<Program> Program::load(const CommandLine& line) {
  Program program;
  program.name_ = line.words[0];
  if (!program.compile(line) || !program.check_imports_and_exports() || !program.define_imports())
    return std::nullopt;
  return program;
}

bool Program::compile(const CommandLine& line) {
  const auto file = open_file(name_);
  if (!file) {
    complain(string(error_sentence(file.error().code())) + ": " + string(file.error().detail()));
    return false;
  }
  const std::uint64_t size = (*file)->size();
  if (size > kMostModuleBytes) {
    complain(name_ + " is larger than any guest: " + std::to_string(size) + " bytes");
    return false;
  }
  ByteVec bytes;
  wasm_byte_vec_new_uninitialized(&bytes, static_cast<std::size_t>(size));
  const MutableBytes into(reinterpret_cast<std::uint8_t*>(bytes.data), bytes.size);
  if (const Status read = (*file)->read(0, into); !read) {
    complain(name_ + ": " + error_sentence(read.error().code()));
    return false;
  }

  constexpr string_view kMagic("\0asm", 4);
  constexpr string_view kComponent("\x0d\0\x01\0", 4); // where a module has its version, 1
  if (view_of(bytes).substr(0, 4) == kMagic && view_of(bytes).substr(4, 4) == kComponent) {
    complain(name_ +
             " is a component (WASI 0.2 or later); this host runs core modules, of WASI preview 1: "
             "build it for wasm32-wasip1");
    return false;
  }
#ifdef WASMTIME_FEATURE_WAT
  if (view_of(bytes).substr(0, 4) != kMagic) { // or it is in the text format
    ByteVec binary;
    if (wasmtime_error_t* error = wasmtime_wat2wasm(bytes.data, bytes.size, &binary)) {
      complain(name_ + " is no WebAssembly module: " + text_of(error));
      return false;
    }
    std::swap(static_cast<wasm_byte_vec_t&>(bytes), static_cast<wasm_byte_vec_t&>(binary));
  }
#endif

  wasm_config_t* config = wasm_config_new();
  wasmtime_config_epoch_interruption_set(config, true); // how a guest is stopped
  // Without relaxed SIMD's own switch off, Wasmtime refuses to be without SIMD.
  wasmtime_config_wasm_relaxed_simd_set(config, line.relaxed_simd && line.simd);
  wasmtime_config_wasm_simd_set(config, line.simd);
  if (line.limits.stack_bytes)
    wasmtime_config_max_wasm_stack_set(config, static_cast<std::size_t>(*line.limits.stack_bytes));
  engine_.reset(wasm_engine_new_with_config(config));
  if (engine_ == nullptr) {
    complain("Wasmtime does not take these -W settings");
    return false;
  }

  wasmtime_module_t* module = nullptr;
  if (wasmtime_error_t* error = wasmtime_module_new(
          engine_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data), bytes.size, &module)) {
    complain(name_ + ": " + text_of(error));
    return false;
  }
  module_.reset(module);
  return true;
}

bool Program::check_imports_and_exports() const {
  OwnedVec<wasm_importtype_vec_t, wasm_importtype_vec_delete> imports;
  wasmtime_module_imports(module_.get(), &imports);
  OwnedVec<wasm_exporttype_vec_t, wasm_exporttype_vec_delete> exports;
  wasmtime_module_exports(module_.get(), &exports);

  bool shared = false;
  for (std::size_t i = 0; i < imports.size; ++i)
    shared |= is_shared_memory(wasm_importtype_type(imports.data[i]));
  bool start = false;
  bool plain = false;
  bool memory = false;
  for (std::size_t i = 0; i < exports.size; ++i) {
    const string_view name = view_of(wasm_exporttype_name(exports.data[i]));
    const wasm_externtype_t* type = wasm_exporttype_type(exports.data[i]);
    shared |= is_shared_memory(type);
    memory |= name == "memory" && wasm_externtype_kind(type) == WASM_EXTERN_MEMORY;
    if (name == "_start" && wasm_externtype_kind(type) == WASM_EXTERN_FUNC) {
      const wasm_functype_t* function = wasm_externtype_as_functype_const(type);
      start = true;
      plain =
          wasm_functype_params(function)->size == 0 && wasm_functype_results(function)->size == 0;
    }
  }
  if (shared)
    complain(name_ +
             " has a shared memory: WASI preview 1 gives guests no threads, build it without them");
  else if (!start)
    complain(name_ + " exports no _start: it is a library (a reactor), not a program");
  else if (!plain)
    complain(name_ + ": _start takes or returns values, which no program's does");
  else if (!memory)
    complain(name_ + " exports no memory under that name, where WASI and WASI-NN look for what a "
                     "guest hands them");
  return !shared && start && plain && memory;
}

bool Program::define_imports() {
  linker_.reset(wasmtime_linker_new(engine_.get()));
  wasmtime_error_t* error = wasmtime_linker_define_wasi(linker_.get());
  for (const nn::Function& function : nn::functions()) {
    if (error != nullptr)
      break;
    error = wasmtime_linker_define_func(
        linker_.get(), nn::kModuleName.data(), nn::kModuleName.size(), function.name.data(),
        function.name.size(), function_type(function.parameters).get(), call_host,
        const_cast<nn::Function*>(&function), nullptr);
  }
  if (error != nullptr)
    complain(text_of(error));
  return error == nullptr;
}

void Program::interrupt() const noexcept { wasmtime_engine_increment_epoch(engine_.get()); }

int Program::run(const CommandLine& line, nn::Host& host, std::uint32_t number,
                 const Watch& watch) const {
  const string own_name = line.program_name.value_or(name_.substr(name_.find_last_of('/') + 1));
  auto wasi = wasi_of(line, own_name, number);
  if (wasi == nullptr)
    return cli::kFailed;

  const Owned<wasmtime_store_t, wasmtime_store_delete> store(
      wasmtime_store_new(engine_.get(), &host, nullptr));
  wasmtime_context_t* context = wasmtime_store_context(store.get());
  wasmtime_context_set_epoch_deadline(context, 1);
  if (line.limits.memory_bytes)
    wasmtime_store_limiter(store.get(), static_cast<std::int64_t>(*line.limits.memory_bytes), -1,
                           -1, -1, -1);
  if (watch.end() != Watch::End::kNone) // before this guest had a deadline to miss
    return watch.exit_status();

  wasmtime_error_t* error = wasmtime_context_set_wasi(context, wasi.release());
  wasm_trap_t* trap = nullptr;
  wasmtime_instance_t instance;
  if (error == nullptr)
    error = wasmtime_linker_instantiate(linker_.get(), context, module_.get(), &instance, &trap);
  const bool linked = error == nullptr;
  if (error == nullptr && trap == nullptr) {
    constexpr string_view kStart = "_start";
    wasmtime_extern_t start;
    if (wasmtime_instance_export_get(context, &instance, kStart.data(), kStart.size(), &start)) {
      error = wasmtime_func_call(context, &start.of.func, nullptr, 0, nullptr, 0, &trap);
      wasmtime_extern_delete(&start);
    }
  }

  int status = 0;
  if (error != nullptr && wasmtime_error_exit_status(error, &status)) {
    wasmtime_error_delete(error);
    return status;
  }
  if (watch.end() != Watch::End::kNone && (error != nullptr || trap != nullptr)) {
    if (error != nullptr)
      wasmtime_error_delete(error);
    if (trap != nullptr)
      wasm_trap_delete(trap);
    return watch.exit_status(); // told already
  }
  if (error != nullptr) {
    complain(name_ + ": " + text_of(error));
    return linked ? kTrapStatus : cli::kFailed;
  }
  if (trap != nullptr) {
    ByteVec message;
    wasm_trap_message(trap, &message);
    complain(name_ + ": " + string(view_of(message).substr(0, std::strlen(message.data))));
    wasm_trap_delete(trap);
    return kTrapStatus;
  }
  return 0;
}

} // namespace bitnet::nn_wasmtime
