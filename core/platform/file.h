// A Source over a file. Which implementation is compiled (mapped or read) is CMake's choice, never an #if.
#pragma once

#include "bitnet/types.hpp"

#include <memory>
#include <string>

namespace bitnet {

/// NotFound when the path names nothing readable, Io otherwise; the path stands in the error. Refuses directories.
Result<std::unique_ptr<Source>> open_file(const std::string& path) noexcept;

} // namespace bitnet
