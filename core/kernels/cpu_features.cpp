// The only file that asks which processor this is.
#include "kernels/cpu_features.h"

namespace bitnet {

bool cpu_runs(std::string_view isa) noexcept {
#if defined(__x86_64__) || defined(__i386__)
  if (isa == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
  if (isa == "avx512_vnni")
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && cpu_runs("avx2");
#endif
  return isa == "scalar" || isa.starts_with("wasm_");
}

} // namespace bitnet
