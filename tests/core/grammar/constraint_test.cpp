// Which tokens a constraint allows: one by one and as a mask, with many tokens left and with few.
#include "grammar/constraint.h"

#include "core/text/text_support.h"
#include "grammar_support.h"

#include <functional>
#include <random>

using namespace bitnet;
using namespace bitnet::test;
using grammar::Constraint;

namespace {

Tokenizer made_tokenizer(
    const char* kind, const std::function<void(GgufBuilder&)>& change = [](GgufBuilder&) {}) {
  TinyOptions options;
  options.architecture = "llama";
  options.tokenizer = kind;
  options.layers = 1;
  options.hidden = 64;
  options.ffn = 128;
  GgufBuilder file = tiny_model(options);
  change(file);
  const ByteVector bytes = file.build();
  const auto gguf = parse_gguf(bytes, bytes.size());
  REQUIRE(gguf);
  auto tokenizer = Tokenizer::make(gguf->metadata);
  REQUIRE(tokenizer);
  return std::move(*tokenizer);
}

GenerateOptions with_grammar(std::string_view text) {
  GenerateOptions options;
  options.grammar = text;
  return options;
}
GenerateOptions with_schema(std::string_view text) {
  GenerateOptions options;
  options.json_schema = text;
  return options;
}

bool bit(std::span<const std::uint64_t> mask, std::size_t id) {
  return (mask[id / 64] >> id % 64 & 1) != 0;
}

constexpr std::string_view kSchemas[] = {
    R"({"type":"object","properties":{"Hello":{"type":"string","minLength":1,"maxLength":9},"an":{"type":"array","items":{"type":"integer","minimum":-120,"maximum":123}},"x":{"enum":["the","the world",12,null]}},"required":["an"]})",
    R"({"type":"object"})",
    "{}",
    R"({"type":"array","items":{"$ref":"#"},"minItems":1,"maxItems":2,"anyOf":[{},{"type":"null"}]})",
    R"({"type":["array","null"],"items":{"$ref":"#"},"minItems":1,"maxItems":3})",
    R"({"type":"string","pattern":"^(the |and ){2,4}[^a-z]é?$"})",
    R"({"type":"object","properties":{"a":{"type":"number","minimum":0.25,"exclusiveMaximum":7},"b":{"format":"date-time"},"c":{"type":"boolean"}},"additionalProperties":{"type":"integer"},"minProperties":2})"};
constexpr std::string_view kGrammars[] = {
    "root ::= (\"the\" | \"then\" | \"and\")+ \".\"",
    "root ::= \"(\" root \")\" | \"is\" | root2 root2\nroot2 ::= \"[\" root \"]\" | \"12\"",
    "root ::= [^a]{3,9} \"\xe2\x82\xac\"", "root ::= \"\" | (\" \" .)+",
    "root ::= [0-9]* \"Hello world\" [0-9]*"};

} // namespace

TEST_CASE("a mask holds the tokens that are allowed one by one", "[grammar]") {
  for (const char* kind : {"gpt2", "llama"}) {
    const Tokenizer tokenizer = made_tokenizer(kind);
    const std::size_t vocabulary = tokenizer.size() + 70; // rows of the embedding that are no token
    std::mt19937 random(7);
    Constraint constraint;
    const auto look = [&](const GenerateOptions& options) {
      const Status begun = constraint.begin(tokenizer, vocabulary, options);
      INFO(options.grammar << options.json_schema);
      if (!begun && begun.error().detail().find("no text can ever") != std::string_view::npos)
        return;
      REQUIRE(begun);
      std::uint64_t left = constraint.needed() + random() % 40;
      for (int token = 0; token < 12 && left > 0; ++token, --left) {
        const auto found = constraint.mask(left);
        REQUIRE(found);
        const std::vector<std::uint64_t> mask(found->begin(), found->end());
        CHECK(mask.size() == (vocabulary + 63) / 64);
        std::vector<TokenId> ids;
        for (std::size_t id = 0; id < 64 * mask.size(); ++id) {
          const auto allowed = constraint.allows(static_cast<TokenId>(id), left);
          REQUIRE(allowed);
          if (*allowed != bit(mask, id)) {
            INFO(id << " " << tokenizer.raw(static_cast<TokenId>(id)) << " left " << left);
            CHECK(*allowed == bit(mask, id));
          }
          if (*allowed && !tokenizer.ends_generation(static_cast<TokenId>(id)))
            ids.push_back(static_cast<TokenId>(id));
        }
        const auto again = constraint.mask(left);
        REQUIRE(again);
        CHECK(std::equal(mask.begin(), mask.end(), again->begin()));
        if (ids.empty())
          break;
        REQUIRE(constraint.accept(ids[random() % ids.size()]));
      }
    };
    for (const auto text : kSchemas)
      look(with_schema(text));
    for (const auto text : kGrammars)
      look(with_grammar(text));
  }
}

