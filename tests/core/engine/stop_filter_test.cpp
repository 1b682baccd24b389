// Stop strings in a stream: wherever the stream is cut, the text before the first of them comes out and nothing else.
#include "engine/stop_filter.h"

#include "support/encode.h"

#include <catch_amalgamated.hpp>

#include <string>
#include <vector>

using namespace bitnet;
using bitnet::test::Random;

namespace {

using Strings = std::vector<std::string>;

std::size_t pick(Random& random, std::size_t n) {
  return static_cast<std::size_t>(random.below(n));
}

struct Outcome {
  std::string text;
  bool stopped = false;
  bool operator==(const Outcome&) const = default;
};

/// All pieces pushed until one stops, then finish().
Outcome filter(const Strings& stops, const Strings& pieces) {
  StopFilter filter;
  const std::vector<std::string_view> views(stops.begin(), stops.end());
  CHECK(filter.set(views));
  Outcome outcome;
  Text out;
  for (const auto& piece : pieces) {
    const auto stopped = filter.push(piece, out);
    CHECK(stopped);
    if (stopped && *stopped) {
      outcome.stopped = true;
      break;
    }
  }
  if (!outcome.stopped)
    CHECK(filter.finish(out));
  outcome.text = view(out);
  return outcome;
}

/// What has come out after each piece.
Strings progress(const Strings& stops, const Strings& pieces) {
  StopFilter filter;
  const std::vector<std::string_view> views(stops.begin(), stops.end());
  CHECK(filter.set(views));
  Strings all;
  Text out;
  for (const auto& piece : pieces) {
    CHECK(filter.push(piece, out));
    all.emplace_back(view(out));
  }
  return all;
}

} // namespace

TEST_CASE("no stop strings: text passes as it comes", "[engine]") {
  CHECK(progress({}, {"a", "", "bc"}) == Strings{"a", "a", "abc"});
  CHECK(filter({}, {"a", "b"}) == Outcome{"ab", false});
}

TEST_CASE("a stop string inside a piece, across pieces, at the ends", "[engine]") {
  CHECK(filter({"stop"}, {"don't stop now"}) == Outcome{"don't ", true});
  CHECK(filter({"stop"}, {"don't s", "t", "op now"}) == Outcome{"don't ", true});
  CHECK(filter({"stop"}, {"stop"}) == Outcome{"", true});
  CHECK(filter({"stop"}, {"x", "stop"}) == Outcome{"x", true});
  CHECK(filter({"stop"}, {"no sto", "p"}) == Outcome{"no ", true});
  CHECK(filter({"stop"}, {"sto"}) == Outcome{"sto", false});
  CHECK(filter({"stop"}, {"sto", "re"}) == Outcome{"store", false});
  CHECK(filter({"a"}, {"", "", "b", "a"}) == Outcome{"b", true});
}

TEST_CASE("only what may become a stop string is held back", "[engine]") {
  CHECK(progress({"stop"}, {"ab", "s", "t", "x", "ss", "sto", "q"}) ==
        Strings{"ab", "ab", "ab", "abstx", "abstxs", "abstxss",
                "abstxsssto"
                "q"});
  CHECK(progress({"aab"}, {"a", "a", "a", "a", "c"}) == Strings{"", "", "a", "aa", "aaaac"});
  CHECK(progress({"\n\n", "User:"}, {"hi\n", "U", "ser", "s"}) ==
        Strings{"hi", "hi\n", "hi\n", "hi\nUsers"});
}

TEST_CASE("of several, the one that begins first", "[engine]") {
  CHECK(filter({"world", "lo"}, {"hello world"}) == Outcome{"hel", true});
  CHECK(filter({"lo", "world"}, {"hello world"}) == Outcome{"hel", true});
  CHECK(filter({"ab", "b"}, {"ab"}) == Outcome{"", true});
  CHECK(filter({"abc", "ab"}, {"xabc"}) == Outcome{"x", true});
}

