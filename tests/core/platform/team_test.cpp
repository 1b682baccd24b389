#include "platform/team.h"

#include <catch_amalgamated.hpp>

namespace {

constexpr std::uint64_t kMs = 1'000'000;

/// A team at work on a machine that can be made busy: each run has 200 us of tasks.
struct Machine {
  bitnet::Team team;
  std::uint64_t now = 1'000'000'000;
  std::uint64_t stall = 0; ///< ns that a run of more than `cores` threads waits for one of them
  unsigned cores = 0;
  std::uint64_t stalls = 0;

  explicit Machine(unsigned threads) : team(threads), cores(threads) {}

  unsigned run() {
    constexpr std::uint64_t kTasks = 200'000;
    const unsigned size = team.size(now);
    const std::uint64_t share = kTasks / size;
    const bool stalled = size > cores && stall != 0;
    const std::uint64_t ns = share + (stalled ? stall : 0);
    now += ns;
    stalls += stalled;
    if (size > 1) // the stalled one stands in a task, the others are idle
      team.add(now, ns, share, kTasks + (stalled ? stall : 0));
    return size;
  }
  void run_until(std::uint64_t end) {
    while (now < end)
      run();
  }
};

} // namespace

TEST_CASE("all threads take part while all are busy", "[platform]") {
  Machine machine(4);
  for (int i = 0; i < 10'000; ++i)
    CHECK(machine.run() == 4);
}

TEST_CASE("a hiccup of the system changes nothing", "[platform]") {
  Machine machine(2);
  for (int i = 0; i < 50; ++i) {
    machine.run_until(machine.now + 100 * kMs);
    machine.stall = 8 * kMs;
    machine.cores = 1;
    CHECK(machine.run() == 2);
    machine.stall = 0;
    CHECK(machine.run() == 2);
  }
}

TEST_CASE("beside a neighbour on one core the team is one smaller nearly all the time",
          "[platform]") {
  for (const unsigned threads : {2U, 3U, 8U}) {
    Machine machine(threads);
    machine.cores = threads - 1;
    machine.stall = 3 * kMs;
    const std::uint64_t start = machine.now;
    machine.run_until(start + 1000 * kMs);
    CHECK(machine.stalls < 50);
    machine.stalls = 0;
    machine.run_until(start + 60'000 * kMs);
    CHECK(machine.stalls * machine.stall < 59'000 * kMs / 50); // a fiftieth
    CHECK(machine.stalls > 20);                                // it is looked at again
  }
}

TEST_CASE("when the neighbour leaves, all come back soon", "[platform]") {
  Machine machine(3);
  machine.cores = 1;
  machine.stall = 3 * kMs;
  machine.run_until(machine.now + 20'000 * kMs);
  machine.cores = 3;
  machine.run_until(machine.now + 5'000 * kMs);
  CHECK(machine.run() == 3);
}

TEST_CASE("a caller that waits counts as much as workers that do", "[platform]") {
  bitnet::Team team(3);
  std::uint64_t now = 1;
  for (int i = 0; i < 100 && team.size(now) == 3; ++i) {
    now += 4 * kMs;
    team.add(now, 4 * kMs, kMs / 50, 8 * kMs); // both workers stand in tasks all the time
  }
  CHECK(team.size(now) == 2);
}
