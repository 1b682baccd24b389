// The only file that asks which processor this is.
#include "kernels/cpu_features.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace bitnet {

bool cpu_runs(std::string_view isa) noexcept {
#if defined(__x86_64__) || defined(__i386__)
  if (isa == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
  if (isa == "avx512_vnni" || isa == "avx512_vnni_ahead")
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && cpu_runs("avx2");
  if (isa == "avxvnni") { // leaf 7, subleaf 1, EAX; older compilers have no name for it
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1U) != 0 && cpu_runs("avx2");
  }
#elif defined(__aarch64__)
  if (isa == "neon") // part of the architecture
    return true;
#if defined(__linux__)
  if (isa == "neon_dotprod") // from what the kernel hands to every process as it starts
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__ARM_FEATURE_DOTPROD) // every processor the compiler compiles for: Macs
  if (isa == "neon_dotprod")
    return true;
#endif
#endif
  return isa == "scalar" || isa.starts_with("wasm_");
}

bool cpu_is_intel() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_is("intel") != 0;
#else
  return false;
#endif
}

} // namespace bitnet
