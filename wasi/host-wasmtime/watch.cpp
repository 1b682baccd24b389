#include "watch.h"

#include <cstdlib>

#include <sys/time.h>

namespace bitnet::nn_wasmtime {
namespace {

constexpr int kStop = SIGUSR1; ///< from the destructor
constexpr std::chrono::microseconds kGrace(500000);

void arm(std::chrono::microseconds time) noexcept {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<decltype(timer.it_value.tv_sec)>(time.count() / 1000000);
  timer.it_value.tv_usec = static_cast<decltype(timer.it_value.tv_usec)>(time.count() % 1000000);
  setitimer(ITIMER_REAL, &timer, nullptr);
}

} // namespace

Watch::Watch() noexcept {
  sigemptyset(&signals_);
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    // A shell that starts a program in the background has it ignore SIGINT.
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_IGN)
      sigaddset(&signals_, number);
  }
  sigaddset(&signals_, SIGALRM);
  sigaddset(&signals_, kStop);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void Watch::stop() noexcept {
  if (!running_)
    return;
  running_ = false;
  stop_.store(true);
  pthread_kill(thread_, kStop);
  pthread_join(thread_, nullptr);
  arm(std::chrono::microseconds(0));
}

bool Watch::start(std::chrono::microseconds timeout, void (*interrupt)(void*),
                  void* context) noexcept {
  interrupt_ = interrupt;
  context_ = context;
  running_ = pthread_create(&thread_, nullptr, &Watch::enter, this) == 0;
  if (running_ && timeout.count() > 0)
    arm(timeout);
  return running_;
}

void* Watch::enter(void* self) noexcept {
  static_cast<Watch*>(self)->loop();
  return nullptr;
}

/// The next signal that means something; 0 when there is nothing left to watch.
int Watch::next() noexcept {
  for (;;) {
    int number = 0;
    if (sigwait(&signals_, &number) != 0 || (number == kStop && stop_.load()))
      return 0;
    if (number != kStop)
      return number;
  }
}

void Watch::loop() noexcept {
  const int number = next();
  if (number == 0)
    return;
  status_.store(number == SIGALRM ? kTrapStatus : 128 + number);
  end_.store(static_cast<int>(number == SIGALRM ? End::kTimeout : End::kSignal));
  interrupt_(context_);
  arm(kGrace);
  if (next() != 0)
    std::_Exit(exit_status());
}

} // namespace bitnet::nn_wasmtime
