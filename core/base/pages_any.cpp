// Memory where there is only one kind of pages.
#include "bitnet/memory.hpp"

namespace bitnet::detail {

void* allocate(std::size_t bytes, std::size_t alignment, Pages /*pages*/) noexcept {
  return std::aligned_alloc(alignment, bytes);
}

} // namespace bitnet::detail
