// Loading turned inside out: which ranges are asked for, that their bytes make the same model as a Source does, and that
// every failure, at whatever read, is that error and the end of the loader.
#include "bitnet/bitnet.hpp"

#include "api_support.h"
#include "gguf/limits.h"

#include <algorithm>
#include <memory>
#include <optional>

using namespace bitnet;
using namespace bitnet::test;

namespace {

struct Range {
  std::uint64_t offset;
  std::size_t size;
};

/// The model from exactly the bytes asked for, and what was asked.
Result<Model> by_ranges(const ByteVector& file, std::vector<Range>& ranges,
                        const LoadOptions& options = {}) {
  auto loader = ModelLoader::begin(file.size(), options);
  BITNET_TRY(loader);
  for (;;) {
    const ModelLoader::Range range = loader->wanted(), again = loader->wanted();
    CHECK((range.offset == again.offset && range.into.data() == again.into.data() &&
           range.into.size() == again.into.size()));
    if (range.into.empty())
      return loader->finish();
    ranges.push_back({range.offset, range.into.size()});
    if (range.offset > file.size() || range.into.size() > file.size() - range.offset)
      return Error(ErrorCode::Malformed) << "asked for bytes that are not there";
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(range.offset), range.into.size(),
                range.into.begin());
    BITNET_TRY(loader->accept());
  }
}

/// One sequential download serves.
void check_ascending(const std::vector<Range>& ranges) {
  CHECK_FALSE(ranges.empty());
  bool good = true;
  std::uint64_t end = 0;
  for (const Range& range : ranges) {
    good = good && range.size > 0 && range.offset >= end;
    end = range.offset + range.size;
  }
  CHECK(good);
}

/// Small matrices behind a header of more than the first 64 KiB.
ByteVector file_of_many_words() {
  TinyOptions options;
  options.hidden = 64;
  options.ffn = 128;
  options.vocabulary = 30'000;
  return make_tiny_model(options);
}

/// Fails with Io at the k-th read, and counts.
class FailingSource final : public Source {
public:
  FailingSource(Bytes bytes, std::size_t fail_at) : bytes_(bytes), fail_at_(fail_at) {}
  std::uint64_t size() const noexcept override { return bytes_.size(); }
  Status read(std::uint64_t offset, MutableBytes into) noexcept override {
    if (reads_++ == fail_at_)
      return Error(ErrorCode::Io) << "read " << std::uint64_t{fail_at_};
    return MemorySource(bytes_).read(offset, into);
  }
  std::size_t reads() const { return reads_; }

private:
  Bytes bytes_;
  std::size_t fail_at_, reads_ = 0;
};

template <class T> ErrorCode code_of(const T& result) {
  return result ? ErrorCode::Ok : result.error().code();
}

} // namespace

TEST_CASE("ranges ascend, overlap nowhere and make the same model", "[api]") {
  for (const ByteVector& file :
       {small_file(), file_of_many_words(), make_tiny_model({.ternary = DType::kTQ1_0})}) {
    std::vector<Range> ranges;
    const auto model = by_ranges(file, ranges);
    CHECK(code_of(model) == ErrorCode::Ok);
    check_ascending(ranges);
    CHECK(ranges[0].offset == 0);
    CHECK(ranges[0].size == std::min<std::uint64_t>(file.size(), limits::kFirstHeaderBytes));
    for (const Range& range : ranges)
      CHECK(range.size <= 2U << 20);
    if (!model)
      continue;
    const Model whole = load_model(file);
    CHECK(fingerprint(*model) == fingerprint(whole));
    CHECK(model->info().parameters == whole.info().parameters);
    CHECK(model->info().weight_bytes == whole.info().weight_bytes);
  }
}

TEST_CASE("a header longer than the first piece is asked for in growing ones", "[api]") {
  const ByteVector file = file_of_many_words();
  std::vector<Range> ranges;
  CHECK(by_ranges(file, ranges));
  REQUIRE(ranges.size() > 4);
  std::uint64_t have =
      limits::kFirstHeaderBytes; // doubled each time, and only the new half asked for
  std::size_t i = 1;
  for (; ranges[i].offset == have && ranges[i].size == have; ++i)
    have *= 2;
  CHECK(i > 3);
  CHECK(ranges[i].offset >= have);
}

TEST_CASE("a file that ends with its header's first piece", "[api]") {
  // All of it is in the first range: nothing more is asked for.
  TinyOptions options;
  options.layers = 1;
  options.hidden = 32;
  options.heads = 2;
  options.kv_heads = 1;
  options.ffn = 64;
  options.embedding = DType::kQ4_0;
  const ByteVector file = make_tiny_model(options);
  CHECK(file.size() < limits::kFirstHeaderBytes);
  std::vector<Range> ranges;
  const auto model = by_ranges(file, ranges);
  CHECK(model);
  CHECK(ranges.size() == 1);
  if (model)
    CHECK(fingerprint(*model) == fingerprint(load_model(file)));
}

