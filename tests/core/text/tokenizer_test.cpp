// The tokenizer as a whole: published vocabularies against published ids (BITNET_TEST_DATA), hostile metadata, control
// and user-defined tokens, defaults.
#include "text/tokenizer.h"

#include "text_support.h"

#include <map>

using namespace bitnet;
using namespace bitnet::test;

namespace {

struct Case {
  std::string text;
  Ids ids;
};

/// The cases of llama.cpp's vocabulary tests: texts, each closed by a separator line, and one line of ids for each. (Cut
/// at the separators, the file has a 47th text behind the last one: the empty one.)
std::vector<Case> read_cases(const std::string& name) {
  const std::string texts = read_file(data_path("tokenizers/ggml-vocab-" + name + ".gguf.inp"));
  std::istringstream lines(read_file(data_path("tokenizers/ggml-vocab-" + name + ".gguf.out")));
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<Case> cases;
  std::size_t begin = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = std::min(texts.find(separator, begin), texts.size());
    std::istringstream in(line);
    cases.push_back(
        {texts.substr(begin, end - begin), Ids(std::istream_iterator<TokenId>(in), {})});
    begin = std::min(end + separator.size(), texts.size());
  }
  CHECK(begin == texts.size());
  return cases;
}

void check_cases(const Tokenizer& tokenizer, const std::string& name) {
  const auto cases = read_cases(name);
  CHECK(cases.size() == 46);
  CHECK(encode(tokenizer, "").empty()); // the 47th
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(encode(tokenizer, c.text) == c.ids);
    CHECK(decode(tokenizer, c.ids) == c.text);
  }
}

std::string from_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
            .find(c);
    if (digit == std::string_view::npos)
      break;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8)
      bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

/// Llama 3's vocabulary from its ranks. The merge that makes a token is the pair left when merging by lower ranks stops.
GgufBuilder llama3() {
  std::istringstream lines(read_file(data_path("tokenizers/llama3_tiktoken.model")));
  std::vector<std::string> tokens, merges;
  std::map<std::string, int, std::less<>> ranks;
  std::string base64;
  for (int rank = 0; lines >> base64 >> rank;) {
    const std::string token = from_base64(base64);
    std::vector<std::string> parts;
    for (const char c : token)
      parts.emplace_back(1, c);
    for (;;) {
      int best = rank;
      std::size_t at = 0;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i)
        if (const auto found = ranks.find(parts[i] + parts[i + 1]);
            found != ranks.end() && found->second < best) {
          best = found->second;
          at = i;
        }
      if (best == rank)
        break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    if (parts.size() == 2)
      merges.push_back(escape_bytes(parts[0]) + " " + escape_bytes(parts[1]));
    tokens.push_back(escape_bytes(token));
    ranks.emplace(token, rank);
  }
  std::vector<std::int32_t> types(tokens.size(), 1);
  for (int i = 0; i < 256; ++i) {
    tokens.push_back(i == 0   ? "<|begin_of_text|>"
                     : i == 1 ? "<|end_of_text|>"
                     : i == 9 ? "<|eot_id|>"
                              : "<|reserved_special_token_" + std::to_string(i) + "|>");
    types.push_back(3);
  }
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "gpt2")
      .set("tokenizer.ggml.tokens", tokens)
      .set("tokenizer.ggml.merges", merges);
  builder.set("tokenizer.ggml.token_type", types);
  builder.set("tokenizer.ggml.bos_token_id", std::uint32_t{128000})
      .set("tokenizer.ggml.eos_token_id", std::uint32_t{128001});
  return builder;
}

ErrorCode failure(const GgufBuilder& builder, std::string_view detail = "") {
  const auto tokenizer = make_tokenizer(builder);
  if (tokenizer)
    return ErrorCode::Ok;
  INFO(std::string(tokenizer.error().detail()));
  CHECK(tokenizer.error().detail().find(detail) != std::string_view::npos);
  return tokenizer.error().code();
}

constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTypes = "tokenizer.ggml.token_type";
constexpr const char* kScores = "tokenizer.ggml.scores";

} // namespace

