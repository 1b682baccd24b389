// What the tests of this layer share: tokenizers built from lists, the vectors in tests/golden, files of
// BITNET_TEST_DATA, a small random generator.
#pragma once

#include "gguf/reader.h"
#include "support/tiny_gguf.h"
#include "text/tokenizer.h"

#include <catch_amalgamated.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace bitnet::test {

using Ids = std::vector<TokenId>;

/// The path of a file in the folder of test data that is not part of the project; empty without it.
inline std::string data_path(const std::string& name) {
  const char* folder = std::getenv("BITNET_TEST_DATA");
  return folder == nullptr || *folder == '\0' ? std::string() : std::string(folder) + "/" + name;
}
#if defined(__cpp_exceptions)
#define BITNET_SKIP(reason) SKIP(reason)
#else // Catch2 skips by throwing
#define BITNET_SKIP(reason)                                                                        \
  do {                                                                                             \
    WARN("skipped: " reason);                                                                      \
    return;                                                                                        \
  } while (false)
#endif
#define BITNET_NEEDS_TEST_DATA()                                                                   \
  if (bitnet::test::data_path("").empty())                                                         \
  BITNET_SKIP("BITNET_TEST_DATA is not set: it names a folder with tokenizers/*.gguf")

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string from_hex(std::string_view hex) {
  std::string text;
  if (hex != "-")
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      text += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return text;
}

inline Ids from_list(const std::string& list) {
  Ids ids;
  std::istringstream in(list == "-" ? "" : list);
  for (std::string item; std::getline(in, item, ',');)
    ids.push_back(std::stoi(item));
  return ids;
}

/// The lines of a file in tests/golden (the tests run in the project's root), as words.
inline std::vector<std::vector<std::string>> golden(const std::string& name) {
  std::ifstream file("tests/golden/" + name);
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    lines.emplace_back(std::istream_iterator<std::string>(in),
                       std::istream_iterator<std::string>());
  }
  return lines;
}

