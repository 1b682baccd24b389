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
  std::ofstream out(folder / (name + ".gguf"), std::ios::binary);
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

} // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
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
  return fine ? 0 : 1;
}
