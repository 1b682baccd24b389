// Handles: numbers that guests hold. They count up from 0 and are never used again, so that a stale one is never
// somebody else's. Owns what they stand for.
#pragma once

#include "bitnet/memory.hpp"

#include <limits>
#include <memory>
#include <optional>

namespace bitnet::nn {

template <class T> class Handles {
public:
  Handles() noexcept = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    for (const Slot& slot : slots_)
      delete slot.item;
  }

  /// The new handle; OutOfMemory, or LimitExceeded when there are `most` already or all numbers are used up.
  Result<std::uint32_t> add(std::unique_ptr<T> item, std::uint32_t most,
                            const char* what) noexcept {
    if (item == nullptr)
      return Error(ErrorCode::OutOfMemory) << what;
    if (slots_.size() >= most || next_ > std::numeric_limits<std::uint32_t>::max())
      return Error(ErrorCode::LimitExceeded)
             << what << ": " << std::uint64_t{slots_.size()} << " live, " << next_ << " ever";
    const auto handle = static_cast<std::uint32_t>(next_);
    BITNET_TRY(slots_.push({handle, item.get()}));
    item.release(); // NOLINT(bugprone-unused-return-value): the slot owns it now
    ++next_;
    return handle;
  }
  /// Null when there is no such handle.
  T* find(std::uint32_t handle) const noexcept {
    const Slot* slot = lower(handle);
    return slot != nullptr ? slot->item : nullptr;
  }
  std::unique_ptr<T> take(std::uint32_t handle) noexcept {
    const Slot* slot = lower(handle);
    if (slot == nullptr)
      return nullptr;
    std::unique_ptr<T> item(slot->item);
    const auto at = static_cast<std::size_t>(slot - slots_.begin());
    for (std::size_t i = at + 1; i < slots_.size(); ++i)
      slots_[i - 1] = slots_[i];
    slots_.truncate(slots_.size() - 1);
    return item;
  }
  template <class F> void each(F&& f) noexcept {
    for (const Slot& slot : slots_)
      f(*slot.item);
  }
  /// The handle of the first item that `fits(item)`.
  template <class Fits> std::optional<std::uint32_t> find_if(Fits fits) const noexcept {
    for (const Slot& slot : slots_)
      if (fits(*slot.item))
        return slot.handle;
    return std::nullopt;
  }

private:
  struct Slot {
    std::uint32_t handle;
    T* item;
  };
  /// Handles only grow, so the slots are sorted.
  const Slot* lower(std::uint32_t handle) const noexcept {
    std::size_t low = 0;
    std::size_t high = slots_.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (slots_[middle].handle < handle)
        low = middle + 1;
      else
        high = middle;
    }
    return low < slots_.size() && slots_[low].handle == handle ? slots_.data() + low : nullptr;
  }

  Vec<Slot> slots_;
  std::uint64_t next_ = 0;
};

} // namespace bitnet::nn
