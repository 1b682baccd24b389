// Writes the seeds that fuzzing starts from: small valid models of every architecture and every tensor type.
// Enters: a folder. Leaves: files in it. Deterministic.
#include "support/tiny_gguf.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace bitnet;
using namespace bitnet::test;

namespace {

bool write(const std::filesystem::path& folder, const std::string& name, const ByteVector& bytes) {
  std::ofstream out(folder / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  return static_cast<bool>(out);
}

/// As small as a model of these types can be: the fuzzer reads it some million times.
TinyOptions smallest(const std::string& architecture, DType ternary, DType embedding) {
  TinyOptions options;
  options.architecture = architecture;
  options.ternary = ternary;
  options.embedding = embedding;
  const bool wide = ternary != DType::kI2_S || embedding == DType::kQ6_K;
  options.hidden = wide ? 256 : 64;
  options.ffn = wide ? 256 : 96;
  options.layers = wide ? 1 : 2;
  options.context = 32;
  return options;
}

/// Scripts for nn_fuzz, whose bytes nn_fuzz.cpp explains: each does something whole, from a model to an output.
struct NnScript {
  const char* name;
  ByteVector bytes;
};
std::vector<NnScript> nn_scripts() {
  // Functions by their row; arguments: 0x0n a number, 0x2n and 0x3n string n and its size, 0x4n the tensor of string n,
  // 0x50 the builders, 0x6n a place for a result, 0xan a place for an output, 0x9n 256 << n bytes of it.
  const ByteVector named{2, 0x20, 0x30, 0x22, 0x32, 0x60, 3, 0x00, 0x61};
  const ByteVector own{0, 0x50, 0x02, 0x06, 0x00, 0x60, 3, 0x00, 0x61};
  const ByteVector prompt{4, 0x00, 0x00, 0x41};
  const ByteVector output{6, 0x00, 0x00, 0xa1, 0x94, 0x62, 6, 0x00, 0x01, 0xa1, 0x94, 0x62};
  const ByteVector piece{7, 0x00, 8, 0x00, 0x00, 0xa1, 0x94, 0x62};
  const auto joined = [](std::initializer_list<ByteVector> parts) {
    ByteVector all{0x80}; // probe, and a large budget
    for (const ByteVector& part : parts)
      all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  const auto metadata = [](std::uint8_t string) {
    return ByteVector{4, 0x00, 0x01, static_cast<std::uint8_t>(0x40 + string)};
  };
  const ByteVector compute{5, 0x00};
  const ByteVector end{10, 0x00, 6, 0x00, 0x00, 0xa1, 0x94, 0x62, 11, 0x00};
  return {
      {"nn-compute", joined({named, prompt, compute, output, end})},
      {"nn-pieces", joined({named, prompt, piece, piece, piece, piece, {9, 0x00}, end})},
      {"nn-own-model", joined({own, prompt, compute, output, end})},
      {"nn-embedding", joined({named, metadata(3), prompt, compute, output, end})},
      {"nn-messages", joined({named, metadata(4), {4, 0x00, 0x00, 0x45}, compute, output, end})},
      {"nn-stop", joined({named, metadata(6), prompt, compute, output, compute, piece, end})}};
}

/// Texts for grammar_fuzz, whose first two bytes grammar_fuzz.cpp explains: is it a schema?
struct GrammarText {
  bool schema;
  const char* text;
};
constexpr GrammarText kGrammarTexts[] = {
    {false,
     "root ::= (\"the \" | [^a-c]{2,4} x?)+ \".\" # c\nx ::= \"\\u00e9\" |\n  \"[\" root \"]\""},
    {false, "root ::= ((\"a\"|\"a\")*)* e{0,9}\ne ::= \"\" | . | \"\\x41\" root2*\nroot2::=[\\]-]"},
    {true,
     R"({"type":"object","properties":{"a":{"type":"string","minLength":1,"maxLength":5},"b":{"type":"integer","minimum":-3,"exclusiveMaximum":120},"c":{"enum":["x",1.5,null,[]]}},"required":["b"],"additionalProperties":{"type":"number","minimum":0.5},"minProperties":1,"maxProperties":3})"},
    {true,
     R"({"$defs":{"t":{"anyOf":[{"type":"null"},{"type":"array","prefixItems":[{"$ref":"#/$defs/t"}],"items":false,"minItems":1}]}},"$ref":"#/$defs/t"})"},
    {true,
     R"({"allOf":[{"type":["string","integer"]},{"oneOf":[{"type":"string","pattern":"^[^a-z\\d]+(x|y){1,2}?$"},{"type":"integer","multipleOf":7}]}]})"},
    {true, R"({"type":"string","format":"date-time","title":"t"})"},
    {true,
     R"({"items":{"type":"number","exclusiveMinimum":-0.25,"maximum":1e1},"minItems":1,"maxItems":4})"},
    {true, "{}"},
    {false, "root ::= \"x\" | ([^\\x00-\\U0010FFFF] | [^\\x00-\\U0010FFFF]){100000}{100000}"}};

} // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  std::error_code failed;
  for (const char* name : {"nn", "session", "grammar"})
    if (!failed)
      std::filesystem::create_directories(folder / name, failed);
  bool fine = !failed;
  for (const char* architecture : {"bitnet-b1.58", "bitnet", "llama"})
    for (const DType ternary : {DType::kI2_S, DType::kTQ1_0, DType::kTQ2_0})
      fine = fine && write(folder, std::string(architecture) + '-' + dtype_info(ternary).name,
                           make_tiny_model(smallest(architecture, ternary, DType::kQ4_0)));
  for (const DType embedding :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ6_K}) {
    TinyOptions options = smallest("bitnet-b1.58", DType::kI2_S, embedding);
    options.tied = embedding != DType::kQ8_0;
    options.chat_template = "{{ '<|start_header_id|>' }}";
    fine = fine && write(folder, std::string("embedding-") + dtype_info(embedding).name,
                         make_tiny_model(options));
  }
  TinyOptions spm = smallest("llama", DType::kI2_S, DType::kQ8_0);
  spm.tokenizer = "llama";
  spm.head_dim = 8;
  fine = fine && write(folder, "llama-spm", make_tiny_model(spm));
  // session_fuzz.cpp explains these: true sessions, one whose tokens, ids and vectors are others, and cut ones.
  const ByteVector sessions[] = {{4, 0},
                                 {5, 0},
                                 {6, 0, 40, 0, 4},
                                 {7, 9, 64, 0, 9, 90, 0, 0x7e},
                                 {6, 255, 48, 0, 1, 255, 255, 8},
                                 {4 + 8, 2},
                                 {4 + 24, 4}};
  for (std::size_t i = 0; i < std::size(sessions); ++i)
    fine = fine && write(folder / "session", "session-" + std::to_string(i), sessions[i]);
  for (std::size_t i = 0; i < std::size(kGrammarTexts); ++i) {
    ByteVector bytes{static_cast<std::uint8_t>((kGrammarTexts[i].schema ? 1 : 0) + 40 * (i % 2)),
                     8};
    for (const char* c = kGrammarTexts[i].text; *c != '\0'; ++c)
      bytes.push_back(static_cast<std::uint8_t>(*c));
    for (std::uint8_t choice = 1; choice <= 8; ++choice)
      bytes.push_back(static_cast<std::uint8_t>(choice * 29));
    fine = fine && write(folder / "grammar", "grammar-" + std::to_string(i), bytes);
  }
  for (const NnScript& script : nn_scripts())
    fine = fine && write(folder / "nn", script.name, script.bytes);
  return fine ? 0 : 1;
}
