// The vocabulary every layer shares: errors as values, byte views, and the two interfaces the outside world hands in
// (Source for bytes, Parallel for threads). Depends on the standard library only. Nothing here throws, prints or aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

namespace bitnet {

enum class ErrorCode : int {
#define BITNET_ERROR(number, name, sentence) name = number,
#include "errors.def"
#undef BITNET_ERROR
};

/// "NotGguf" for ErrorCode::NotGguf; "Unknown" for a number outside the table.
const char* error_name(ErrorCode code) noexcept;
/// The table's sentence for a code.
const char* error_sentence(ErrorCode code) noexcept;

/// What went wrong and where. Fixed size, so that reporting an error never allocates.
class Error {
public:
  static constexpr std::size_t kDetailCapacity = 224;

  explicit Error(ErrorCode code) noexcept : code_(code) {}

  ErrorCode code() const noexcept { return code_; }
  /// Names the thing: a key, a tensor, an offset. May be empty. Printable ASCII only.
  std::string_view detail() const noexcept { return {detail_, length_}; }

  /// Append to the detail; control and non-ASCII bytes (file content) become '?'; silently cut at capacity.
  Error& operator<<(std::string_view text) noexcept;
  Error& operator<<(const char* text) noexcept { return *this << std::string_view(text); }
  Error& operator<<(std::uint64_t value) noexcept;
  Error& operator<<(std::int64_t value) noexcept;
  Error& operator<<(std::uint32_t value) noexcept { return *this << std::uint64_t{value}; }
  Error& operator<<(std::int32_t value) noexcept { return *this << std::int64_t{value}; }

private:
  ErrorCode code_;
  std::uint16_t length_ = 0;
  char detail_[kDetailCapacity] = {};
};

/// Success or an Error.
class [[nodiscard]] Status {
public:
  Status() noexcept = default;
  Status(const Error& error) noexcept : error_(error) {} // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return !error_.has_value(); }
  /// Only when it is not ok.
  const Error& error() const noexcept { return *error_; }

private:
  std::optional<Error> error_;
};

/// A T or an Error. T may be move-only.
template <class T> class [[nodiscard]] Result {
public:
  Result(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {} // NOLINT
  Result(const Error& error) noexcept : state_(std::in_place_index<1>, error) {} // NOLINT

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const noexcept { return *std::get_if<0>(&state_); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  /// Only when it is not ok.
  const Error& error() const noexcept { return *std::get_if<1>(&state_); }

private:
  std::variant<T, Error> state_;
};

/// Return early with the error of a Status or Result; the one macro that core's bodies use.
#define BITNET_TRY(expression)                                                                     \
  do {                                                                                             \
    if (const auto& bitnet_try_result = (expression); !bitnet_try_result)                          \
      return bitnet_try_result.error();                                                            \
  } while (false)

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// Random-access bytes of known size: a mapped file, pread, an OPFS handle, bytes in memory.
class Source {
public:
  virtual ~Source() = default;
  virtual std::uint64_t size() const noexcept = 0;
  /// Fills all of `into` from `offset`, or fails with Io (or Truncated when the bytes end early).
  virtual Status read(std::uint64_t offset, MutableBytes into) noexcept = 0;
};

/// Bytes already in memory.
class MemorySource final : public Source {
public:
  explicit MemorySource(Bytes bytes) noexcept : bytes_(bytes) {}
  std::uint64_t size() const noexcept override { return bytes_.size(); }
  Status read(std::uint64_t offset, MutableBytes into) noexcept override;

private:
  Bytes bytes_;
};

/// Runs independent tasks, perhaps on several threads. Results never depend on how many. One Parallel may serve several
/// sessions, also at once and also from inside a task: run() must then still call every task.
class Parallel {
public:
  using Task = void (*)(void* context, std::size_t index) noexcept;
  virtual ~Parallel() = default;
  /// How many tasks can run at once, at least 1.
  virtual unsigned threads() const noexcept = 0;
  /// Calls task(context, i) once for each i in [0, count) and returns when all are done.
  virtual void run(std::size_t count, Task task, void* context) noexcept = 0;

  /// The same for a callable `void(std::size_t)`.
  template <class F> void each(std::size_t count, F&& f) noexcept {
    run(
        count,
        [](void* context, std::size_t index) noexcept {
          (*static_cast<std::remove_reference_t<F>*>(context))(index);
        },
        &f);
  }
};

/// Every task on the calling thread, in order.
class Serial final : public Parallel {
public:
  unsigned threads() const noexcept override { return 1; }
  void run(std::size_t count, Task task, void* context) noexcept override {
    for (std::size_t i = 0; i < count; ++i)
      task(context, i);
  }
};

} // namespace bitnet