TEST_CASE("whatever is chosen, the text is whole within the tokens there are", "[grammar]") {
  for (const char* kind : {"gpt2", "llama"}) {
    const Tokenizer tokenizer = made_tokenizer(kind);
    std::mt19937 random(11);
    Constraint constraint;
    for (int round = 0; round < 12; ++round)
      for (std::size_t which = 0; which < std::size(kSchemas) + std::size(kGrammars); ++which) {
        const bool is_schema = which < std::size(kSchemas);
        const std::string_view text =
            is_schema ? kSchemas[which] : kGrammars[which - std::size(kSchemas)];
        Matcher matcher = is_schema ? schema(text) : gbnf(text);
        if (!matcher.valid())
          continue;
        REQUIRE(constraint.begin(tokenizer, tokenizer.size(),
                                 is_schema ? with_schema(text) : with_grammar(text)));
        std::uint64_t left =
            constraint.needed() + (round < 4 ? static_cast<unsigned>(round) : random() % 200);
        REQUIRE(constraint.check(left));
        Text written;
        bool ended = false;
        for (; left > 0 && !constraint.must_end() && !ended; --left) {
          const auto mask = constraint.mask(left);
          REQUIRE(mask);
          std::vector<TokenId> ids;
          for (std::size_t id = 0; id < tokenizer.size(); ++id)
            if (bit(*mask, id))
              ids.push_back(static_cast<TokenId>(id));
          const TokenId id = ids[random() % ids.size()];
          ended = tokenizer.ends_generation(id);
          REQUIRE(constraint.accept(id));
          REQUIRE(tokenizer.decode(id, written));
        }
        INFO(text);
        INFO(view(written));
        CHECK(matcher.accepts(view(written)));
      }
  }
}

TEST_CASE("the end is allowed where the text is whole, and other control tokens never",
          "[grammar]") {
  const Tokenizer tokenizer = made_tokenizer("gpt2");
  Constraint constraint;
  const TokenId end = tokenizer.find("<|eot_id|>");
  const TokenId header = tokenizer.find("<|start_header_id|>");
  const auto allows = [&](TokenId id) {
    const auto allowed = constraint.allows(id, 100);
    REQUIRE(allowed);
    return *allowed;
  };
  GenerateOptions options = with_grammar("root ::= \"a\" \"b\"? | \"<|start_header_id|>\"");
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(), options));
  CHECK_FALSE(allows(end));
  CHECK_FALSE(allows(header));
  CHECK_FALSE(allows(-1));
  CHECK_FALSE(allows(1 << 20));
  REQUIRE(constraint.accept('a'));
  CHECK(allows(end));
  CHECK_FALSE(constraint.must_end());
  options.ignore_end = true;
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(), options));
  REQUIRE(constraint.accept('a'));
  CHECK_FALSE(allows(end));
  REQUIRE(constraint.accept('b'));
  CHECK(constraint.must_end());
  CHECK_FALSE(constraint.accept('c'));
  // After an error nothing is known of the text, and the next generation begins anew.
  CHECK_FALSE(constraint.must_end());
  CHECK(constraint.needed() == grammar::kNever);
  CHECK_FALSE(constraint.mask(100));
  CHECK_FALSE(constraint.allows('a', 100));
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(), options));
  CHECK(constraint.accept('a'));
}

