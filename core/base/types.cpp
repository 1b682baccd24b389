// The bodies behind types.hpp: error texts and bytes in memory. Never allocates.
#include "bitnet/types.hpp"

#include <cstring>

namespace bitnet {

const char* error_name(ErrorCode code) noexcept {
  switch (code) {
#define BITNET_ERROR(number, name, sentence)                                                       \
  case ErrorCode::name: return #name;
#include "bitnet/errors.def"
#undef BITNET_ERROR
  }
  return "Unknown";
}

const char* error_sentence(ErrorCode code) noexcept {
  switch (code) {
#define BITNET_ERROR(number, name, sentence)                                                       \
  case ErrorCode::name: return sentence;
#include "bitnet/errors.def"
#undef BITNET_ERROR
  }
  return "unknown error";
}

Error& Error::operator<<(std::string_view text) noexcept {
  for (const char c : text) {
    if (length_ == kDetailCapacity)
      break;
    // File content ends up here: nothing but printable ASCII may reach a terminal or a log.
    detail_[length_++] = c >= ' ' && c <= '~' ? c : '?';
  }
  return *this;
}

Error& Error::operator<<(std::uint64_t value) noexcept {
  char digits[20]; // 2^64 - 1 has 20 digits
  std::size_t first = sizeof digits;
  do {
    digits[--first] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return *this << std::string_view(digits + first, sizeof digits - first);
}

Error& Error::operator<<(std::int64_t value) noexcept {
  if (value >= 0)
    return *this << static_cast<std::uint64_t>(value);
  return *this << "-" << (0 - static_cast<std::uint64_t>(value)); // INT64_MIN has no positive twin
}

Status MemorySource::read(std::uint64_t offset, MutableBytes into) noexcept {
  if (offset > bytes_.size() || into.size() > bytes_.size() - offset)
    return Error(ErrorCode::Truncated) << std::uint64_t{into.size()} << " bytes wanted at "
                                       << offset << ", source has " << std::uint64_t{bytes_.size()};
  if (!into.empty()) // memcpy takes no null pointer, not even for nothing
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
  return {};
}

} // namespace bitnet
