// SentencePiece-style merging against a plain reference, byte tokens, space marks.
#include "text/spm.h"

#include "text_support.h"

#include <chrono>
#include <limits>

using namespace bitnet;
using namespace bitnet::test;

TEST_CASE("SPM gives the ids of a plain reference", "[text]") {
  const auto tokenizer = make_tokenizer(golden_spm());
  REQUIRE(tokenizer);
  CHECK(std::string(tokenizer->rules()) == "spm");
  std::size_t cases = 0, wrong = 0;
  for (const auto& line : golden("tokenizer_spm.txt"))
    if (line[0] == "case") {
      ++cases;
      const std::string text = from_hex(line[1]);
      const Ids ids = encode(*tokenizer, text);
      wrong += ids != from_list(line[2]);
      wrong += text.find("\u2581") == std::string::npos && decode(*tokenizer, ids) != text;
    }
  CHECK(cases > 100);
  CHECK(wrong == 0);
}

TEST_CASE("SPM round trip", "[text]") {
  const auto tokenizer = make_tokenizer(golden_spm());
  const auto bare = make_tokenizer(golden_spm().set("tokenizer.ggml.add_space_prefix", false));
  REQUIRE(tokenizer);
  REQUIRE(bare);
  TextRandom random(3);
  std::size_t wrong = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = round % 2 == 0 ? random.text(40) : random.bytes(40);
    if (text.find("\u2581") != std::string::npos)
      continue;
    wrong += decode(*tokenizer, encode(*tokenizer, text)) != text;
    wrong += decode(*bare, encode(*bare, text)) != text;
  }
  CHECK(wrong == 0);
}

TEST_CASE("the space prefix", "[text]") {
  const auto tokenizer = make_tokenizer(golden_spm());
  REQUIRE(tokenizer);
  CHECK(encode(*tokenizer, "").empty());
  CHECK(tokenizer->raw(encode(*tokenizer, "engine")[0]).starts_with("\u2581"));
  CHECK_FALSE(tokenizer->raw(encode(*tokenizer, "engine", true)[0]).starts_with("\u2581"));
  Text out;
  const TokenId the = tokenizer->find("\u2581the");
  REQUIRE(the != kNoToken);
  CHECK(tokenizer->decode(the, out));
  CHECK(view(out) == " the");
  CHECK(tokenizer->decode(the, out, false, true));
  CHECK(view(out) == " thethe");
}

TEST_CASE("a megabyte of SPM text does not hang", "[text]") {
  const auto tokenizer = make_tokenizer(golden_spm());
  REQUIRE(tokenizer);
  const auto start = std::chrono::steady_clock::now();
  for (const char* unit : {"a", " ", "\n", "\xFF", "the ", "\u4e2d"}) {
    std::string text;
    while (text.size() < (1U << 20))
      text += unit;
    CHECK(decode(*tokenizer, encode(*tokenizer, text)) == text);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  CHECK(seconds.count() < 60.0);
}

TEST_CASE("equal scores merge from the left, higher scores first", "[text]") {
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "llama").set("tokenizer.ggml.add_space_prefix", false);
  builder.set("tokenizer.ggml.tokens",
              std::vector<std::string>{"a", "aa", "aaa", "b", "ab", "<0x63>"});
  builder.set("tokenizer.ggml.scores", std::vector<float>{0, -1, -2, 0, -1, 0});
  const auto tokenizer = make_tokenizer(builder);
  REQUIRE(tokenizer);
  CHECK(encode(*tokenizer, "aaaaa") ==
        Ids{1, 2}); // aa aa a, then the right pair's aaa is no match for the left's
  CHECK(encode(*tokenizer, "aab") == Ids{1, 3});
  CHECK(encode(*tokenizer, "bab") == Ids{3, 4});
  CHECK(encode(*tokenizer, "cd") ==
        Ids{5}); // byte tokens are found by spelling when the file gives no types
  CHECK(decode(*tokenizer, {5}) == "c");
}

TEST_CASE("spelled bytes", "[text]") {
  CHECK(spelled_byte("<0x00>") == 0);
  CHECK(spelled_byte("<0xfF>") == 255);
  for (const char* text : {"", "<0x0>", "<0x0G>", "<0x000>", "<1x00>", "0x00>", "<0x00)"})
    CHECK_FALSE(spelled_byte(text));
}

TEST_CASE("a score that is not a number is refused", "[text]") {
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "llama")
      .set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
  builder.set("tokenizer.ggml.scores",
              std::vector<float>{0, std::numeric_limits<float>::quiet_NaN()});
  const auto tokenizer = make_tokenizer(builder);
  REQUIRE_FALSE(tokenizer);
  CHECK(tokenizer.error().code() == ErrorCode::Malformed);
}
