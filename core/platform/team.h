// How many threads of a pool take part. A neighbour that takes a core leaves a thread standing in the middle of a task for
// as long as a hundred runs, and whoever shares with it waits: then one thread less is faster.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bitnet {

/// Judges by windows of time in which the team ran: in a good one both the caller and all together spent most of it in
/// tasks. Otherwise the team loses a thread, and gets it back for a trial after a pause; a trial that fails doubles the
/// next pause. A hiccup of the system costs less than a window and is forgotten.
class Team {
public:
  explicit Team(unsigned most) noexcept : most_(most), size_(most) {}

  /// Threads that may take part in a run that begins now, the caller's included. Times are in nanoseconds.
  unsigned size(std::uint64_t now) noexcept {
    if (size_ < most_ && now >= until_) {
      begin(size_ + 1, kTrial);
      until_ = UINT64_MAX; // nobody else joins before this one has been judged
    }
    return size_;
  }

  /// A run of the team ended at `now` and took `ns`, of which the caller spent `own_ns` in tasks and all threads together
  /// `busy_ns`.
  void add(std::uint64_t now, std::uint64_t ns, std::uint64_t own_ns,
           std::uint64_t busy_ns) noexcept {
    ns_ += ns;
    own_ns_ += own_ns;
    busy_ns_ += busy_ns;
    if (ns_ < window_)
      return;
    const std::uint64_t least = ns_ * kLeastPercent / 100;
    const bool good = own_ns_ >= least && busy_ns_ >= least * size_;
    if (!good) {
      until_ = now + pause_;
      pause_ = std::min(2 * pause_, kLongestPause);
      begin(std::max(size_ - 1, 1U), kWindow);
      return;
    }
    if (until_ == UINT64_MAX) { // a trial, and who joined stays: others may follow sooner
      pause_ = std::max(pause_ / 2, kShortestPause);
      until_ = now + pause_;
    } else if (size_ == most_) {
      pause_ = kShortestPause;
    }
    begin(size_, kWindow);
  }

private:
  static constexpr std::uint64_t kWindow = 40'000'000;
  static constexpr std::uint64_t kTrial = 10'000'000;
  static constexpr std::uint64_t kShortestPause = 50'000'000;
  static constexpr std::uint64_t kLongestPause = 1'600'000'000;
  static constexpr std::uint64_t kLeastPercent = 65;

  void begin(unsigned size, std::uint64_t window) noexcept {
    size_ = size;
    window_ = window;
    ns_ = own_ns_ = busy_ns_ = 0;
  }

  unsigned most_;
  unsigned size_;
  std::uint64_t window_ = kWindow;
  std::uint64_t until_ = 0; ///< when a larger team is tried
  std::uint64_t pause_ = kShortestPause;
  std::uint64_t ns_ = 0, own_ns_ = 0, busy_ns_ = 0;
};

} // namespace bitnet
