// Time and memory of this process, for the faces' reports.
#pragma once

#include <cstdint>

namespace bitnet {

/// A monotonic clock, nanoseconds.
std::uint64_t now_ns() noexcept;
/// Peak resident memory in bytes; 0 where the system does not tell.
std::uint64_t peak_memory() noexcept;

} // namespace bitnet
