// A WASI program under Wasmtime: compiled once, then run by any number of guests.
#pragma once

#include "command_line.h"
#include "watch.h"

#include <memory>

#include <wasmtime.h>

namespace bitnet::nn_wasmtime {

/// "bitnet-nn: <what>" on stderr.
void complain(const std::string& what);

/// unique_ptr of what the C API hands out.
template <auto kDelete> struct Deleter {
  template <class T> void operator()(T* object) const noexcept { kDelete(object); }
};
template <class T, auto kDelete> using Owned = std::unique_ptr<T, Deleter<kDelete>>;

/// What all guests share: the compiled module, and what it may import.
class Program {
public:
  /// The program of line.words[0]. What is wrong has been told.
  static std::optional<Program> load(const CommandLine& line);

  /// Ends every guest that runs code of its own. From any thread.
  void interrupt() const noexcept;

  /// Runs it to its end in a store of its own, as guest `number` of line.guests. The exit status.
  int run(const CommandLine& line, nn::Host& host, std::uint32_t number, const Watch& watch) const;

private:
  Program() = default;
  bool compile(const CommandLine& line);
  bool check_imports_and_exports() const;
  bool define_imports();

  std::string name_; ///< for messages
  Owned<wasm_engine_t, wasm_engine_delete> engine_;
  Owned<wasmtime_module_t, wasmtime_module_delete> module_;
  Owned<wasmtime_linker_t, wasmtime_linker_delete> linker_;
};

} // namespace bitnet::nn_wasmtime
