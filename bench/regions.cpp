// What sharing costs: a forward pass is a row of parallel runs with serial work between them, here with arithmetic of known
// length instead of kernels. usage: bench_regions [--threads N] [--rounds N]
// One line of JSON per length of a run: its time on one thread, on all, and what that is beyond an even share of it.
#include "platform/threads.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace bitnet;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

volatile std::uint32_t sink;

/// Dependent multiplications, so that no compiler shortens them and no memory matters.
void work(std::size_t steps) {
  std::uint32_t x = 1;
  for (std::size_t i = 0; i < steps; ++i)
    x = x * 1664525U + 1013904223U;
  sink = x;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

constexpr std::size_t kRuns = 100;     // of one round, some ms as a token has
constexpr std::size_t kTasks = 8;      // what blocks.cpp gives two threads
constexpr double kSerial = 10e-6;      // s between two runs
constexpr std::size_t kTrial = 400000; // steps: half a millisecond

double round_of(Parallel& parallel, std::size_t steps, std::size_t serial) {
  const double start = now();
  for (std::size_t i = 0; i < kRuns; ++i) {
    work(serial);
    parallel.each(steps == 0 ? 2 : kTasks, [&](std::size_t) { work(steps / kTasks); });
  }
  return (now() - start) / kRuns;
}

} // namespace

int main(int argc, char** argv) {
  unsigned threads = 2;
  std::size_t rounds = 21;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--threads") == 0)
      threads = static_cast<unsigned>(std::atoi(argv[i + 1]));
    else if (std::strcmp(argv[i], "--rounds") == 0)
      rounds = static_cast<std::size_t>(std::max(1, std::atoi(argv[i + 1])));
  }
  const auto all = make_parallel(threads);
  Serial one;
  if (!all)
    return 1;
  for (int i = 0; i < 50; ++i) // compilers that watch, and clocks that speed up
    work(kTrial);
  double best = 1.0;
  for (int i = 0; i < 20; ++i) {
    const double start = now();
    work(kTrial);
    best = std::min(best, now() - start);
  }
  const double steps_per_second = static_cast<double>(kTrial) / best;
  const auto serial = static_cast<std::size_t>(kSerial * steps_per_second);
  for (const double microseconds : {0.0, 50.0, 150.0, 500.0}) {
    const auto steps = static_cast<std::size_t>(microseconds * 1e-6 * steps_per_second);
    std::vector<double> alone, shared;
    for (std::size_t i = 0; i < rounds; ++i) {
      alone.push_back(round_of(one, steps, serial));
      shared.push_back(round_of(*all, steps, serial));
    }
    const double ideal = kSerial + (microseconds * 1e-6) / all->threads();
    std::printf("{\"figure\": \"region\", \"threads\": %u, \"work_us\": %.0f, \"alone_us\": %.2f, "
                "\"shared_us\": %.2f, \"beyond_us\": %.2f}\n",
                all->threads(), microseconds, median(alone) * 1e6, median(shared) * 1e6,
                (median(shared) - ideal) * 1e6);
  }
  return 0;
}
