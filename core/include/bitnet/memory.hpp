// Memory that may not be had: every allocation whose size a file or a caller decides goes through these two types,
// which fail with OutOfMemory instead of throwing or aborting. For trivially copyable T only.
#pragma once

#include "bitnet/types.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace bitnet {

/// Kind of pages to ask the system for. Large ones spare translations where gigabytes are read in a row; a system
/// without them gives what it has.
enum class Pages : std::uint8_t { kAny, kLarge };

namespace detail {
/// Freed by std::free; null when there is no such memory. `bytes` is a multiple of `alignment`.
void* allocate(std::size_t bytes, std::size_t alignment, Pages pages) noexcept;
} // namespace detail

/// A fixed number of T, aligned to 64 bytes (a cache line and the widest vector).
template <class T> class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
  static constexpr std::size_t kAlignment = 64;

  Buffer() noexcept = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  /// Zeroed. `what` names the thing in the error.
  static Result<Buffer> make(std::uint64_t count, const char* what) noexcept {
    auto buffer = make_raw(count, what);
    if (buffer && buffer->data_ != nullptr)
      std::memset(static_cast<void*>(buffer->data_), 0, buffer->size_ * sizeof(T));
    return buffer;
  }

  /// The same with unspecified content, for what is written before it is read: the system gives such memory only as it
  /// is touched, so that a long context costs what is used of it.
  static Result<Buffer> make_raw(std::uint64_t count, const char* what,
                                 Pages pages = Pages::kAny) noexcept {
    constexpr std::uint64_t kMost =
        (std::numeric_limits<std::size_t>::max() / 2 - kAlignment) / sizeof(T);
    Buffer buffer;
    if (count == 0)
      return buffer;
    if (count <= kMost) {
      const std::size_t bytes =
          (static_cast<std::size_t>(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
      buffer.data_ = static_cast<T*>(detail::allocate(bytes, kAlignment, pages));
      if (buffer.data_ != nullptr) {
        buffer.size_ = static_cast<std::size_t>(count);
        return buffer;
      }
    }
    return Error(ErrorCode::OutOfMemory)
           << what << ": " << count << " x " << std::uint64_t{sizeof(T)} << " bytes";
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Memory taken, in bytes; at most an alignment less than it is.
  std::uint64_t bytes() const noexcept { return std::uint64_t{size_} * sizeof(T); }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  std::span<const T> span() const noexcept { return {data_, size_}; }

private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A growing array of T whose growth may fail.
template <class T> class Vec {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
  Vec() noexcept = default;
  Vec(const Vec&) = delete;
  Vec& operator=(const Vec&) = delete;
  Vec(Vec&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Vec& operator=(Vec&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Vec() { std::free(data_); }

  [[nodiscard]] Status reserve(std::size_t capacity) noexcept {
    if (capacity <= capacity_)
      return {};
    constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max() / 2 / sizeof(T);
    void* grown =
        capacity <= kMost ? std::realloc(static_cast<void*>(data_), capacity * sizeof(T)) : nullptr;
    if (grown == nullptr)
      return Error(ErrorCode::OutOfMemory) << "list of " << std::uint64_t{capacity} << " entries";
    data_ = static_cast<T*>(grown);
    capacity_ = capacity;
    return {};
  }
  [[nodiscard]] Status push(const T& value) noexcept {
    const T copy = value; // value may live in this array, which may move
    if (size_ == capacity_)
      BITNET_TRY(reserve(capacity_ < 8 ? 16 : capacity_ + capacity_ / 2));
    data_[size_++] = copy;
    return {};
  }
  /// The values must not lie in this array.
  [[nodiscard]] Status append(std::span<const T> values) noexcept {
    if (values.empty())
      return {};
    if (values.size() > capacity_ - size_) {
      constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
      if (values.size() > kMost - size_)
        return Error(ErrorCode::OutOfMemory) << "list";
      const std::size_t need = size_ + values.size();
      // Half as much again, so that growing is cheap; when that cannot be had, what is needed.
      if (need > kMost - need / 2 || !reserve(need + need / 2))
        BITNET_TRY(reserve(need));
    }
    std::memcpy(static_cast<void*>(data_ + size_), values.data(), values.size() * sizeof(T));
    size_ += values.size();
    return {};
  }
  void clear() noexcept { size_ = 0; }
  /// Only ever shrinks.
  void truncate(std::size_t size) noexcept { size_ = size < size_ ? size : size_; }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Memory taken, in bytes.
  std::uint64_t bytes() const noexcept { return std::uint64_t{capacity_} * sizeof(T); }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  std::span<const T> span() const noexcept { return {data_, size_}; }

private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// A growing byte string.
using Text = Vec<char>;
inline std::string_view view(const Text& text) noexcept { return {text.data(), text.size()}; }

} // namespace bitnet
