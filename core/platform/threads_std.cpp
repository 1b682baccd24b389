// A pool of threads for tasks that last microseconds. A run hands its tasks out one by one to
// whoever is awake, the caller first of all, and ends when the last task does: it waits for no
// thread that has not begun. A worker whose core another program takes in the middle of a task is
// waited for, and that may last longer than a hundred runs: Team bounds how often. pthreads, not
// std::thread, because a thread that cannot be had is an answer here, not an exception.
#include "platform/threads.h"

#include "platform/clock.h"
#include "platform/park.h"
#include "platform/team.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>

#include <pthread.h>

namespace bitnet {
namespace {

constexpr unsigned kMostThreads = 256;

// How long an idle thread looks for work before it sleeps. Waking a sleeper takes some 50 us, the
// gap between two runs of one forward pass is less; yielding in between lets a busy machine go on.
constexpr std::uint64_t kSpinNs = 50'000;
constexpr int kLooksPerYield = 32;
constexpr int kYieldsPerClock = 16; // in WebAssembly a look at the clock is a call of JavaScript

/// Looks until `done()` or for about kSpinNs; whether it is done.
template <class Done> bool spin(Done done) noexcept {
  std::uint64_t start = 0;
  for (;;) {
    for (int yields = 0; yields < kYieldsPerClock; ++yields) {
      for (int looks = 0; looks < kLooksPerYield; ++looks)
        if (done())
          return true;
      yield_core();
    }
    const std::uint64_t now = now_ns();
    if (start == 0)
      start = now;
    else if (now - start >= kSpinNs)
      return done();
  }
}

class Pool final : public Parallel {
public:
  Pool() noexcept = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  ~Pool() override {
    stop_.store(true);
    epoch_.fetch_add(2); // both words change, and no run opens
    wake_all(epoch_);
    members_.fetch_add(kMostThreads);
    wake_all(members_);
    for (unsigned i = 0; i < workers_; ++i)
      pthread_join(threads_[i].thread, nullptr);
  }

  /// As many workers as can be had, at most `count`.
  void grow(unsigned count) noexcept {
    for (const unsigned most = std::min(count, kMostThreads - 1); workers_ < most; ++workers_) {
      Worker& worker = threads_[workers_];
      worker = {.pool = this, .index = workers_, .thread = {}};
      if (pthread_create(&worker.thread, nullptr, &Pool::enter, &worker) != 0)
        break;
    }
    team_ = Team(threads());
    members_.store(workers_);
    wake_all(members_);
  }

  unsigned threads() const noexcept override { return workers_ + 1; }

  // The threads serve one run at a time: another caller, or a task that itself wants to run tasks, gets its own thread.
  void run(std::size_t count, Task task, void* context) noexcept override {
    if (workers_ == 0 || count < 2 || busy_.test_and_set(std::memory_order_acquire)) {
      for (std::size_t i = 0; i < count; ++i)
        task(context, i);
      return;
    }
    const std::uint64_t start = now_ns();
    const unsigned size = team_.size(start);
    if (size == 1) {
      busy_.clear(std::memory_order_release);
      for (std::size_t i = 0; i < count; ++i)
        task(context, i);
      return;
    }
    // No run is open and nobody is inside one: the fields are ours.
    task_ = task;
    context_ = context;
    count_ = count;
    others_ns_.store(0, std::memory_order_relaxed);
    next_.store(0, std::memory_order_relaxed);
    if (members_.load(std::memory_order_relaxed) != size - 1) {
      members_.store(size - 1);
      wake_all(members_);
    }
    epoch_.fetch_add(1); // odd: open
    std::uint64_t begun = start;
    if (sleepers_.load() != 0) {
      wake_all(epoch_);
      begun = now_ns();
    }
    work();
    const std::uint64_t worked = now_ns();
    epoch_.fetch_add(1); // even: closed; who comes now touches nothing
    wait_for_others();
    const std::uint64_t end = now_ns();
    const std::uint64_t own = worked - begun;
    team_.add(end, end - start, own, own + others_ns_.load(std::memory_order_relaxed));
    busy_.clear(std::memory_order_release);
  }

private:
  struct Worker {
    Pool* pool;
    unsigned index;
    pthread_t thread;
  };

