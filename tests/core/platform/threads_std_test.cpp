// What only real threads can show.
#include "platform/threads.h"

#include <catch_amalgamated.hpp>

#include <atomic>
#include <chrono>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

} // namespace

TEST_CASE(
    "threads that lose their cores in the middle of a task do not hold up the caller for long",
    "[platform]") {
  const auto parallel = bitnet::make_parallel(3);
  CHECK(parallel);
  if (!parallel)
    return;
  const auto caller = std::this_thread::get_id();
  constexpr int kRuns = 1000;
  constexpr std::size_t kTasks = 8;
  constexpr double kAway = 4; // ms, as long as a system gives a core to another program
  std::atomic<int> stalls = 0;
  std::atomic<int> tasks = 0;
  const auto start = Clock::now();
  for (int round = 0; round < kRuns; ++round)
    parallel->each(kTasks, [&](std::size_t) {
      tasks.fetch_add(1);
      if (std::this_thread::get_id() != caller) {
        stalls.fetch_add(1);
        std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(kAway));
        return;
      }
      const auto began = Clock::now();
      while (ms_since(began) < 0.02) {
      }
    });
  const double took = ms_since(start);
  INFO(stalls << " stalls in " << took << " ms");
  CHECK(tasks == kRuns * static_cast<int>(kTasks));
  // Some ten are to be expected; waiting for threads in every run would make two thousand.
  CHECK(stalls < 40 + took / 10);
}

TEST_CASE("after stalls the threads are used again", "[platform]") {
  const auto parallel = bitnet::make_parallel(2);
  CHECK(parallel);
  if (!parallel)
    return;
  const auto caller = std::this_thread::get_id();
  const auto others = [&](auto delay) {
    std::atomic<int> done = 0;
    parallel->each(8, [&](std::size_t) {
      if (std::this_thread::get_id() != caller)
        done.fetch_add(1);
      std::this_thread::sleep_for(
          std::this_thread::get_id() == caller ? std::chrono::milliseconds(1) : delay);
    });
    return done.load();
  };
  CHECK(others(std::chrono::milliseconds(30)) <= 8);
  // At most 32 times the loss later; each run takes some 8 ms.
  int helped = 0;
  for (int i = 0; i < 2000 && helped == 0; ++i)
    helped = others(std::chrono::milliseconds(1));
  CHECK(helped > 0);
}

TEST_CASE("runs from inside tasks, and from several threads at once", "[platform]") {
  const auto parallel = bitnet::make_parallel(3);
  CHECK(parallel);
  if (!parallel)
    return;
  const auto nested = [&parallel] {
    std::atomic<int> done = 0;
    parallel->each(
        6, [&](std::size_t) { parallel->each(5, [&](std::size_t) { done.fetch_add(1); }); });
    return done == 30;
  };
  std::atomic<int> wrong = 0;
  const auto many = [&] {
    for (int i = 0; i < 300; ++i)
      wrong += nested() ? 0 : 1;
  };
  std::thread other(many);
  many();
  other.join();
  CHECK(wrong == 0);
}
