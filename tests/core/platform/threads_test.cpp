#include "platform/threads.h"

#include <catch_amalgamated.hpp>

#include <atomic>
#include <vector>

TEST_CASE("each task runs exactly once, however many threads there are", "[platform]") {
  for (const unsigned threads : {1U, 2U, 3U, 8U}) {
    const auto parallel = bitnet::make_parallel(threads);
    CHECK(parallel);
    if (!parallel)
      return;
    CHECK(parallel->threads() >= 1);
    CHECK(parallel->threads() <= threads);
    for (const std::size_t count : {0U, 1U, 2U, 7U, 1000U}) {
      std::vector<std::atomic<int>> times(count);
      parallel->each(count, [&times](std::size_t i) { times[i].fetch_add(1); });
      bool once = true;
      for (const auto& time : times)
        once = once && time.load() == 1;
      CHECK(once);
    }
  }
}

TEST_CASE("thousands of short runs, each seeing the writes of the one before", "[platform]") {
  const auto parallel = bitnet::make_parallel(4);
  CHECK(parallel);
  if (!parallel)
    return;
  constexpr std::size_t kTasks = 16;
  std::vector<std::uint64_t> values(kTasks, 1); // no atomics: run() itself must order them
  for (int round = 0; round < 20'000; ++round)
    parallel->each(kTasks, [&values](std::size_t i) { values[i] = values[i] * 3 + i; });
  std::vector<std::uint64_t> expected(kTasks, 1);
  for (int round = 0; round < 20'000; ++round)
    for (std::size_t i = 0; i < kTasks; ++i)
      expected[i] = expected[i] * 3 + i;
  CHECK(values == expected);
}

TEST_CASE("pools come and go, used or not", "[platform]") {
  for (int i = 0; i < 1000; ++i) {
    const auto parallel = bitnet::make_parallel(3);
    CHECK(parallel);
    std::atomic<int> sum = 0;
    if (parallel && i % 2 == 0)
      parallel->each(5, [&sum](std::size_t task) { sum += static_cast<int>(task); });
    CHECK(sum == (i % 2 == 0 ? 10 : 0));
  }
  CHECK(bitnet::make_parallel(0)->threads() <= bitnet::hardware_threads());
}

TEST_CASE("long tasks beside short ones, so that threads sleep and wake", "[platform]") {
  const auto parallel = bitnet::make_parallel(2);
  CHECK(parallel);
  if (!parallel)
    return;
  std::atomic<std::uint64_t> done = 0;
  for (int round = 0; round < 20; ++round)
    parallel->each(8, [&done](std::size_t i) {
      volatile std::uint64_t work = 0;
      for (std::uint64_t k = 0; k < (i == 0 ? 2'000'000U : 10U); ++k)
        work = work + k;
      done.fetch_add(1);
    });
  CHECK(done == 160);
}
