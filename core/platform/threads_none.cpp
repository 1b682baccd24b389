// One thread: WASI preview 1 has no others, and neither has a page that is not cross-origin
// isolated.
#include "platform/threads.h"

#include <new>

namespace bitnet {

unsigned hardware_threads() noexcept { return 1; }

std::unique_ptr<Parallel> make_parallel(unsigned /*threads*/) noexcept {
  return std::unique_ptr<Parallel>(new (std::nothrow) Serial);
}

} // namespace bitnet