  static void* enter(void* context) noexcept {
    const auto* worker = static_cast<Worker*>(context);
    worker->pool->serve(worker->index);
    return nullptr;
  }

  /// Whether there was a task for this thread.
  bool work() noexcept {
    bool any = false;
    for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_; any = true)
      task_(context_, i);
    return any;
  }

  static bool closed(std::uint32_t epoch, std::uint32_t seen) noexcept {
    return epoch % 2 == 0 || epoch == seen;
  }
  bool idle(unsigned index, std::uint32_t seen) const noexcept {
    return (closed(epoch_.load(), seen) || index >= members_.load(std::memory_order_relaxed)) &&
           !stop_.load(std::memory_order_relaxed);
  }

  void sleep(unsigned index, std::uint32_t seen) noexcept {
    if (const std::uint32_t members = members_.load(); index >= members) {
      sleep_while(members_, members);
      return;
    }
    // Counted before looking again, as run() opens before it looks at the count: one sees the other.
    sleepers_.fetch_add(1);
    if (const std::uint32_t epoch = epoch_.load(); closed(epoch, seen) && !stop_.load())
      sleep_while(epoch_, epoch);
    sleepers_.fetch_sub(1);
  }

  void serve(unsigned index) noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      while (!spin([&] { return !idle(index, seen); }))
        sleep(index, seen);
      if (stop_.load())
        return;
      // The same handshake: inside is counted before the epoch is read, and run() closes before it
      // counts.
      inside_.fetch_add(1);
      if (const std::uint32_t epoch = epoch_.load(); !closed(epoch, seen)) {
        seen = epoch;
        const std::uint64_t begun = now_ns();
        if (work())
          others_ns_.fetch_add(now_ns() - begun, std::memory_order_relaxed);
      }
      if (inside_.fetch_sub(1) == 1 && waiting_.load())
        wake_all(inside_);
    }
  }

  void wait_for_others() noexcept {
    if (spin([&] { return inside_.load() == 0; }))
      return;
    waiting_.store(true);
    for (std::uint32_t inside; (inside = inside_.load()) != 0;)
      sleep_while(inside_, inside);
    waiting_.store(false);
  }

  Task task_ = nullptr;
  void* context_ = nullptr;
  std::size_t count_ = 0;
  Team team_{1}; // its owner is who holds busy_
  // Apart, because every thread writes them all the time.
  std::atomic_flag busy_;
  alignas(64) std::atomic<std::size_t> next_ = 0;
  alignas(64) std::atomic<std::uint32_t> epoch_ = 0;
  std::atomic<std::uint32_t> members_ = 0; ///< workers that take part: those before this index
  alignas(64) std::atomic<std::uint32_t> inside_ = 0;
  std::atomic<std::uint64_t> others_ns_ = 0; ///< that workers spent in tasks of this run
  alignas(64) std::atomic<std::uint32_t> sleepers_ = 0;
  std::atomic<bool> waiting_ = false;
  std::atomic<bool> stop_ = false;
  unsigned workers_ = 0;
  Worker threads_[kMostThreads - 1] = {};
};

} // namespace

unsigned hardware_threads() noexcept { return std::max(1U, std::thread::hardware_concurrency()); }

std::unique_ptr<Parallel> make_parallel(unsigned threads) noexcept {
  const unsigned wanted = threads == 0 ? hardware_threads() : threads;
  if (wanted > 1) {
    if (auto* pool = new (std::nothrow) Pool) {
      pool->grow(wanted - 1);
      return std::unique_ptr<Parallel>(pool);
    }
  }
  return std::unique_ptr<Parallel>(new (std::nothrow) Serial);
}

} // namespace bitnet
