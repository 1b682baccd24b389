// Models in several files: the same model as in one, and every way in which files can fail to be its parts, each told with
// the number of the file that is wrong.
#include "gguf/parts.h"

#include "core/api/api_support.h"
#include "gguf/limits.h"

#include <deque>
#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

GgufBuilder small_builder(DType ternary = DType::kI2_S) {
  TinyOptions options;
  options.hidden = 256;
  options.ffn = 256;
  options.context = 64;
  options.tied = false;
  options.ternary = ternary;
  return tiny_model(options);
}

Result<Model> load_all(const std::vector<ByteVector>& files, const LoadOptions& options = {}) {
  std::deque<MemorySource> sources;
  std::vector<Source*> pointers;
  for (const ByteVector& file : files)
    pointers.push_back(&sources.emplace_back(Bytes(file)));
  return Model::load(pointers, options);
}

Result<Model> load_parts(const std::vector<GgufBuilder>& parts) {
  return load_all(build_all(parts));
}

/// "WrongParts: file 2 of 3: ..."
std::string error_of(const Result<Model>& model) {
  return model ? std::string("loaded")
               : std::string(error_name(model.error().code())) + ": " +
                     std::string(model.error().detail());
}
bool begins(const Result<Model>& model, std::string_view with) {
  const std::string error = error_of(model);
  INFO(error);
  CHECK(error.starts_with(with));
  return error.starts_with(with);
}

} // namespace

TEST_CASE("a model in several files is the model in one", "[gguf]") {
  for (const DType type : {DType::kI2_S, DType::kTQ2_0}) {
    const GgufBuilder whole = small_builder(type);
    const Model expected = load_model(whole.build());
    for (const std::size_t count : {1U, 2U, 3U, 7U})
      for (const bool tensors_in_first : {true, false}) {
        if (count == 1 && !tensors_in_first)
          continue;
        const auto model = load_parts(split_model(whole, count, tensors_in_first));
        INFO(count << " files, " << error_of(model));
        REQUIRE(model);
        CHECK(fingerprint(*model) == fingerprint(expected));
        CHECK(model->info().parameters == expected.info().parameters);
        CHECK(model->info().weight_bytes == expected.info().weight_bytes);
        CHECK(model->info().name == expected.info().name);
      }
  }
}

TEST_CASE("each file has its own offsets and alignment", "[gguf]") {
  auto parts = split_model(small_builder(), 3);
  parts[1].alignment = 4096;
  parts[1].set("general.alignment", std::uint32_t{4096});
  const auto model = load_parts(parts);
  INFO(error_of(model));
  REQUIRE(model);
  CHECK(fingerprint(*model) == fingerprint(load_model(small_builder().build())));
}

TEST_CASE("headers come first, then each file's ranges ascend", "[gguf]") {
  const auto files = build_all(split_model(small_builder(), 3));
  std::vector<std::uint64_t> sizes;
  for (const ByteVector& file : files)
    sizes.push_back(file.size());
  auto loader = ModelLoader::begin(sizes);
  REQUIRE(loader);
  std::uint64_t ends[3] = {};
  std::uint32_t file = 0;
  std::size_t ranges = 0;
  bool orderly = true;
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted(), ++ranges) {
    REQUIRE(range.file < 3);
    orderly = orderly && range.offset >= ends[range.file] &&
              range.offset + range.into.size() <= sizes[range.file] &&
              (ranges < 3 ? range.file == ranges : range.file >= file);
    file = ranges < 3 ? 0 : range.file;
    ends[range.file] = range.offset + range.into.size();
    std::copy_n(files[range.file].begin() + static_cast<std::ptrdiff_t>(range.offset),
                range.into.size(), range.into.begin());
    REQUIRE(loader->accept());
  }
  CHECK(orderly);
  CHECK(ranges > 6);
  CHECK(loader->finish());
}

