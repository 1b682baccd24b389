// What the header announces is what loading takes: for every weight type and output head, kernel by kernel.
#include "bitnet/bitnet.hpp"

#include "api_support.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

Result<ModelLoader> estimator(const std::vector<ByteVector>& files,
                              const LoadOptions& options = {}) {
  std::vector<std::uint64_t> sizes;
  for (const ByteVector& file : files)
    sizes.push_back(file.size());
  auto loader = ModelLoader::begin_estimate(sizes, options);
  BITNET_TRY(loader);
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted()) {
    std::copy_n(files[range.file].begin() + static_cast<std::ptrdiff_t>(range.offset),
                range.into.size(), range.into.begin());
    BITNET_TRY(loader->accept());
  }
  return loader;
}

TinyOptions shape(DType ternary, DType embedding = DType::kF16) {
  TinyOptions options;
  options.hidden = 256;
  options.ffn = 512;
  options.context = 64;
  options.layers = 1;
  options.ternary = ternary;
  options.embedding = embedding;
  return options;
}

} // namespace

TEST_CASE("the estimate is what loading takes", "[api]") {
  for (const DType type : {DType::kI2_S, DType::kTQ1_0, DType::kTQ2_0})
    for (const DType embedding : {DType::kF32, DType::kF16, DType::kQ6_K})
      for (const HeadType head : {HeadType::kFile, HeadType::kInt8, HeadType::kInt4})
        for (const std::string_view isa : available_isas()) {
          const ByteVector file = make_tiny_model(shape(type, embedding));
          const LoadOptions options{.isa = isa, .head = head};
          const auto loader = estimator({file}, options);
          REQUIRE(loader);
          const auto estimate = loader->estimate();
          REQUIRE(estimate);
          const Model model = load_model(file, options);
          CHECK(estimate->weight_bytes == model.info().weight_bytes);
          CHECK(estimate->weight_bytes_most >= estimate->weight_bytes);
          CHECK((estimate->weight_bytes_most == estimate->weight_bytes) == (type == DType::kI2_S));
          CHECK(estimate->session_bytes == *model.session_bytes({}));
          CHECK(estimate->peak_bytes > estimate->weight_bytes + estimate->session_bytes);
          const ModelInfo &told = estimate->model, &is = model.info();
          CHECK((told.name == is.name && told.architecture == is.architecture &&
                 told.isa == is.isa && told.weight_type == is.weight_type));
          CHECK((told.parameters == is.parameters && told.file_bytes == is.file_bytes &&
                 told.ternary_parameters == is.ternary_parameters &&
                 told.weight_bytes == is.weight_bytes && told.context == is.context));
        }
}

TEST_CASE("weights whose every block has its own scale take the most", "[api]") {
  auto builder = tiny_model(shape(DType::kTQ2_0));
  for (auto& tensor : builder.tensors) {
    if (find_dtype(tensor.type)->type != DType::kTQ2_0)
      continue;
    std::uint16_t scale = 0x3000; // halves that ascend
    for (std::size_t at = 64; at < tensor.data.size(); at += 66, scale = (scale + 1) & 0x33ff) {
      tensor.data[at] = static_cast<std::uint8_t>(scale & 255);
      tensor.data[at + 1] = static_cast<std::uint8_t>(scale >> 8);
    }
  }
  const ByteVector file = builder.build();
  const auto loader = estimator({file});
  REQUIRE(loader);
  const auto estimate = loader->estimate();
  REQUIRE(estimate);
  // Rows of one block have one scale whatever it is: only those of two are kept by blocks.
  const std::uint64_t took = load_model(file).info().weight_bytes;
  CHECK(took > estimate->weight_bytes);
  CHECK(took <= estimate->weight_bytes_most);
  CHECK(took == estimate->weight_bytes_most);
}

TEST_CASE("an estimate wants the header and nothing more", "[api]") {
  const auto files = build_all(split_model(tiny_model(shape(DType::kI2_S)), 3));
  auto loader = estimator(files);
  REQUIRE(loader);
  CHECK(loader->wanted().into.empty());
  CHECK(!loader->accept());
  auto again = estimator(files); // accept() after the end was a mistake that ends a loader
  REQUIRE(again);
  const auto none = again->finish();
  REQUIRE(!none);
  CHECK(none.error().code() == ErrorCode::InvalidState);
  const auto estimate = again->estimate({.context = 32, .kv_type = KvType::kF16, .batch = 8});
  REQUIRE(estimate);
  const Model whole = load_model(make_tiny_model(shape(DType::kI2_S)));
  CHECK(estimate->weight_bytes == whole.info().weight_bytes);
  CHECK(estimate->session_bytes ==
        *whole.session_bytes({.context = 32, .kv_type = KvType::kF16, .batch = 8}));
  CHECK(!again->estimate({.context = 65})); // beyond the model's

  auto early = ModelLoader::begin(1000);
  REQUIRE(early);
  const auto unknown = early->estimate();
  REQUIRE(!unknown);
  CHECK(unknown.error().code() == ErrorCode::InvalidState);
}

TEST_CASE("a file that would not load has no estimate either", "[api]") {
  auto builder = tiny_model(shape(DType::kI2_S));
  builder.remove_tensor("blk.0.attn_k.weight");
  const auto loader = estimator({builder.build()});
  REQUIRE(!loader);
  CHECK(loader.error().code() == ErrorCode::MissingTensor);
}

TEST_CASE("a memory limit refuses before weights are asked for", "[api]") {
  const ByteVector file = make_tiny_model(shape(DType::kI2_S));
  const SessionOptions session{.context = 64, .kv_type = KvType::kF16, .batch = 16};
  const auto loader = estimator({file});
  REQUIRE(loader);
  const auto needed = loader->estimate(session);
  REQUIRE(needed);
  LoadOptions options;
  options.session = session;
  options.memory_limit = needed->peak_bytes;
  CHECK(fingerprint(load_model(file, options)) == fingerprint(load_model(file)));
  options.memory_limit = needed->peak_bytes - 1;
  class Counting final : public Source {
  public:
    explicit Counting(Bytes bytes) : bytes_(bytes) {}
    std::uint64_t size() const noexcept override { return bytes_.size(); }
    Status read(std::uint64_t offset, MutableBytes into) noexcept override {
      ++reads;
      return MemorySource(bytes_).read(offset, into);
    }
    std::size_t reads = 0;

  private:
    Bytes bytes_;
  } source(file);
  const auto model = Model::load(source, options);
  REQUIRE(!model);
  CHECK(model.error().code() == ErrorCode::MemoryLimit);
  CHECK(model.error().detail().find(std::to_string(needed->peak_bytes)) != std::string::npos);
  CHECK(source.reads == 1); // the header's
  options.session.context = 65;
  CHECK(!Model::load(source, options));
}