TEST_CASE("published ids: llama-bpe", "[text][data]") {
  BITNET_NEEDS_TEST_DATA();
  const auto tokenizer = make_tokenizer(llama3());
  REQUIRE(tokenizer);
  CHECK(tokenizer->size() == 128256);
  CHECK(std::string(tokenizer->rules()) == "llama-bpe");
  CHECK(tokenizer->guessed()); // like the published 2B-4T file, which has no `pre`
  CHECK(tokenizer->add_bos());
  CHECK(tokenizer->ends_generation(128001));
  CHECK(tokenizer->ends_generation(128009));
  CHECK_FALSE(tokenizer->ends_generation(128000));
  check_cases(*tokenizer, "llama-bpe");
}

TEST_CASE("published ids: gpt-2, llama-spm, phi-3", "[text][data]") {
  BITNET_NEEDS_TEST_DATA();
  for (const char* name : {"gpt-2", "llama-spm", "phi-3"}) {
    const auto tokenizer =
        load_tokenizer(data_path("tokenizers/ggml-vocab-" + std::string(name) + ".gguf"));
    REQUIRE(tokenizer);
    CHECK_FALSE(tokenizer->guessed());
    CHECK(tokenizer->add_bos() == (std::string(name) != "gpt-2"));
    check_cases(*tokenizer, name);
  }
}

