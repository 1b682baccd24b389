// One mutex and one condition for all words: few threads sleep, and not often.
#include "platform/park.h"

#include <pthread.h>
#include <sched.h>

namespace bitnet {
namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

} // namespace

void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  pthread_mutex_lock(&mutex);
  while (word.load() == value)
    pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

void wake_all(const std::atomic<std::uint32_t>& /*word*/) noexcept {
  // Whoever looked at the word before it changed is inside the wait once we have the mutex.
  pthread_mutex_lock(&mutex);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

void yield_core() noexcept { sched_yield(); }

} // namespace bitnet
