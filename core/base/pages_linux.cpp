// Memory on Linux, which gives pages of 2 MiB to those who ask (Documentation/admin-guide/mm/transhuge.rst of the kernel).
#include "bitnet/memory.hpp"

#include <sys/mman.h>

namespace bitnet::detail {
namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20;
/// Below this the part of a page that stays unused would show.
constexpr std::size_t kWorthIt = 8 * kLargePage;

} // namespace

void* allocate(std::size_t bytes, std::size_t alignment, Pages pages) noexcept {
  if (pages == Pages::kAny || bytes < kWorthIt)
    return std::aligned_alloc(alignment, bytes);
  void* memory = std::aligned_alloc(kLargePage, (bytes + kLargePage - 1) / kLargePage * kLargePage);
  if (memory != nullptr)
    (void)madvise(memory, bytes,
                  MADV_HUGEPAGE); // a system that has none says so; that is its answer
  return memory;
}

} // namespace bitnet::detail
