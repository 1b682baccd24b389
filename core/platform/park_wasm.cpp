// WebAssembly waits on memory itself. Emscripten's conditions do the same behind a mutex, and whoever holds that may have lost
// its core: beside a busy neighbour to wake a thread through them took 110 us instead of 10.
#include "platform/park.h"

#include <climits>
#include <cmath>

#include <emscripten/threading.h>

namespace bitnet {
namespace {

volatile void* address(const std::atomic<std::uint32_t>& word) noexcept {
  return const_cast<std::atomic<std::uint32_t>*>(&word);
}

} // namespace

void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  emscripten_futex_wait(address(word), value, INFINITY);
}

void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  emscripten_futex_wake(address(word), INT_MAX);
}

// Emscripten's sched_yield() yields nothing, and asks JavaScript for the time.
void yield_core() noexcept {}

} // namespace bitnet
