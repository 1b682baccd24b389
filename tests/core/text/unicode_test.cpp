// Character classes, the UTF-8 decoder's idea of what is invalid, trimming, and that the generated table is whole.
#include "text/unicode.h"

#include "text/unicode_tables.h"
#include "text_support.h"

using namespace bitnet;
using namespace bitnet::test;

TEST_CASE("the class table is sorted, has no idle entry and stays inside Unicode", "[text]") {
  std::size_t wrong = 0;
  for (std::size_t i = 1; i < std::size(kClassStarts); ++i) {
    wrong += kClassStarts[i] >> 2 <= kClassStarts[i - 1] >> 2;
    wrong += (kClassStarts[i] & 3) == (kClassStarts[i - 1] & 3);
    wrong += kClassStarts[i] >> 2 > 0x10FFFF;
  }
  CHECK(wrong == 0);
  CHECK(kClassStarts[0] == 0);
}

TEST_CASE("character classes", "[text]") {
  using enum CharClass;
  for (const char32_t c : {U'a', U'Z', U'\u00e9', U'\u01c5', U'\u02b0', U'\u4e2d', U'\uac00',
                           U'\U00020000', U'\u00aa'})
    CHECK(char_class(c) == kLetter);
  for (const char32_t c : {U'0', U'9', U'\u00bd', U'\u0664', U'\u2167', U'\u3007', U'\U0001d7ff'})
    CHECK(char_class(c) == kNumber);
  for (const char32_t c :
       {U'\t', U'\n', U'\v', U'\f', U'\r', U' ', U'\u0085', U'\u00a0', U'\u1680', U'\u2000',
        U'\u200a', U'\u2028', U'\u2029', U'\u202f', U'\u205f', U'\u3000'})
    CHECK(char_class(c) == kSpace);
  for (const char32_t c : {U'\0', U'_', U'\u001c', U'\u0301', U'\u200b', U'\ufeff', U'\U0001f600',
                           U'\u2581', U'\U0010ffff', U'\u0378'})
    CHECK(char_class(c) == kOther);
  CHECK(char_class(0xD800) == kOther);
}

TEST_CASE("every code point survives the decoder, surrogates and beyond do not", "[text]") {
  std::size_t wrong = 0;
  for (std::uint32_t code = 0; code < 0x110000; ++code) {
    const std::string bytes = utf8(code);
    const Utf8Char c = first_char(bytes + "x");
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    wrong += c.valid == surrogate || (!surrogate && (c.code != code || c.size != bytes.size()));
  }
  CHECK(wrong == 0);
  CHECK_FALSE(first_char("\xF4\x90\x80\x80").valid);
}

TEST_CASE("invalid bytes have the size of their maximal subpart", "[text]") {
  const struct {
    std::string_view bytes;
    std::uint32_t size;
    bool unfinished;
  } cases[] = {
      {"\x80", 1, false},          {"\xBF", 1, false},         {"\xC0\x80", 1, false},
      {"\xC1\xBF", 1, false},      {"\xF5\x80", 1, false},     {"\xFF", 1, false},
      {"\xC2", 1, true},           {"\xC2x", 1, false},        {"\xE0\x80\x80", 1, false},
      {"\xE0\xA0", 2, true},       {"\xE0\xA0x", 2, false},    {"\xED\xA0\x80", 1, false},
      {"\xED\x9F", 2, true},       {"\xF0\x80\x80", 1, false}, {"\xF0\x90\x80", 3, true},
      {"\xF0\x90\x80x", 3, false}, {"\xF0\x90x", 2, false},    {"\xF4\x90\x80", 1, false},
      {"\xF4\x8F\xBF", 3, true},   {"\xE2\x82\xE2", 2, false},
  };
  for (const auto& [bytes, size, unfinished] : cases) {
    const Utf8Char c = first_char(bytes);
    CHECK_FALSE(c.valid);
    CHECK(c.size == size);
    CHECK(c.unfinished == unfinished);
    CHECK(c.code == kReplacement);
  }
}

TEST_CASE("trim takes what Python's strip takes", "[text]") {
  CHECK(trim(" \t\n\x1C\x1D\x1E\x1F\u0085\u00a0\u3000a b\u2028\u205f\r ") == "a b");
  CHECK(trim("").empty());
  CHECK(trim(" \u3000 ").empty());
  CHECK(trim("\u200bx\ufeff") == "\u200bx\ufeff");
  CHECK(trim("\x80 x \x80") == "\x80 x \x80");
  CHECK(trim_end(" x ") == " x");
  CHECK(trim_start(" x ") == "x ");
  CHECK(trim_end("\u00e9 ") == "\u00e9");
  CHECK(trim_end("\x80\x80\x80\x80 ") == "\x80\x80\x80\x80");
}
