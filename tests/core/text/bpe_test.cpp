// The word splitters against regular expressions (vectors made by tests/golden/make_tokenizer_vectors.py), and merging.
#include "text/bpe.h"

#include "text_support.h"

#include <chrono>

using namespace bitnet;
using namespace bitnet::test;

namespace {

Ids word_sizes(WordRules rules, std::string_view text) {
  Ids sizes;
  while (!text.empty()) {
    const std::size_t size = first_word(rules, text);
    sizes.push_back(static_cast<TokenId>(size));
    if (size == 0 || size > text.size())
      return sizes;
    text.remove_prefix(size);
  }
  return sizes;
}

} // namespace

TEST_CASE("words are those of the regular expressions", "[text]") {
  std::size_t cases = 0, wrong = 0;
  for (const auto& line : golden("tokenizer_words.txt")) {
    ++cases;
    const std::string text = from_hex(line[1]);
    INFO(line[1]);
    wrong += word_sizes(WordRules::kGpt2, text) != from_list(line[2]);
    wrong += word_sizes(WordRules::kLlamaBpe, text) != from_list(line[3]);
    wrong += word_sizes(WordRules::kQwen2, text) != from_list(line[4]);
  }
  CHECK(cases > 200);
  CHECK(wrong == 0);
}

TEST_CASE("words of any bytes cover the text", "[text]") {
  TextRandom random(11);
  std::size_t wrong = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string bytes = random.bytes(40);
    for (const WordRules rules : {WordRules::kGpt2, WordRules::kLlamaBpe, WordRules::kQwen2}) {
      std::size_t sum = 0;
      for (const TokenId size : word_sizes(rules, bytes)) {
        wrong += size <= 0;
        sum += static_cast<std::size_t>(size);
      }
      wrong += sum != bytes.size();
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("BPE gives the ids of a plain reference", "[text]") {
  std::size_t cases = 0, wrong = 0;
  for (const char* rules : {"gpt-2", "llama-bpe", "qwen2"}) {
    const auto tokenizer = make_tokenizer(golden_bpe(rules));
    REQUIRE(tokenizer);
    CHECK(std::string(tokenizer->rules()) == rules);
    for (const auto& line : golden("tokenizer_bpe.txt"))
      if (line[0] == "case" && line[1] == rules) {
        ++cases;
        wrong += encode(*tokenizer, from_hex(line[2])) != from_list(line[3]);
      }
  }
  CHECK(cases > 190);
  CHECK(wrong == 0);
}

TEST_CASE("BPE round trip of any bytes", "[text]") {
  TextRandom random(5);
  for (const char* rules : {"gpt-2", "llama-bpe", "qwen2"}) {
    const auto tokenizer = make_tokenizer(golden_bpe(rules));
    REQUIRE(tokenizer);
    std::size_t wrong = 0;
    for (int round = 0; round < 1500; ++round) {
      const std::string text = round % 2 == 0 ? random.bytes(60) : random.text(40);
      wrong += decode(*tokenizer, encode(*tokenizer, text)) != text;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a megabyte without a break does not hang", "[text]") {
  const auto tokenizer = make_tokenizer(golden_bpe("llama-bpe"));
  REQUIRE(tokenizer);
  const auto start = std::chrono::steady_clock::now();
  for (const char* unit : {"a", "es", " ", "\n", ".", "\xFF", "the", "\u4e2d"}) {
    std::string text;
    while (text.size() < (1U << 20))
      text += unit;
    CHECK(decode(*tokenizer, encode(*tokenizer, text)) == text);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  CHECK(seconds.count() < 60.0); // a second or two; quadratic time would be hours
}

TEST_CASE("a byte without a token becomes the unknown token, or nothing", "[text]") {
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "gpt2").set("tokenizer.ggml.pre", "gpt-2");
  builder.set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab", "?"});
  builder.set("tokenizer.ggml.merges", std::vector<std::string>{"a b", "x y", "a x", "b b"});
  auto tokenizer = make_tokenizer(builder);
  REQUIRE(tokenizer);
  CHECK(encode(*tokenizer, "abzb") == Ids{2, 1});
  builder.set("tokenizer.ggml.unknown_token_id", std::uint32_t{3});
  tokenizer = make_tokenizer(builder);
  REQUIRE(tokenizer);
  CHECK(encode(*tokenizer, "abzb") == Ids{2, 3, 1});
}

TEST_CASE("unescaping keeps what is outside the alphabet", "[text]") {
  Text out;
  CHECK(Bpe::unescape("a\u0120b\u010a\u4e2d\u0144\xFF\xC3", out));
  CHECK(view(out) == "a b\n\u4e2d\u0144\xFF\xC3");
  for (unsigned byte = 0; byte < 256; ++byte) {
    out.clear();
    CHECK(Bpe::unescape(byte_letter(byte), out));
    CHECK(view(out) == std::string(1, static_cast<char>(byte)));
  }
}
