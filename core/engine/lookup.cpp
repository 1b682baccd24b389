// See lookup.h.
#include "engine/lookup.h"

#include <algorithm>

namespace bitnet {
namespace {

constexpr std::size_t kLongestMatch = 3;
/// A wrong guess costs most of a token. One in every 64 is below two percent.
constexpr std::size_t kLeastPause = 4, kMostPause = 64;

} // namespace

std::size_t look_up(std::span<const TokenId> history, std::size_t least,
                    std::span<TokenId> out) noexcept {
  if (history.empty() || out.empty())
    return 0;
  const std::size_t last = history.size() - 1;
  std::size_t place = 0; // of the last token, earlier
  std::size_t longest = 0;
  for (std::size_t i = last; i-- > 0 && longest < kLongestMatch;) {
    if (history[i] != history[last])
      continue;
    std::size_t length = 1;
    while (length < kLongestMatch && length <= i && history[i - length] == history[last - length])
      ++length;
    if (length > longest) {
      longest = length;
      place = i;
    }
  }
  if (longest == 0 || longest < least)
    return 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t from = place + 1 + i;
    out[i] = from <= last ? history[from] : out[from - history.size()];
  }
  return out.size();
}

void Drafts::start(std::uint32_t most) noexcept {
  *this = {};
  most_ = most;
  pause_ = kLeastPause;
}

std::span<const TokenId> Drafts::guess(std::span<const TokenId> history,
                                       std::size_t room) noexcept {
  learn();
  forget();
  if (rest_ > 0) {
    --rest_;
    return {};
  }
  // Two tokens in common say little, unless guesses have been right of late.
  const std::size_t least = length_ > 1 ? kLongestMatch - 1 : kLongestMatch;
  count_ = look_up(history, least, std::span(ids_).first(std::min({length_, room, most_})));
  return std::span(ids_).first(count_);
}

bool Drafts::take(TokenId id) noexcept {
  if (taken_ == count_ || ids_[taken_] != id)
    return false;
  ++taken_;
  return true;
}

void Drafts::learn() noexcept {
  if (count_ == 0)
    return;
  if (taken_ == count_) {
    length_ = std::min(2 * length_, most_);
    pause_ = std::max(pause_ / 2, kLeastPause);
  } else if (2 * taken_ >= count_) {
    length_ = taken_;
  } else {
    length_ = 1;
    rest_ = pause_;
    pause_ = std::min(2 * pause_, kMostPause);
  }
}

} // namespace bitnet
