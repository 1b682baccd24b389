#include "platform/file.h"

#include <catch_amalgamated.hpp>

#include <cstdio>

using bitnet::model_files;
using Names = std::vector<std::string>;

TEST_CASE("the files of a model by the name of one", "[platform]") {
  const Names three{"a/m-00001-of-00003.gguf", "a/m-00002-of-00003.gguf",
                    "a/m-00003-of-00003.gguf"};
  for (const std::string& name : three)
    CHECK(model_files(name) == three);
  CHECK(model_files("-00001-of-00001.gguf") == Names{"-00001-of-00001.gguf"});
  CHECK(model_files("m-00001-of-00100.gguf").size() == 100);
  for (const char* alone :
       {"", "m.gguf", "m-00001-of-00003.bin", "m-0001-of-00003.gguf", "m-00000-of-00003.gguf",
        "m-00004-of-00003.gguf", "m-00001-of-99999.gguf", "m-000a1-of-00003.gguf",
        "m_00001-of-00003.gguf", "00001-of-00003.gguf", "m-00001-of-00003.gguf.part"})
    CHECK(model_files(alone) == Names{alone});
}

TEST_CASE("a part that is missing is named", "[platform]") {
  const std::string first = "build/model_files_test-00001-of-00002.gguf";
  std::FILE* file = std::fopen(first.c_str(), "wb");
  if (file == nullptr)
    SKIP("no folder build/ to write into");
  std::fclose(file);
  const auto files = bitnet::ModelFiles::open(first);
  CHECK(!files);
  if (!files) {
    CHECK(files.error().code() == bitnet::ErrorCode::NotFound);
    CHECK(files.error().detail().starts_with("build/model_files_test-00002-of-00002.gguf"));
  }
  std::remove(first.c_str());
}
