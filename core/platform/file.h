// A Source over a file, read in pieces: a mapped file that shrinks would end the program with a signal.
#pragma once

#include "bitnet/types.hpp"

#include <memory>
#include <string>

namespace bitnet {

/// NotFound when the path names nothing readable, Io otherwise; the path stands in the error. Refuses directories.
Result<std::unique_ptr<Source>> open_file(const std::string& path) noexcept;

} // namespace bitnet
