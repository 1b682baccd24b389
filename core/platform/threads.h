// A Parallel over the machine's threads (POSIX threads natively and in the isolated browser; one thread under WASI).
#pragma once

#include "bitnet/types.hpp"

#include <memory>

namespace bitnet {

/// Threads the machine offers, at least 1.
unsigned hardware_threads() noexcept;
/// A pool of `threads` (the caller's included); 0: hardware_threads(). When threads cannot be had, fewer run.
std::unique_ptr<Parallel> make_parallel(unsigned threads) noexcept;

} // namespace bitnet
