// Where the threads of a pool sleep: until a word changes.
#pragma once

#include <atomic>
#include <cstdint>

namespace bitnet {

/// Sleeps while the word has this value, until wake_all(); may return sooner.
void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept;
/// Wakes all who sleep on the word. Change it first.
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;
/// Lets another thread have this core, where the system offers that.
void yield_core() noexcept;

} // namespace bitnet
