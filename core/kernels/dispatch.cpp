// Which kernels this machine runs. Asked once; the answer never changes.
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

namespace bitnet {

#define BITNET_ISA(name) extern const Kernels kernels_##name;
#include "kernels/kernels.def"
#undef BITNET_ISA

namespace {

constexpr std::size_t kCompiledIn = 0
#define BITNET_ISA(name) +1
#include "kernels/kernels.def"
#undef BITNET_ISA
    ;

struct Runnable {
  const Kernels* kernels[kCompiledIn] = {};
  std::size_t count = 0;

  Runnable() noexcept {
    const Kernels* const compiled[] = {
#define BITNET_ISA(name) &kernels_##name,
#include "kernels/kernels.def"
#undef BITNET_ISA
    };
    const Kernels* later[kCompiledIn] = {};
    std::size_t late = 0;
    for (const Kernels* candidate : compiled) {
      if (candidate == &kernels_scalar || !cpu_runs(candidate->name))
        continue;
      if (candidate->suits == nullptr || candidate->suits())
        kernels[count++] = candidate;
      else
        later[late++] = candidate;
    }
    for (std::size_t i = 0; i < late && count < kCompiledIn; ++i)
      kernels[count++] = later[i];
    if (count < kCompiledIn)
      kernels[count++] = &kernels_scalar;
  }
};

} // namespace

std::span<const Kernels* const> all_kernels() noexcept {
  static const Runnable runnable;
  return {runnable.kernels, runnable.count};
}

const Kernels* find_kernels(std::string_view name) noexcept {
  for (const Kernels* kernels : all_kernels())
    if (name.empty() || kernels->name == name)
      return kernels;
  return nullptr;
}

} // namespace bitnet
