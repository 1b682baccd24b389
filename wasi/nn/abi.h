// What a WASI-NN guest sees: numbers, the memory its pointers point into, and the table of functions. Module name
// `wasi_ephemeral_nn`; every parameter and result is an i32. The standard's witx functions, and WasmEdge's beside them
// (marked *): every adapter (Wasmtime, WasmEdge, Node) registers the rows of functions() and does nothing else.
#pragma once

#include "bitnet/types.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace bitnet::nn {

inline constexpr std::string_view kModuleName = "wasi_ephemeral_nn";

/// 0 to 8 are the standard's (wasi-nn.witx, nn_errno), 100 to 103 WasmEdge's.
enum class Errno : std::uint32_t {
  kSuccess = 0,
  kInvalidArgument = 1,
  kInvalidEncoding = 2,
  kMissingMemory = 3,
  kBusy = 4,
  kRuntimeError = 5,
  kUnsupportedOperation = 6,
  kTooLarge = 7,
  kNotFound = 8,
  kEndOfSequence = 100,
  kContextFull = 101,
  kPromptTooLong = 102,
  kModelNotFound = 103,
};

/// A guest's linear memory. Nothing is ever read or written outside it, and nothing is read twice where another thread
/// of the guest could have changed it in between.
class GuestMemory {
public:
  virtual ~GuestMemory() = default;
  /// Bytes, now: a guest's memory may grow between calls.
  virtual std::uint64_t size() const noexcept = 0;

  bool holds(std::uint32_t offset, std::uint64_t length) const noexcept {
    const std::uint64_t bytes = size();
    return length <= bytes && offset <= bytes - length;
  }
  /// False, with nothing copied, when the range is not inside the memory.
  bool read(std::uint32_t offset, MutableBytes into) const noexcept {
    if (!holds(offset, into.size()))
      return false;
    if (!into.empty())
      copy_out(offset, into);
    return true;
  }
  bool write(std::uint32_t offset, Bytes from) noexcept {
    if (!holds(offset, from.size()))
      return false;
    if (!from.empty())
      copy_in(offset, from);
    return true;
  }

protected:
  /// The range is inside and not empty.
  virtual void copy_out(std::uint32_t offset, MutableBytes into) const noexcept = 0;
  virtual void copy_in(std::uint32_t offset, Bytes from) noexcept = 0;
};

/// Memory that this process can address.
class LinearMemory final : public GuestMemory {
public:
  LinearMemory(std::uint8_t* base, std::uint64_t size) noexcept : base_(base), size_(size) {}
  std::uint64_t size() const noexcept override { return size_; }

protected:
  void copy_out(std::uint32_t offset, MutableBytes into) const noexcept override;
  void copy_in(std::uint32_t offset, Bytes from) noexcept override;

private:
  std::uint8_t* base_;
  std::uint64_t size_;
};

class Host;

struct Function {
  std::string_view name;
  std::uint32_t parameters;
  Errno (Host::*call)(GuestMemory& memory, const std::uint32_t* arguments) noexcept;
};

inline constexpr std::size_t kMostParameters = 5;

/// The twelve: load, load_by_name, load_by_name_with_config*, init_execution_context, set_input, compute, get_output,
/// compute_single*, get_output_single*, fini_single*, unload*, finalize_execution_context*.
std::span<const Function> functions() noexcept;

} // namespace bitnet::nn
