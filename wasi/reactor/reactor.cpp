#include "reactor.h"

#include <cstdint>
#include <cstdlib>

namespace {

// kSize, and kWords: the file as little-endian words, which compile ten times as fast as its bytes would.
#include "builtin_model.inc"

} // namespace

void* bitnet_alloc(size_t size) { return std::malloc(size); }
void bitnet_free(void* memory) { std::free(memory); }

int bitnet_builtin_model(const bitnet_load_options* options, bitnet_model** model) {
  return bitnet_model_load_memory(kWords, kSize, options, model);
}
