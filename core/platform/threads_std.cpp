// A pool of threads for tasks that last microseconds. A run hands its tasks out one by one to
// whoever is awake, the caller first of all, and ends when the last task does: it waits for no
// thread that has not begun. A worker whose core another program takes in the middle of a task is
// waited for, and that may last longer than a hundred runs: Losses bounds how often. pthreads, not
// std::thread, because a thread that cannot be had is an answer here, not an exception.
#include "platform/threads.h"

#include "platform/clock.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>

#include <pthread.h>
#include <sched.h>

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
  const std::uint64_t start = now_ns();
  do {
    for (int yields = 0; yields < kYieldsPerClock; ++yields) {
      for (int looks = 0; looks < kLooksPerYield; ++looks)
        if (done())
          return true;
      sched_yield();
    }
  } while (now_ns() - start < kSpinNs);
  return done();
}

// What runs with all threads have cost beyond what the caller alone would have needed, as far as it
// can tell: its own tasks' time stands for the others', although tasks differ in size and slow each
// other down. Other threads may waste a part of the time;
// once they have wasted more, the caller works alone until the part has grown to it, so that a
// neighbour who takes a core leaves nearly the speed of one thread, however the system shares out
// the rest.
class Losses {
public:
  bool alone(std::uint64_t now) noexcept {
    balance_ = std::min(balance_ + static_cast<std::int64_t>((now - seen_) / kPart), kCredit);
    seen_ = now;
    return balance_ < 0;
  }

  /// A run of `count` tasks took `ns`, of which the caller spent `own_ns` on `own` of them.
  void add(std::uint64_t ns, std::uint64_t own_ns, std::size_t own, std::size_t count) noexcept {
    if (own == 0)
      return; // nothing to compare with: others did all
    const double caller_alone =
        static_cast<double>(own_ns) * static_cast<double>(count) / static_cast<double>(own);
    // A gain is bounded by the credit; a loss, so that a clock that ticks in milliseconds or a machine that slept does
    // not end sharing for long.
    const double gain = std::clamp(caller_alone - static_cast<double>(ns), -kMostLoss, kMostLoss);
    balance_ = std::min(balance_ + static_cast<std::int64_t>(gain), kCredit);
  }

private:
  static constexpr std::uint64_t kPart = 32;
  static constexpr std::int64_t kCredit = 1'000'000; // ns: a hiccup of the system is no neighbour
  static constexpr double kMostLoss = 1e7;
  std::int64_t balance_ = kCredit;
  std::uint64_t seen_ = now_ns();
};

class Pool final : public Parallel {
public:
  Pool() noexcept = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  ~Pool() override {
    pthread_mutex_lock(&mutex_);
    stop_.store(true);
    pthread_cond_broadcast(&wake_);
    pthread_mutex_unlock(&mutex_);
    for (unsigned i = 0; i < workers_; ++i)
      pthread_join(threads_[i], nullptr);
    pthread_cond_destroy(&wake_);
    pthread_cond_destroy(&idle_);
    pthread_mutex_destroy(&mutex_);
  }

  /// As many workers as can be had, at most `count`.
  void grow(unsigned count) noexcept {
    while (workers_ < std::min(count, kMostThreads - 1) &&
           pthread_create(&threads_[workers_], nullptr, &Pool::enter, this) == 0)
      ++workers_;
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
    if (losses_.alone(start)) {
      busy_.clear(std::memory_order_release);
      for (std::size_t i = 0; i < count; ++i)
        task(context, i);
      return;
    }
    // No run is open and nobody is inside one: the four fields are ours.
    task_ = task;
    context_ = context;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    epoch_.fetch_add(1); // odd: open
    if (sleepers_.load() != 0) {
      pthread_mutex_lock(&mutex_);
      pthread_cond_broadcast(&wake_);
      pthread_mutex_unlock(&mutex_);
    }
    const std::uint64_t begun = now_ns();
    const std::size_t own = work();
    const std::uint64_t worked = now_ns();
    epoch_.fetch_add(1); // even: closed; who comes now touches nothing
    wait_for_others();
    losses_.add(now_ns() - start, worked - begun, own, count);
    busy_.clear(std::memory_order_release);
  }

private:
  static void* enter(void* pool) noexcept {
    static_cast<Pool*>(pool)->serve();
    return nullptr;
  }

  /// How many tasks there were for this thread.
  std::size_t work() noexcept {
    std::size_t done = 0;
    for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_; ++done)
      task_(context_, i);
    return done;
  }

  bool idle(std::uint64_t seen) const noexcept {
    const std::uint64_t epoch = epoch_.load();
    return (epoch % 2 == 0 || epoch == seen) && !stop_.load();
  }

  void serve() noexcept {
    std::uint64_t seen = 0;
    for (;;) {
      if (!spin([&] { return !idle(seen); })) {
        pthread_mutex_lock(&mutex_);
        // Counted before looking again, as run() opens before it looks at the count: one sees the
        // other.
        sleepers_.fetch_add(1);
        while (idle(seen))
          pthread_cond_wait(&wake_, &mutex_);
        sleepers_.fetch_sub(1);
        pthread_mutex_unlock(&mutex_);
      }
      if (stop_.load())
        return;
      // The same handshake: inside is counted before the epoch is read, and run() closes before it
      // counts.
      inside_.fetch_add(1);
      const std::uint64_t epoch = epoch_.load();
      if (epoch % 2 == 1 && epoch != seen) {
        seen = epoch;
        work();
      }
      if (inside_.fetch_sub(1) == 1 && waiting_.load()) {
        pthread_mutex_lock(&mutex_);
        pthread_cond_signal(&idle_);
        pthread_mutex_unlock(&mutex_);
      }
    }
  }

  void wait_for_others() noexcept {
    if (spin([&] { return inside_.load() == 0; }))
      return;
    pthread_mutex_lock(&mutex_);
    waiting_.store(true);
    while (inside_.load() != 0)
      pthread_cond_wait(&idle_, &mutex_);
    waiting_.store(false);
    pthread_mutex_unlock(&mutex_);
  }

  Task task_ = nullptr;
  void* context_ = nullptr;
  std::size_t count_ = 0;
  Losses losses_; // its owner is who holds busy_
  // Apart, because every thread writes them all the time.
  std::atomic_flag busy_;
  alignas(64) std::atomic<std::size_t> next_ = 0;
  alignas(64) std::atomic<std::uint64_t> epoch_ = 0;
  alignas(64) std::atomic<unsigned> inside_ = 0;
  alignas(64) std::atomic<unsigned> sleepers_ = 0;
  std::atomic<bool> waiting_ = false;
  std::atomic<bool> stop_ = false;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t idle_ = PTHREAD_COND_INITIALIZER;
  unsigned workers_ = 0;
  pthread_t threads_[kMostThreads - 1] = {};
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
