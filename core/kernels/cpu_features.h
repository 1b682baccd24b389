// Does this processor run a named instruction set?
#pragma once

#include <string_view>

namespace bitnet {

/// True for "scalar" and for WebAssembly's sets (an engine that lacks them refuses the module as a whole).
bool cpu_runs(std::string_view isa) noexcept;

/// Which processor asks memory how far ahead by itself is told by no feature, so by its maker.
bool cpu_is_intel() noexcept;

} // namespace bitnet
