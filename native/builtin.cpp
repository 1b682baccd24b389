#include "builtin.h"

#include <bit>
#include <cstdint>

namespace cli {
namespace {

// kSize, and kWords: the file as little-endian words, which compile ten times as fast as its bytes
// would.
#include "builtin_model.inc"

static_assert(std::endian::native == std::endian::little);

} // namespace

bitnet::Bytes builtin_model() { return {reinterpret_cast<const std::uint8_t*>(kWords), kSize}; }

} // namespace cli
