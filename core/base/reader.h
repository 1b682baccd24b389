// A checked little-endian cursor over bytes that somebody else wrote. Reading past the end fails, never overruns.
#pragma once

#include "bitnet/types.hpp"

#include <bit>
#include <cstring>

namespace bitnet {

static_assert(std::endian::native == std::endian::little,
              "every supported target is little-endian");

/// Little-endian load from any alignment.
template <class T> T load_le(const void* bytes) noexcept {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

class Reader {
public:
  explicit Reader(Bytes bytes) noexcept : bytes_(bytes) {}

  std::size_t position() const noexcept { return position_; }
  std::size_t left() const noexcept { return bytes_.size() - position_; }

  /// The next sizeof(T) bytes as T; nothing when they are not there.
  template <class T> std::optional<T> read() noexcept {
    const auto bytes = take(sizeof(T));
    if (!bytes)
      return std::nullopt;
    return load_le<T>(bytes->data());
  }

  /// A view of the next `count` bytes; nothing when they are not there.
  std::optional<Bytes> take(std::uint64_t count) noexcept {
    if (count > left())
      return std::nullopt;
    const Bytes taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }

private:
  Bytes bytes_;
  std::size_t position_ = 0;
};

} // namespace bitnet