TEST_CASE("what cannot be done is refused before anything is generated", "[grammar]") {
  const Tokenizer tokenizer = made_tokenizer("gpt2");
  Constraint constraint;
  GenerateOptions both = with_grammar("root ::= \"a\"");
  both.json_schema = "{}";
  const Status twice = constraint.begin(tokenizer, tokenizer.size(), both);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code() == ErrorCode::InvalidArgument);
  CHECK_FALSE(constraint.active());
  const Status bad = constraint.begin(tokenizer, tokenizer.size(), with_grammar("root"));
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code() == ErrorCode::BadGrammar);
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(), with_grammar("root ::= \"abc\"")));
  CHECK(constraint.check(3));
  const Status small = constraint.check(2);
  REQUIRE_FALSE(small);
  CHECK(small.error().code() == ErrorCode::GrammarEnd);
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(), {})); // none
  CHECK_FALSE(constraint.active());

  // No token for a byte that the text needs; one for two of them is no promise, but may be used.
  const Tokenizer without = made_tokenizer("gpt2", [](GgufBuilder& file) {
    for (auto& entry : file.entries)
      if (entry.key == "tokenizer.ggml.token_type")
        entry.value[12 + 4 * 'H'] = 5; // unused
  });
  REQUIRE(constraint.begin(without, without.size(), with_grammar("root ::= \"Hello\"")));
  const Status unspelled = constraint.check(100);
  REQUIRE_FALSE(unspelled);
  CHECK(unspelled.error().code() == ErrorCode::GrammarEnd);
  REQUIRE(constraint.begin(without, without.size(), with_grammar("root ::= \"Hello\" | \"12\"")));
  CHECK(constraint.check(100));
  const auto whole = constraint.allows(without.find("Hello"), 100);
  REQUIRE(whole);
  CHECK(*whole);
}

TEST_CASE("too deep is not begun, and deep enough ends", "[grammar]") {
  const Tokenizer tokenizer = made_tokenizer("gpt2");
  Constraint constraint;
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(), with_schema("{}")));
  std::size_t depth = 0;
  for (;; ++depth) {
    const auto allowed = constraint.allows('[', 1'000'000);
    REQUIRE(allowed);
    if (!*allowed)
      break;
    REQUIRE(constraint.accept('['));
  }
  CHECK(depth > 100);
  CHECK(depth <= limits::kCalls);
  for (; depth > 0; --depth) {
    const auto mask = constraint.mask(1'000'000);
    REQUIRE(mask);
    CHECK(bit(*mask, ']'));
    REQUIRE(constraint.accept(']'));
  }
  CHECK(constraint.must_end());
}

TEST_CASE("a long text outlives the tables", "[grammar]") {
  const Tokenizer tokenizer = made_tokenizer("gpt2");
  Constraint constraint;
  REQUIRE(constraint.begin(tokenizer, tokenizer.size(),
                           with_grammar("root ::= [a-z]{100000} | \"1\"")));
  for (int i = 0; i < 100'000; ++i)
    if (const Status taken = constraint.accept('a' + i % 26); !taken)
      FAIL(taken.error().detail());
  CHECK(constraint.must_end());
}

TEST_CASE("the same text again is not compiled again, and another is", "[grammar]") {
  const Tokenizer tokenizer = made_tokenizer("gpt2");
  Constraint constraint;
  for (int i = 0; i < 2; ++i) {
    for (const char* text : {"\"a\"", "\"b\""}) {
      REQUIRE(constraint.begin(tokenizer, tokenizer.size(),
                               with_schema(std::string(R"({"const":)") + text + "}")));
      CHECK(constraint.needed() == 3);
      REQUIRE(constraint.accept('"'));
      const auto a = constraint.allows('a', 9);
      REQUIRE(a);
      CHECK(*a == (text[1] == 'a'));
    }
    REQUIRE(constraint.begin(tokenizer, tokenizer.size(), with_grammar("root ::= \"b\"")));
  }
}