TEST_CASE("a stop string that overlaps itself", "[engine]") {
  CHECK(filter({"abab"}, {"aba", "bab"}) == Outcome{"", true});
  CHECK(filter({"abab"}, {"ab", "aab", "ab"}) == Outcome{"aba", true});
  CHECK(filter({"aaa"}, {"aa", "b", "aa", "a"}) == Outcome{"aab", true});
}

TEST_CASE("characters of several bytes", "[engine]") {
  CHECK(filter({"\xe2\x82\xac"}, {"5 \xe2\x82\xac"}) == Outcome{"5 ", true});
  // The euro sign and this one share two bytes; neither may be torn.
  CHECK(progress({"\xe2\x82\xac"}, {"a\xe2\x82\xad", "b"}) == Strings{"a\xe2\x82\xad",
                                                                      "a\xe2\x82\xad"
                                                                      "b"});
  CHECK(filter({"\xc3\xa9t\xc3\xa9"}, {"\xc3\xa9", "t", "\xc3\xa9"}) == Outcome{"", true});
}

TEST_CASE("wherever the stream is cut, the outcome is that of the whole text", "[engine]") {
  Random random(1);
  for (int round = 0; round < 3000; ++round) {
    const auto letters = [&](std::size_t most) {
      std::string text(1 + pick(random, most), ' ');
      for (char& c : text)
        c = static_cast<char>('a' + pick(random, 2));
      return text;
    };
    Strings stops;
    for (std::size_t i = pick(random, 4); i > 0; --i)
      stops.push_back(letters(6));
    const std::string text = letters(30);
    // Letter by letter: what ends first stops first; of two that end together, the longer has the earlier beginning.
    Outcome expected{text, false};
    for (std::size_t end = 1; end <= text.size() && !expected.stopped; ++end)
      for (const auto& stop : stops)
        if (std::string_view(text).substr(0, end).ends_with(stop) &&
            (!expected.stopped || end - stop.size() < expected.text.size()))
          expected = {text.substr(0, end - stop.size()), true};
    Strings pieces;
    for (const char c : text)
      pieces.emplace_back(1, c);
    INFO(text);
    CHECK(filter(stops, pieces) == expected);

    // In larger pieces another string may have ended too, but the outcome is a prefix and says the same about stopping.
    pieces.clear();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t count = 1 + pick(random, 5);
      pieces.push_back(text.substr(at, count));
      at += count;
    }
    const Outcome outcome = filter(stops, pieces);
    CHECK(outcome.stopped == expected.stopped);
    CHECK(text.starts_with(outcome.text));
    for (const auto& stop : stops)
      CHECK(outcome.text.find(stop) == std::string::npos);
  }
}

TEST_CASE("limits of the list, and its reuse", "[engine]") {
  StopFilter filter;
  const std::string longest(StopFilter::kMostBytes, 'x'), longer(StopFilter::kMostBytes + 1, 'x');
  const std::vector<std::string_view> many(StopFilter::kMostStrings, longest),
      more(StopFilter::kMostStrings + 1, "a");
  CHECK(filter.set(many));
  Text out;
  auto stopped = filter.push(longest, out);
  CHECK((stopped && *stopped && out.empty()));

  const auto refused = [&](std::span<const std::string_view> stops) {
    const Status status = filter.set(stops);
    CHECK_FALSE(status);
    if (!status)
      CHECK(status.error().code() == ErrorCode::InvalidArgument);
  };
  refused(more);
  const std::string_view too_long[] = {"ok", longer}, empty[] = {"ok", ""};
  refused(too_long);
  refused(empty);

  // A new list: what the old one held back is gone.
  const std::string_view first[] = {"ab"}, second[] = {"cd"};
  CHECK(filter.set(first));
  CHECK(filter.push("xa", out));
  CHECK(view(out) == "x");
  CHECK(filter.set(second));
  stopped = filter.push("b", out);
  CHECK((stopped && !*stopped));
  CHECK(view(out) == "xb");
  CHECK(filter.set({}));
  CHECK(filter.push("c", out));
  CHECK(view(out) == "xbc");
}
