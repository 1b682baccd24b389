// A flat hash table from keys to the numbers 0, 1, 2... of things kept elsewhere. Enters: a hash and a way to compare.
// Leaves: a number. It owns only its slots, never deletes, and refuses a file made to collide rather than crawl.
#pragma once

#include "bitnet/memory.hpp"

#include <bit>
#include <string_view>

namespace bitnet {

inline std::uint64_t mix_hash(std::uint64_t h) noexcept {
  h = (h ^ h >> 32) * 0x9FB21C651E98DF25ULL;
  h = (h ^ h >> 29) * 0xD6E8FEB86659FD93ULL;
  return h ^ h >> 32;
}

inline std::uint64_t text_hash(std::string_view text) noexcept {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : text)
    h = (h ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
  return mix_hash(h);
}

class HashIndex {
public:
  static constexpr std::uint32_t kNone = ~0U;

  /// Room for `count` keys (below 2^30) at half full or less.
  static Result<HashIndex> make(std::uint64_t count, const char* what) noexcept {
    auto slots = Buffer<Slot>::make(std::bit_ceil(2 * count + 1), what);
    if (!slots)
      return slots.error();
    HashIndex index;
    index.slots_ = std::move(*slots);
    return index;
  }

  /// Memory taken.
  std::uint64_t bytes() const noexcept { return slots_.bytes(); }

  /// The number whose key has this hash and for which equal(number) holds; kNone when there is none.
  template <class Equal> std::uint32_t find(std::uint64_t hash, Equal&& equal) const noexcept {
    if (slots_.empty())
      return kNone;
    // insert() has put every key within kMostProbes of its start, so a longer walk cannot find one.
    std::size_t at = start(hash);
    for (std::size_t probes = 0; slots_[at].entry != 0 && probes <= kMostProbes;
         at = next(at), ++probes)
      if (slots_[at].tag == tag(hash) && equal(slots_[at].entry - 1))
        return slots_[at].entry - 1;
    return kNone;
  }

  /// Add `number`, unless an equal key is there: the first one stays.
  template <class Equal>
  Status insert(std::uint64_t hash, std::uint32_t number, Equal&& equal) noexcept {
    std::size_t at = start(hash);
    for (std::size_t probes = 0; slots_[at].entry != 0; at = next(at), ++probes) {
      if (slots_[at].tag == tag(hash) && equal(slots_[at].entry - 1))
        return {};
      if (probes == kMostProbes)
        return Error(ErrorCode::LimitExceeded) << "hash collisions in the vocabulary";
    }
    slots_[at] = {number + 1, tag(hash)};
    return {};
  }

private:
  /// `entry` is the number plus 1, 0 for an empty slot. `tag` is the half of the hash that does not choose the slot: keys
  /// made to share a slot are told apart without looking at them.
  struct Slot {
    std::uint32_t entry;
    std::uint32_t tag;
  };

  /// At half full, a million honest keys have runs well below this.
  static constexpr std::size_t kMostProbes = 256;

  static std::uint32_t tag(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
  }

  std::size_t start(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash) & (slots_.size() - 1);
  }
  std::size_t next(std::size_t at) const noexcept { return (at + 1) & (slots_.size() - 1); }

  Buffer<Slot> slots_;
};

} // namespace bitnet