TEST_CASE("files that are not all parts of one model, in order", "[gguf]") {
  const GgufBuilder whole = small_builder();
  const auto parts = split_model(whole, 3);
  auto changed = parts;
  begins(load_parts({parts[0]}), "WrongParts: split.count is 3, files given are 1");
  begins(load_parts({parts[2]}), "WrongParts: split.count is 3");
  begins(load_parts({parts[0], parts[1]}), "WrongParts: file 1 of 2: split.count is 3");
  begins(load_parts({parts[1], parts[0], parts[2]}), "WrongParts: file 1 of 3: split.no is 1");
  begins(load_parts({parts[0], parts[2], parts[1]}), "WrongParts: file 2 of 3: split.no is 2");
  begins(load_parts({parts[0], parts[1], parts[1]}), "WrongParts: file 3 of 3: split.no is 1");
  begins(load_parts({whole, whole}), "MissingKey: file 1 of 2: split.count");
  begins(load_parts({parts[0], parts[1], whole}), "MissingKey: file 3 of 3: split.count");

  changed[1].remove("split.no");
  begins(load_parts(changed), "MissingKey: file 2 of 3: split.no");
  changed = parts;
  changed[2].set("split.count", std::uint16_t{4});
  begins(load_parts(changed), "WrongParts: file 3 of 3: split.count is 4");
  changed = parts;
  changed[1].set("split.count", "three");
  begins(load_parts(changed), "WrongType: file 2 of 3");
  changed = parts;
  changed[1].set("split.tensors.count", std::int32_t{1}); // not what the first says
  begins(load_parts(changed), "WrongParts: file 2 of 3: 'split.tensors.count'");
  changed = parts;
  changed[1].set("general.name", "another");
  begins(load_parts(changed), "WrongParts: file 2 of 3: 'general.name'");
  changed[1].set("general.name", "tiny"); // the same is no harm, nor is what the first does not say
  changed[1].set("general.note", "x");
  CHECK(load_parts(changed));
  for (auto& part : changed = parts)
    part.set("split.tensors.count", std::int32_t{-1});
  begins(load_parts(changed), "WrongType: split.tensors.count");
  for (auto& part : changed = parts)
    part.remove("split.tensors.count");
  begins(load_parts(changed), "MissingKey: split.tensors.count");

  // A tensor that another model of the same shape has lost or has too many of.
  changed = parts;
  changed[2].tensors.pop_back();
  begins(load_parts(changed), "WrongParts: split.tensors.count is");
  changed = parts;
  changed[2].tensors.back() = changed[0].tensors.front();
  begins(load_parts(changed),
         "Malformed: tensor 'token_embd.weight' occurs twice, in files 1 and 3");
  // What one file must not do, no part may.
  changed = parts;
  changed[1].tensors[1].offset = 0;
  begins(load_parts(changed), "Malformed: file 2 of 3: tensor");
  changed = parts;
  changed[2].magic[0] = 'X';
  begins(load_parts(changed), "NotGguf: file 3 of 3");
  changed = parts;
  changed[1].find_tensor("blk.0.ffn_down.weight") != nullptr
      ? changed[1].find_tensor("blk.0.ffn_down.weight")->data[5] = 0xff
      : changed[1].tensors.front().data[5] = 0xff;
  const auto model = load_parts(changed);
  CHECK((!model && model.error().code() == ErrorCode::BadWeights));
  begins(model, "BadWeights: file 2 of 3: ");
}

TEST_CASE("merged files and single parts say so and load", "[gguf]") {
  GgufBuilder file = small_builder();
  for (const std::uint16_t count : {std::uint16_t{0}, std::uint16_t{1}}) {
    file.set("split.count", count).set("split.no", std::uint16_t{0});
    CHECK(load_parts({file}));
  }
}

TEST_CASE("one part alone is refused by what it is, even without a tensor", "[gguf]") {
  begins(load_parts({split_model(small_builder(), 2, false)[0]}), "WrongParts: split.count is 2");
  begins(load_parts({small_builder().set("split.count", "2")}), "WrongType: split.count");
}

TEST_CASE("how many files there may be", "[gguf]") {
  const std::vector<std::uint64_t> sizes(limits::kFiles + 1, 1000);
  for (const std::size_t count : {std::size_t{0}, sizes.size()}) {
    const auto loader = ModelLoader::begin({sizes.data(), count});
    REQUIRE(!loader);
    CHECK(loader.error().code() == ErrorCode::InvalidArgument);
  }
  CHECK(ModelLoader::begin(std::span(sizes).first(limits::kFiles)));
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t wraps[] = {most, most}, empty[] = {1000, 0};
  CHECK(!ModelLoader::begin(wraps));
  const auto loader = ModelLoader::begin(empty);
  REQUIRE(!loader);
  CHECK(loader.error().code() == ErrorCode::NotGguf);
  CHECK(loader.error().detail().starts_with("file 2 of 2"));
}

TEST_CASE("a part cut anywhere, or unreadable, is told with its number", "[gguf]") {
  const auto files = build_all(split_model(small_builder(), 2));
  for (std::size_t size = 1; size < files[1].size(); size += 1 + size / 3) {
    auto cut = files;
    cut[1].resize(size);
    begins(load_all(cut), "Truncated: file 2 of 2: ");
  }
  class Broken final : public Source {
  public:
    std::uint64_t size() const noexcept override { return 1000; }
    Status read(std::uint64_t /*offset*/, MutableBytes /*into*/) noexcept override {
      return Error(ErrorCode::Io) << "no";
    }
  } broken;
  MemorySource first(files[0]);
  Source* const sources[] = {&first, &broken};
  begins(Model::load(sources), "Io: file 2 of 2: no");
}

TEST_CASE("headers of all files together have one limit", "[gguf]") {
  // Each says that its header goes on and on: tensor names of a string array, as long as may be asked for.
  GgufBuilder endless;
  endless.set("split.count", std::uint16_t{2}).set("split.no", std::uint16_t{0});
  ByteVector array;
  put(array, static_cast<std::uint32_t>(ValueType::kU8));
  put(array, std::uint64_t{40} << 20);
  array.resize(array.size() + (std::size_t{40} << 20));
  endless.raw("padding", static_cast<std::uint32_t>(ValueType::kArray), std::move(array));
  const ByteVector one = endless.build();
  endless.set("split.no", std::uint16_t{1});
  begins(load_all({one, endless.build()}), "LimitExceeded: file 2 of 2: the files' headers");
}