TEST_CASE("a loader at its end wants nothing and gives nothing twice", "[api]") {
  const ByteVector file = small_file();
  auto loader = ModelLoader::begin(file.size());
  REQUIRE(loader);
  CHECK(code_of(loader->finish()) == ErrorCode::InvalidState); // too early, and no harm
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted()) {
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(range.offset), range.into.size(),
                range.into.begin());
    CHECK(code_of(loader->finish()) == ErrorCode::InvalidState);
    CHECK(loader->accept());
  }
  ModelLoader moved = std::move(*loader);
  CHECK(moved.wanted().into.empty());
  const auto model = moved.finish();
  REQUIRE(model);
  CHECK(code_of(moved.finish()) == ErrorCode::InvalidState);
  CHECK(code_of(moved.accept()) == ErrorCode::InvalidState);
  CHECK(moved.wanted().into.empty());
  CHECK(fingerprint(*model) == fingerprint(load_model(file)));
}

TEST_CASE("a model may outlive its loader, and a loader may be left at any point", "[api]") {
  const ByteVector file = small_file();
  std::optional<Model> model;
  {
    std::vector<Range> ranges;
    auto loaded = by_ranges(file, ranges);
    REQUIRE(loaded);
    model = std::move(*loaded);
    for (std::size_t stop = 0; stop < ranges.size();
         ++stop) { // under the sanitizers: nothing is lost
      auto loader = ModelLoader::begin(file.size());
      REQUIRE(loader);
      for (std::size_t i = 0; i < stop; ++i) {
        const auto range = loader->wanted();
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(range.offset), range.into.size(),
                    range.into.begin());
        CHECK(loader->accept());
      }
    }
  }
  CHECK(fingerprint(*model) == fingerprint(load_model(file)));
}

TEST_CASE("an error is the end of the loader", "[api]") {
  ByteVector file = small_file();
  file[0] = 'X';
  auto loader = ModelLoader::begin(file.size());
  REQUIRE(loader);
  const auto range = loader->wanted();
  std::copy_n(file.begin(), range.into.size(), range.into.begin());
  CHECK(code_of(loader->accept()) == ErrorCode::NotGguf);
  CHECK(loader->wanted().into.empty());
  CHECK(code_of(loader->accept()) == ErrorCode::InvalidState);
  CHECK(code_of(loader->finish()) == ErrorCode::InvalidState);
}

TEST_CASE("an error in the weights is the end of the loader", "[api]") {
  auto builder = tiny_model({.layers = 1, .hidden = 64, .ffn = 128, .vocabulary = 2000});
  builder.find_tensor("blk.0.ffn_down.weight")->data[5] = 0xff; // code 3
  const ByteVector file = builder.build();
  std::vector<Range> ranges;
  const auto model = by_ranges(file, ranges);
  CHECK(code_of(model) == ErrorCode::BadWeights);
  if (!model)
    CHECK(model.error().detail().starts_with("blk.0.ffn_down.weight"));
  CHECK(ranges.size() > 1);
  MemorySource source(file);
  CHECK(code_of(Model::load(source)) == ErrorCode::BadWeights);
}

TEST_CASE("a read that fails, at each read in turn", "[api]") {
  const ByteVector file = file_of_many_words();
  FailingSource whole(file, SIZE_MAX);
  CHECK(Model::load(whole));
  CHECK(whole.reads() > 10);
  for (std::size_t k = 0; k < whole.reads(); ++k) {
    FailingSource source(file, k);
    const auto model = Model::load(source);
    INFO("read " << k);
    CHECK(code_of(model) == ErrorCode::Io);
    if (!model)
      CHECK(model.error().detail() == "read " + std::to_string(k));
    CHECK(source.reads() == k + 1); // and no read after it
  }
}

TEST_CASE("a file cut anywhere is truncated", "[api]") {
  const ByteVector file = small_file();
  CHECK(code_of(ModelLoader::begin(0)) == ErrorCode::NotGguf);
  for (std::size_t size = 1; size < file.size(); size += 1 + size / 7) {
    MemorySource source(Bytes(file).first(size));
    INFO(size);
    CHECK(code_of(Model::load(source)) == ErrorCode::Truncated);
  }
}

TEST_CASE("a long file that was cut is truncated too", "[api]") {
  // Longer than a header may be: the loader cannot wait for the whole file before it says so.
  GgufBuilder builder;
  builder.set("general.architecture", "llama")
      .tensor("token_embd.weight", DType::kF32, {1024, 1U << 18}, {});
  const ByteVector header = builder.build();
  auto loader = ModelLoader::begin(limits::kHeaderBytes + 1000);
  REQUIRE(loader);
  Status status;
  for (auto range = loader->wanted(); status && !range.into.empty(); range = loader->wanted()) {
    CHECK(range.offset + range.into.size() <= limits::kHeaderBytes);
    for (std::size_t i = 0; i < range.into.size() && range.offset + i < header.size(); ++i)
      range.into[i] = header[static_cast<std::size_t>(range.offset) + i];
    status = loader->accept();
  }
  CHECK(code_of(status) == ErrorCode::Truncated);
}

TEST_CASE("a source that ends early says so itself", "[api]") {
  // Its size is a lie: the header is there, the weights are not.
  class Short final : public Source {
  public:
    explicit Short(Bytes bytes) : bytes_(bytes) {}
    std::uint64_t size() const noexcept override { return bytes_.size(); }
    Status read(std::uint64_t offset, MutableBytes into) noexcept override {
      MemorySource shorter(bytes_.first(bytes_.size() - 1));
      return shorter.read(offset, into);
    }

  private:
    Bytes bytes_;
  };
  const ByteVector file = small_file();
  Short source(file);
  CHECK(code_of(Model::load(source)) == ErrorCode::Truncated);
}