inline Result<Tokenizer> make_tokenizer(std::span<const std::uint8_t> file) {
  const auto gguf = parse_gguf(file, file.size());
  if (!gguf)
    return gguf.error();
  return Tokenizer::make(gguf->metadata);
}
inline Result<Tokenizer> make_tokenizer(const GgufBuilder& builder) {
  const auto header = builder.header();
  return make_tokenizer(std::span<const std::uint8_t>(header.data(), header.size()));
}
inline Result<Tokenizer> load_tokenizer(const std::string& path) {
  const std::string file = read_file(path);
  return make_tokenizer({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
}

inline Ids encode(const Tokenizer& tokenizer, std::string_view text, bool continuing = false) {
  Vec<TokenId> ids;
  CHECK(tokenizer.encode(text, ids, continuing));
  return {ids.begin(), ids.end()};
}

inline std::string decode(const Tokenizer& tokenizer, const Ids& ids, bool special = false) {
  Text text;
  for (std::size_t i = 0; i < ids.size(); ++i)
    CHECK(tokenizer.decode(ids[i], text, special, i == 0));
  return std::string(view(text));
}

inline std::string utf8(std::uint32_t code) {
  std::string s;
  if (code < 0x80)
    return s += static_cast<char>(code);
  if (code >= 0x10000)
    s += static_cast<char>(0xF0 | code >> 18);
  if (code >= 0x800)
    s += static_cast<char>(code >= 0x10000 ? 0x80 | (code >> 12 & 0x3F) : 0xE0 | code >> 12);
  s += static_cast<char>(code >= 0x800 ? 0x80 | (code >> 6 & 0x3F) : 0xC0 | code >> 6);
  return s += static_cast<char>(0x80 | (code & 0x3F));
}

/// A byte's letter in the escaped alphabet of byte-level BPE, made the slow way.
inline std::string byte_letter(unsigned byte) {
  const auto printable = [](unsigned b) { return (b > 32 && b < 127) || (b > 160 && b != 173); };
  if (printable(byte))
    return utf8(byte);
  unsigned escape = 0x100;
  for (unsigned b = 0; b < byte; ++b)
    escape += printable(b) ? 0 : 1;
  return utf8(escape);
}
inline std::string escape_bytes(std::string_view text) {
  std::string escaped;
  for (const char c : text)
    escaped += byte_letter(static_cast<std::uint8_t>(c));
  return escaped;
}

class TextRandom {
public:
  explicit TextRandom(std::uint64_t seed) : state_(seed) {}
  std::uint32_t below(std::uint32_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::uint32_t>((state_ >> 33) % n);
  }
  std::string bytes(std::size_t most) {
    std::string s(below(static_cast<std::uint32_t>(most) + 1), '\0');
    for (char& c : s)
      c = static_cast<char>(below(256));
    return s;
  }
  /// Valid UTF-8 with much white space, many digits and letters of every size.
  std::string text(std::size_t most) {
    std::string s;
    for (std::uint32_t i = below(static_cast<std::uint32_t>(most) + 1); i > 0; --i) {
      const std::uint32_t kind = below(8);
      std::uint32_t code = kind < 3    ? 'a' + below(26)
                           : kind == 3 ? ' '
                           : kind == 4 ? '0' + below(10)
                                       : 0;
      if (kind == 5)
        code = below(128);
      if (kind == 6)
        code = 0x80 + below(0x2000);
      while (kind == 7 && (code == 0 || (code >= 0xD800 && code < 0xE000)))
        code = below(0x110000);
      s += code == 0x2581 ? std::string("?") : utf8(code); // the one character that SPM cannot keep
    }
    return s;
  }

private:
  std::uint64_t state_;
};

/// A small byte-level vocabulary from tests/golden, with control and user-defined tokens behind it.
inline GgufBuilder golden_bpe(const char* pre) {
  std::vector<std::string> tokens, merges;
  for (const auto& line : golden("tokenizer_bpe.txt"))
    if (line[0] == "token")
      tokens.push_back(from_hex(line[1]));
    else if (line[0] == "merge")
      merges.push_back(from_hex(line[1]) + " " + from_hex(line[2]));
  std::vector<std::int32_t> types(tokens.size(), 1);
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "gpt2")
      .set("tokenizer.ggml.tokens", tokens)
      .set("tokenizer.ggml.merges", merges);
  builder.set("tokenizer.ggml.token_type", types);
  if (pre != nullptr)
    builder.set("tokenizer.ggml.pre", pre);
  return builder;
}

inline GgufBuilder golden_spm() {
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  std::vector<float> scores(259, 0.0F);
  std::vector<std::int32_t> types{2, 3, 3};
  for (unsigned byte = 0; byte < 256; ++byte) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    tokens.push_back(std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">");
    types.push_back(6);
  }
  for (const auto& line : golden("tokenizer_spm.txt"))
    if (line[0] == "token") {
      tokens.push_back(from_hex(line[1]));
      scores.push_back(std::stof(line[2]));
      types.push_back(1);
    }
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "llama")
      .set("tokenizer.ggml.tokens", tokens)
      .set("tokenizer.ggml.scores", scores);
  builder.set("tokenizer.ggml.token_type", types)
      .set("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  builder.set("tokenizer.ggml.bos_token_id", std::uint32_t{1})
      .set("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  return builder;
}

/// Rewrites the lists of a builder with tokens added at the end.
struct ExtraToken {
  std::string text;
  std::int32_t type;
};
inline GgufBuilder with_tokens(GgufBuilder builder, const std::vector<ExtraToken>& extra) {
  for (auto& entry : builder.entries) {
    const bool tokens = entry.key == "tokenizer.ggml.tokens",
               types = entry.key == "tokenizer.ggml.token_type",
               scores = entry.key == "tokenizer.ggml.scores";
    if (!tokens && !types && !scores)
      continue;
    std::uint64_t count = 0;
    std::memcpy(&count, entry.value.data() + 4, 8);
    count += extra.size();
    std::memcpy(entry.value.data() + 4, &count, 8);
    for (const ExtraToken& token : extra) {
      if (tokens)
        put_string(entry.value, token.text);
      if (types)
        put(entry.value, token.type);
      if (scores)
        put(entry.value, 0.0F);
    }
  }
  return builder;
}

} // namespace bitnet::test
