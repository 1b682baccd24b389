// A place in a text that is being parsed: what the parsers of grammars, schemas and patterns share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bitnet::grammar {

class Cursor {
protected:
  explicit Cursor(std::string_view text) noexcept : text_(text) {}

  bool at_end() const noexcept { return at_ == text_.size(); }
  char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
  bool take(std::string_view wanted) noexcept {
    if (!text_.substr(at_).starts_with(wanted))
      return false;
    at_ += wanted.size();
    return true;
  }
  /// The value of a hexadecimal digit, which is passed; -1 where there is none.
  int hex_digit() noexcept {
    const char c = peek();
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    at_ += digit < 0 ? 0 : 1;
    return digit;
  }
  /// From 1, in bytes.
  std::uint64_t column_of(std::size_t at) const noexcept {
    const std::size_t newline = text_.substr(0, at).rfind('\n');
    return newline == std::string_view::npos ? at + 1 : at - newline;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

} // namespace bitnet::grammar
