// Ends what takes too long or is no longer wanted: a time limit, SIGINT, SIGTERM.
#pragma once

#include <atomic>
#include <chrono>

#include <pthread.h>
#include <signal.h>

namespace bitnet::nn_wasmtime {

/// Of a guest that trapped, and of one that took too long.
inline constexpr int kTrapStatus = 134;

class Watch {
public:
  enum class End : int { kNone, kTimeout, kSignal };

  /// Blocks the signals in this thread and those it will make. Call it before there are others.
  Watch() noexcept;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { stop(); }

  /// From now on: when the time is over (0: never) or a signal comes, `interrupt(context)` is
  /// called, once and on a thread of its own. What then still runs half a second later hangs in a
  /// call that nothing can interrupt: the process ends there. False: no thread could be had.
  bool start(std::chrono::microseconds timeout, void (*interrupt)(void* context),
             void* context) noexcept;

  /// Afterwards `interrupt` is not called any more.
  void stop() noexcept;

  End end() const noexcept { return static_cast<End>(end_.load()); }
  /// kTrapStatus after a timeout; 128 and its number after a signal.
  int exit_status() const noexcept { return status_.load(); }

private:
  static void* enter(void* self) noexcept;
  void loop() noexcept;
  int next() noexcept;

  sigset_t signals_;
  pthread_t thread_{};
  bool running_ = false;
  void (*interrupt_)(void*) = nullptr;
  void* context_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::atomic<int> end_ = 0;
  std::atomic<int> status_ = 0;
};

} // namespace bitnet::nn_wasmtime
