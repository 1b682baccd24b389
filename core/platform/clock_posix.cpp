// Time and memory where there is a kernel to ask.
#include "platform/clock.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include <sys/resource.h>

namespace bitnet {

std::uint64_t now_ns() noexcept {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t peak_memory() noexcept {
  // Linux: VmHWM is of this program only; getrusage still counts what the process was before exec.
  if (std::FILE* file = std::fopen("/proc/self/status", "re")) {
    char line[256];
    unsigned long long kib = 0;
    while (std::fgets(line, sizeof line, file) != nullptr)
      if (constexpr std::string_view kPeak = "VmHWM:"; std::string_view(line).starts_with(kPeak)) {
        kib = std::strtoull(line + kPeak.size(), nullptr, 10);
        break;
      }
    std::fclose(file);
    if (kib != 0)
      return std::uint64_t{kib} * 1024;
  }
  rusage usage = {};
  if (::getrusage(RUSAGE_SELF, &usage) != 0)
    return 0;
#ifdef __APPLE__
  return static_cast<std::uint64_t>(usage.ru_maxrss); // bytes there, KiB elsewhere
#else
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
#endif
}

} // namespace bitnet
