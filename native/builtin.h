// The small model inside the program, so that it answers without any file.
#pragma once

#include "bitnet/types.hpp"

namespace cli {

/// A GGUF file's bytes.
bitnet::Bytes builtin_model();

} // namespace cli
