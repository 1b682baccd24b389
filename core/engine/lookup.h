// Prompt lookup: text repeats itself, so what followed the last few tokens before is a guess at what follows them now. A
// guess costs nothing but its evaluation; the engine evaluates guesses together with the newest token and keeps those
// that the sampler, asked token by token as ever, chooses too. (Saxena, Prompt Lookup Decoding, 2023.)
#pragma once

#include "bitnet/options.hpp"

#include <array>

namespace bitnet {

/// What followed the newest earlier place where the last three tokens of `history` stand; or two, or one, but at least
/// `least`. Where that place is near the end, the guess goes on with itself. Returns how many ids are in `out`: all of it
/// or none. Time: one pass over the history, as each layer's attention is.
std::size_t look_up(std::span<const TokenId> history, std::size_t least,
                    std::span<TokenId> out) noexcept;

/// The guesses that were evaluated, and how many to make: more while they are right, fewer and more rarely when not.
class Drafts {
public:
  /// Nothing known; at most `most` guesses at once.
  void start(std::uint32_t most) noexcept;
  /// What was evaluated is no longer there.
  void forget() noexcept { count_ = taken_ = 0; }

  /// New guesses after `history`, at most `room`; valid until the next call.
  std::span<const TokenId> guess(std::span<const TokenId> history, std::size_t room) noexcept;
  /// Is `id` the next one guessed? Then it has been evaluated, as token row() of the batch.
  bool take(TokenId id) noexcept;
  /// How many guesses came true since guess().
  std::size_t row() const noexcept { return taken_; }

private:
  void learn() noexcept;

  std::array<TokenId, kMostDraft> ids_{};
  std::size_t count_ = 0;
  std::size_t taken_ = 0;
  std::size_t most_ = 0;
  std::size_t length_ = 1; ///< of the next guess
  std::size_t pause_ = 0;  ///< tokens without a guess after the next that is mostly wrong
  std::size_t rest_ = 0;   ///< of the pause under way
};

} // namespace bitnet