TEST_CASE("round trip with published vocabularies", "[text][data]") {
  BITNET_NEEDS_TEST_DATA();
  for (const char* name : {"gpt-2", "llama-spm", "phi-3"}) {
    const auto tokenizer =
        load_tokenizer(data_path("tokenizers/ggml-vocab-" + std::string(name) + ".gguf"));
    REQUIRE(tokenizer);
    TextRandom random(17);
    std::size_t wrong = 0;
    for (int round = 0; round < 2000; ++round) {
      const std::string text = round % 2 == 0 ? random.text(60) : random.bytes(60);
      wrong += text.find("\u2581") == std::string::npos &&
               decode(*tokenizer, encode(*tokenizer, text)) != text;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("no published vocabulary has a normal token that looks like control", "[text][data]") {
  BITNET_NEEDS_TEST_DATA();
  for (const char* name : {"gpt-2", "llama-spm", "phi-3"}) {
    const std::string file =
        read_file(data_path("tokenizers/ggml-vocab-" + std::string(name) + ".gguf"));
    const auto gguf =
        parse_gguf({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, file.size());
    REQUIRE(gguf);
    const auto tokenizer = Tokenizer::make(gguf->metadata);
    REQUIRE(tokenizer);
    const auto types = gguf->metadata.numbers(kTypes);
    REQUIRE(types);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < tokenizer->size(); ++i)
      changed +=
          static_cast<std::int64_t>(tokenizer->kind(static_cast<TokenId>(i))) != types->integer(i);
    CHECK(changed == 0);
  }
}

TEST_CASE("rule sets by name, alias and guess", "[text]") {
  for (const char* pre : {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e", "falcon-e"}) {
    const auto tokenizer = make_tokenizer(golden_bpe(pre));
    REQUIRE(tokenizer);
    CHECK(std::string(tokenizer->rules()) == "llama-bpe");
    CHECK_FALSE(tokenizer->guessed());
  }
  for (const char* pre : {static_cast<const char*>(nullptr), "default"})
    for (const auto& [token, rules] :
         {std::pair{"<|begin_of_text|>", "llama-bpe"}, std::pair{"<|im_start|>", "qwen2"},
          std::pair{"<|endoftext|>", "gpt-2"}}) {
      const auto tokenizer = make_tokenizer(with_tokens(golden_bpe(pre), {{token, 3}}));
      REQUIRE(tokenizer);
      CHECK(std::string(tokenizer->rules()) == rules);
      CHECK(tokenizer->guessed());
    }
  CHECK(failure(golden_bpe("deepseek-llm"), "deepseek-llm") == ErrorCode::UnsupportedTokenizer);
  CHECK(failure(golden_bpe("gpt-2").set("tokenizer.ggml.model", "bert"), "bert") ==
        ErrorCode::UnsupportedTokenizer);
}

TEST_CASE("BOS and EOS defaults", "[text]") {
  const auto made = [](GgufBuilder builder) {
    auto tokenizer = make_tokenizer(builder);
    REQUIRE(tokenizer);
    return std::move(*tokenizer);
  };
  const auto with_ids = [](GgufBuilder builder) {
    return builder.set("tokenizer.ggml.bos_token_id", std::uint32_t{1})
        .set("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  };
  CHECK(made(with_ids(golden_bpe("llama-bpe"))).add_bos());
  CHECK(made(with_ids(golden_spm())).add_bos());
  CHECK_FALSE(made(with_ids(golden_bpe("gpt-2"))).add_bos());
  CHECK_FALSE(made(with_ids(golden_bpe("qwen2"))).add_bos());
  CHECK_FALSE(made(golden_bpe("llama-bpe")).add_bos()); // there is none
  CHECK(made(with_ids(golden_bpe("gpt-2")).set("tokenizer.ggml.add_bos_token", true)).add_bos());
  CHECK_FALSE(made(with_ids(golden_spm()).set("tokenizer.ggml.add_bos_token", false)).add_bos());
  CHECK_FALSE(made(with_ids(golden_spm())).add_eos());
  CHECK(made(with_ids(golden_spm()).set("tokenizer.ggml.add_eos_token", true)).add_eos());
  CHECK(made(with_ids(golden_spm())).bos() == 1);
  CHECK(made(with_ids(golden_spm())).eos() == 2);
}

TEST_CASE("what ends a generation", "[text]") {
  const std::vector<ExtraToken> extra{
      {"<|eot_id|>", 3},    {"<|im_end|>", 1},      {"<|end|>", 4}, {"<end_of_turn>", 3},
      {"<|endoftext|>", 3}, {"<|end_of_text|>", 3}, {"<eom>", 3},   {"<|other|>", 3}};
  auto builder = with_tokens(golden_spm(), extra);
  const auto base = static_cast<TokenId>(make_tokenizer(golden_spm())->size());
  builder.set("tokenizer.ggml.eom_token_id", base + 6);
  const auto tokenizer = make_tokenizer(builder);
  REQUIRE(tokenizer);
  CHECK(tokenizer->ends_generation(2));
  for (TokenId id = base; id < base + 7; ++id)
    CHECK(tokenizer->ends_generation(id));
  CHECK_FALSE(tokenizer->ends_generation(base + 7));
  CHECK_FALSE(tokenizer->ends_generation(1));
  CHECK_FALSE(tokenizer->ends_generation(kNoToken));
}

TEST_CASE("metadata that contradicts itself is refused", "[text]") {
  using Strings = std::vector<std::string>;
  CHECK(failure(golden_spm().remove("tokenizer.ggml.model")) == ErrorCode::MissingKey);
  CHECK(failure(golden_spm().remove(kTokens)) == ErrorCode::MissingKey);
  CHECK(failure(golden_spm().remove(kScores)) == ErrorCode::MissingKey);
  CHECK(failure(golden_bpe("gpt-2").remove("tokenizer.ggml.merges")) == ErrorCode::MissingKey);
  CHECK(failure(golden_spm().set(kTokens, Strings{})) == ErrorCode::Malformed);
  CHECK(failure(golden_spm().set(kTokens, Strings{"a", "b"}), " 2") == ErrorCode::Malformed);
  CHECK(failure(golden_spm().set(kTypes, std::vector<std::int32_t>{1, 1, 1}), "3 entries") ==
        ErrorCode::Malformed);
  CHECK(failure(golden_spm().set(kScores, std::vector<float>{1}), "1 entries") ==
        ErrorCode::Malformed);
  CHECK(failure(golden_bpe("gpt-2").set(kScores, std::vector<float>{1}), "1 entries") ==
        ErrorCode::Malformed);
  CHECK(failure(golden_bpe("gpt-2").set("tokenizer.ggml.merges", Strings{"ab"}), "entry 0") ==
        ErrorCode::Malformed);
  for (const char* key : {"bos", "eos", "eot", "eom", "unknown"}) {
    const std::string name = "tokenizer.ggml." + std::string(key) + "_token_id";
    CHECK(failure(golden_spm().set(name, std::uint32_t{1 << 30}), name) == ErrorCode::Malformed);
    CHECK(failure(golden_spm().set(name, std::uint32_t{0xFFFFFFFF}), name) == ErrorCode::Malformed);
    CHECK(failure(golden_spm().set(name, "x")) == ErrorCode::WrongType);
  }
  GgufBuilder small;
  small.set("tokenizer.ggml.model", "gpt2")
      .set("tokenizer.ggml.pre", "gpt-2")
      .set("tokenizer.ggml.merges", Strings{});
  CHECK(
      failure(small.set(kTokens, Strings{"a", "b"}).set(kTypes, std::vector<std::int32_t>{1, 7})) ==
      ErrorCode::Malformed);
  CHECK(failure(small.set(kTypes, std::vector<std::int32_t>{1, -1})) == ErrorCode::Malformed);
  CHECK(failure(small.set(kTypes, std::vector<std::int32_t>{1, 0})) == ErrorCode::Ok);
  CHECK(failure(small.set(kTokens, Strings{"a", std::string(257, 'x')})
                    .set(kTypes, std::vector<std::int32_t>{1, 4})) == ErrorCode::LimitExceeded);
}

TEST_CASE("duplicates, empty tokens and tokens of any bytes", "[text]") {
  GgufBuilder builder;
  builder.set("tokenizer.ggml.model", "gpt2").set("tokenizer.ggml.pre", "gpt-2");
  builder.set("tokenizer.ggml.tokens",
              std::vector<std::string>{"a", "a", "", "\xFF\xC3", "b", "", "ab"});
  builder.set("tokenizer.ggml.merges", std::vector<std::string>{"a b", "a b"});
  const auto tokenizer = make_tokenizer(builder);
  REQUIRE(tokenizer);
  CHECK(tokenizer->find("a") == 0);
  CHECK(tokenizer->find("") == 2);
  CHECK(encode(*tokenizer, "aab") == Ids{0, 6});
  CHECK(decode(*tokenizer, {3, 1, 2}) == "\xFF\xC3"
                                         "a");
  CHECK(tokenizer->raw(99).empty());
  CHECK(tokenizer->kind(-1) == TokenKind::kUnknown);
  Text out;
  const Status status = tokenizer->decode(99, out);
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == ErrorCode::BadToken);
  CHECK_FALSE(tokenizer->decode(kNoToken, out));
}

TEST_CASE("user-defined tokens are words, the longest first", "[text]") {
  const std::vector<ExtraToken> extra{
      {"<tool", 4}, {"<tool_call>", 4}, {"  ", 4}, {"\n\n", 4}, {"<tool_call>x", 3}};
  for (const auto& builder : {golden_bpe("gpt-2"), golden_bpe("llama-bpe"), golden_spm()}) {
    const auto tokenizer = make_tokenizer(with_tokens(builder, extra));
    REQUIRE(tokenizer);
    const auto base = static_cast<TokenId>(tokenizer->size() - extra.size());
    const auto count = [&](std::string_view text, TokenId id) {
      const Ids ids = encode(*tokenizer, text, true);
      CHECK(decode(*tokenizer, ids).ends_with(text.substr(1)));
      return std::count(ids.begin(), ids.end(), id);
    };
    CHECK(count("a<tool_call>b<tool c", base) == 1);
    CHECK(count("a<tool_call>b<tool c", base + 1) == 1);
    CHECK(count("<tool_call><tool_call>x", base + 1) == 2);
    CHECK(count("a   b\n\n\n", base + 2) == 1);
    CHECK(count("a   b\n\n\n", base + 3) == 1);
    CHECK(count("<too", base) == 0);
  }
}

TEST_CASE("plain text never becomes a control token", "[text]") {
  // Every way to smuggle one in: as control, unknown, unused or byte token, marked normal or user-defined, whole or by
  // merges.
  const std::vector<ExtraToken> extra{{"<|eot_id|>", 3}, {"<|im_end|>", 4}, {"<|x|>", 1},
                                      {"words", 3},      {"the", 3},        {"<end_of_turn>", 4},
                                      {"zz", 5},         {"qq", 2}};
  for (auto builder :
       {golden_bpe("gpt-2"), golden_bpe("llama-bpe"), golden_bpe("qwen2"), golden_spm()}) {
    builder = with_tokens(builder, extra);
    const auto tokenizer = make_tokenizer(builder);
    REQUIRE(tokenizer);
    for (const ExtraToken& token : extra)
      for (const std::string& text :
           {token.text, " " + token.text, token.text + token.text, "a " + token.text + "\n"})
        for (const TokenId id : encode(*tokenizer, text)) {
          const TokenKind kind = tokenizer->kind(id);
          CHECK((kind == TokenKind::kNormal || kind == TokenKind::kUserDefined ||
                 kind == TokenKind::kByte));
        }
    CHECK(tokenizer->kind(tokenizer->find("<|im_end|>")) == TokenKind::kControl);
    CHECK(tokenizer->kind(tokenizer->find("<|x|>")) == TokenKind::kControl);
    CHECK(decode(*tokenizer, {tokenizer->find("<|eot_id|>")}).empty());
    CHECK(decode(*tokenizer, {tokenizer->find("<|eot_id|>")}, true) == "<|eot_id|>");
  }
  // BOS and EOS in angle brackets are control whatever the file says; without them they are what the file says.
  auto spm = golden_spm();
  std::vector<std::int32_t> types(make_tokenizer(spm)->size(), 1);
  types[1] = types[2] = 4;
  const auto tokenizer = make_tokenizer(spm.set(kTypes, types));
  REQUIRE(tokenizer);
  CHECK(tokenizer->kind(1) == TokenKind::kControl);
  CHECK(tokenizer->kind(2) == TokenKind::kControl);
}

TEST_CASE("in a framed prompt control tokens count, the longest first", "[text]") {
  const std::vector<ExtraToken> extra{
      {"<|eot_id|>", 3}, {"<|eot", 3}, {"<|x|>", 1}, {"zz", 5}, {std::string(300, 'c'), 3}};
  for (auto builder : {golden_bpe("gpt-2"), golden_bpe("llama-bpe"), golden_spm()}) {
    const auto tokenizer = make_tokenizer(with_tokens(builder, extra));
    REQUIRE(tokenizer);
    const auto framed = [&](std::string_view text) {
      Vec<TokenId> ids;
      CHECK(tokenizer->encode_framed(text, ids));
      return Ids(ids.begin(), ids.end());
    };
    const auto joined = [](std::initializer_list<Ids> parts) {
      Ids all;
      for (const Ids& part : parts)
        all.insert(all.end(), part.begin(), part.end());
      return all;
    };
    const TokenId eot = tokenizer->find("<|eot_id|>");
    const TokenId cut = tokenizer->find("<|eot");
    const TokenId x = tokenizer->find("<|x|>");
    CHECK(framed("") == Ids{});
    CHECK(framed("Hello there") == encode(*tokenizer, "Hello there"));
    CHECK(framed("<|eot_id|>") == Ids{eot});
    CHECK(framed("Hello<|eot_id|> you<|eot|><|x|>") == joined({encode(*tokenizer, "Hello"),
                                                               {eot},
                                                               encode(*tokenizer, " you"),
                                                               {cut},
                                                               encode(*tokenizer, "|>"),
                                                               {x}}));
    CHECK(framed("a zz b") == encode(*tokenizer, "a zz b")); // unused is not control
    const std::string most(300, 'c');                        // too long to be looked for
    CHECK(framed(most) == encode(*tokenizer, most));
  }
}

TEST_CASE("a text beyond the limit is refused", "[text]") {
  const auto tokenizer = make_tokenizer(golden_bpe("gpt-2"));
  REQUIRE(tokenizer);
  Vec<TokenId> ids;
  const std::string_view far_too_long("x", (1U << 28) + 1); // never read
  const Status status = tokenizer->encode(far_too_long, ids);
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == ErrorCode::LimitExceeded);
}

TEST_CASE("random metadata never crashes", "[text]") {
  TextRandom random(23);
  for (int round = 0; round < 300; ++round) {
    GgufBuilder builder;
    builder.set("tokenizer.ggml.model", random.below(2) == 0 ? "gpt2" : "llama");
    std::vector<std::string> tokens, merges;
    std::vector<float> scores;
    std::vector<std::int32_t> types;
    for (std::uint32_t i = 1 + random.below(60); i > 0; --i) {
      tokens.push_back(random.below(2) == 0 ? random.bytes(3) : random.text(2));
      scores.push_back(static_cast<float>(random.below(9)) - 4.0F);
      types.push_back(static_cast<std::int32_t>(random.below(7)));
    }
    for (std::uint32_t i = random.below(60); i > 0; --i)
      merges.push_back(tokens[random.below(static_cast<std::uint32_t>(tokens.size()))] + "x " +
                       random.bytes(2));
    builder.set(kTokens, tokens)
        .set(kScores, scores)
        .set(kTypes, types)
        .set("tokenizer.ggml.merges", merges);
    const auto tokenizer = make_tokenizer(builder);
    if (!tokenizer)
      continue;
    for (int i = 0; i < 20; ++i)
      for (const TokenId id : encode(*tokenizer, i % 2 == 0 ? random.text(20) : random.bytes(20)))
        CHECK(tokenizer->valid(id));
    Text out;
    for (std::size_t id = 0; id < tokenizer->size(); ++id)
      CHECK(tokenizer->decode(static_cast<TokenId>(id), out, random.below(2) == 0));
  }
}
