// The stream must give what the whole text gives, wherever it is cut, valid or not.
#include "text/utf8_stream.h"

#include "text_support.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

/// Feeds pieces of the sizes that `next` names.
template <class Next> std::string streamed(std::string_view bytes, Next&& next) {
  Utf8Stream stream;
  Text out;
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(next(), bytes.size());
    CHECK(stream.push(bytes.substr(0, size), out));
    bytes.remove_prefix(size);
  }
  CHECK(stream.finish(out));
  return std::string(view(out));
}

std::string at_once(std::string_view bytes) {
  return streamed(bytes, [&] { return bytes.size(); });
}

} // namespace

TEST_CASE("a stream gives back valid text at every cut", "[text]") {
  const std::string text = "a\u00e9\u20ac\U0001f600\u0000z\U0010ffff";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Stream stream;
    Text out;
    CHECK(stream.push(std::string_view(text).substr(0, cut), out));
    const std::size_t held = cut - out.size();
    CHECK(held <= 3);
    CHECK((cut == text.size() ||
           (text[cut - held] & 0xC0) != 0x80)); // what came out ends between characters
    CHECK(stream.push(std::string_view(text).substr(cut), out));
    CHECK(view(out) == text);
    CHECK(stream.finish(out));
    CHECK(view(out) == text);
  }
  CHECK(streamed(text, [] { return 1U; }) == text);
}

TEST_CASE("maximal subparts become one replacement each", "[text]") {
  const std::string r = "\uFFFD";
  CHECK(at_once("\x80") == r);
  CHECK(at_once("\xC0\x80") == r + r);
  CHECK(at_once("\xE0\x80\x80") == r + r + r);
  CHECK(at_once("\xED\xA0\x80") == r + r + r);
  CHECK(at_once("\xF4\x90\x80\x80") == r + r + r + r);
  CHECK(at_once("\xF0\x90\x80"
                "A") == r + "A");
  CHECK(at_once("\xE2\x82"
                "A") == r + "A");
  CHECK(at_once("\xE2\x82") == r);
  CHECK(at_once("\xE2\x82\xE2\x82\xAC") == r + "\u20ac");
  CHECK(at_once("\xF1\x80\x80\xE1\x80\xC2"
                "b\x80"
                "c\x80\xBF"
                "d") == r + r + r + "b" + r + "c" + r + r + "d"); // the standard's own example
  CHECK(at_once("") == "");
}

TEST_CASE("random bytes give the same whatever the cuts", "[text]") {
  TextRandom random(7);
  std::size_t wrong = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = round % 2 == 0 ? random.bytes(24) : random.text(12);
    if (round % 4 == 1 && !bytes.empty()) // nearly valid
      bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] =
          static_cast<char>(random.below(256));
    const std::string whole = at_once(bytes);
    wrong += streamed(bytes, [] { return 1U; }) != whole;
    wrong += streamed(bytes, [&] { return 1 + random.below(5); }) != whole;
    wrong += at_once(whole) != whole; // and what comes out is valid
  }
  CHECK(wrong == 0);
}

TEST_CASE("reset forgets", "[text]") {
  Utf8Stream stream;
  Text out;
  CHECK(stream.push("\xE2\x82", out));
  stream.reset();
  CHECK(stream.push("\xAC"
                    "a",
                    out));
  CHECK(stream.finish(out));
  CHECK(view(out) == "\uFFFD"
                     "a");
}
