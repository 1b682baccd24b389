// Time and memory inside a WebAssembly module, WASI and Emscripten alike.
#include "platform/clock.h"

#include <cstddef>
#include <ctime>

namespace bitnet {

std::uint64_t now_ns() noexcept {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Linear memory never shrinks, so its size now is its peak.
std::uint64_t peak_memory() noexcept {
  constexpr std::uint64_t kPage = 65536;
  return std::uint64_t{__builtin_wasm_memory_size(0)} * kPage;
}

} // namespace bitnet
