// Metadata to hyperparameters: what is read, what is the default, and what is refused by which name.
#include "model/config.h"

#include "gguf/limits.h"
#include "support/tiny_gguf.h"

#include <catch_amalgamated.hpp>

#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

/// The smallest file that read_config looks at: metadata and one embedding.
GgufBuilder header(const std::string& architecture = "bitnet-b1.58") {
  GgufBuilder file;
  file.set("general.architecture", architecture);
  const auto number = [&](const char* key, auto value) {
    file.set(architecture + '.' + key, value);
  };
  number("block_count", std::uint32_t{3});
  number("embedding_length", std::uint32_t{64});
  number("feed_forward_length", std::uint32_t{128});
  number("attention.head_count", std::uint32_t{4});
  number("attention.head_count_kv", std::uint32_t{2});
  number("context_length", std::uint32_t{512});
  number("attention.layer_norm_rms_epsilon", 1e-6F);
  file.tensor("token_embd.weight", DType::kF32, {64, 10}, ByteVector(64 * 10 * 4));
  return file;
}

Result<Config> config_of(const GgufBuilder& file) {
  const ByteVector bytes = file.build();
  const auto gguf = parse_gguf(bytes, bytes.size());
  CHECK(gguf);
  if (!gguf)
    return gguf.error();
  return read_config(*gguf); // refers to nothing in the file
}

void refused(const GgufBuilder& file, ErrorCode code, std::string_view named) {
  const auto config = config_of(file);
  INFO("expected to be named: " << named);
  CHECK_FALSE(config);
  if (config)
    return;
  INFO(error_name(config.error().code()) << ": " << config.error().detail());
  CHECK(config.error().code() == code);
  CHECK(config.error().detail().find(named) != std::string_view::npos);
}

} // namespace

TEST_CASE("every hyperparameter, and the defaults", "[model]") {
  auto config = config_of(header());
  REQUIRE(config);
  CHECK(config->architecture->name == "bitnet-b1.58");
  CHECK(config->layers == 3);
  CHECK(config->hidden == 64);
  CHECK(config->ffn == 128);
  CHECK(config->heads == 4);
  CHECK(config->kv_heads == 2);
  CHECK(config->head_dim == 16);
  CHECK(config->rope_dim == 16);
  CHECK(config->vocabulary == 10);
  CHECK(config->context == 512);
  CHECK(config->norm_epsilon == 1e-6F);
  CHECK(config->rope_theta == 10000.0);
  CHECK(config->rope_position_scale == 1.0F);
  CHECK(config->q_width() == 64);
  CHECK(config->kv_width() == 32);

  auto file = header();
  file.remove("bitnet-b1.58.attention.head_count_kv");
  file.set("bitnet-b1.58.attention.key_length", std::uint16_t{24})
      .set("bitnet-b1.58.attention.value_length", std::int64_t{24});
  file.set("bitnet-b1.58.rope.dimension_count", std::uint8_t{8})
      .set("bitnet-b1.58.rope.freq_base", 500000.0);
  file.set("bitnet-b1.58.rope.scaling.type", "linear")
      .set("bitnet-b1.58.rope.scaling.factor", 4.0F);
  file.set("bitnet-b1.58.context_length", std::uint32_t{0xffffffff});
  config = config_of(file);
  REQUIRE(config);
  CHECK(config->kv_heads == 4);
  CHECK(config->head_dim == 24);
  CHECK(config->rope_dim == 8);
  CHECK(config->q_width() == 96);
  CHECK(config->rope_theta == 500000.0);
  CHECK(config->rope_position_scale == 0.25F);
  CHECK(config->context == limits::kContext);
}

TEST_CASE("what an architecture's name means", "[model]") {
  const auto gate = [](const std::string& architecture, const char* named = nullptr) {
    auto file = header(architecture);
    if (named != nullptr)
      file.set(architecture + ".hidden_act", named);
    const auto config = config_of(file);
    REQUIRE(config);
    CHECK(config->architecture->sub_norms == (architecture != "llama"));
    CHECK(config->architecture->neox_pairs == (architecture != "llama"));
    return config->gate;
  };
  CHECK(gate("bitnet-b1.58") == Gate::kRelu2);
  CHECK(gate("bitnet-25") == Gate::kRelu2);
  CHECK(gate("bitnet") == Gate::kSilu);
  CHECK(gate("llama") == Gate::kSilu);
  CHECK(gate("bitnet", "relu2") == Gate::kRelu2);
  CHECK(gate("bitnet-b1.58", "silu") == Gate::kSilu);
  CHECK(gate("llama", "") == Gate::kSilu);
}

TEST_CASE("architectures we do not have are named", "[model]") {
  for (const char* name : {"qwen3", "qwen35", "gemma3", "gpt2", "bitnet-b1.59", "BitNet", ""})
    refused(header(name), ErrorCode::UnsupportedArchitecture, name);
  auto file = header();
  file.remove("general.architecture");
  refused(file, ErrorCode::MissingKey, "general.architecture");
  file.set("general.architecture", std::uint32_t{1});
  refused(file, ErrorCode::WrongType, "general.architecture");
  // The architecture is the more helpful answer where both are wrong.
  refused(header("mamba").remove_tensor("token_embd.weight"), ErrorCode::UnsupportedArchitecture,
          "mamba");
  refused(header().remove_tensor("token_embd.weight"), ErrorCode::MissingTensor,
          "token_embd.weight");
}

TEST_CASE("a missing key, and a key of another type, is named", "[model]") {
  for (const char* suffix :
       {"block_count", "embedding_length", "feed_forward_length", "attention.head_count",
        "context_length", "attention.layer_norm_rms_epsilon"}) {
    const std::string key = std::string("bitnet-b1.58.") + suffix;
    refused(header().remove(key), ErrorCode::MissingKey, key);
    refused(header().set(key, "7"), ErrorCode::WrongType, key);
    refused(header().set(key, std::vector<std::uint32_t>{7, 7, 7}), ErrorCode::WrongType, key);
  }
  for (const char* suffix :
       {"attention.head_count_kv", "attention.key_length", "attention.value_length",
        "rope.dimension_count", "rope.freq_base", "rope.scaling.type", "hidden_act"}) {
    const std::string key = std::string("bitnet-b1.58.") + suffix;
    refused(header().set(key, std::vector<std::uint32_t>{2, 2, 2}), ErrorCode::WrongType, key);
  }
  for (const char* suffix : {"block_count", "attention.head_count_kv", "attention.key_length"}) {
    const std::string key = std::string("bitnet-b1.58.") + suffix;
    refused(header().set(key, std::int32_t{-1}), ErrorCode::WrongType, key);
    refused(header().set(key, 2.0F), ErrorCode::WrongType, key);
  }
}

TEST_CASE("numbers outside their limits are named", "[model]") {
  const auto at = [](const char* suffix, std::uint64_t value) {
    return header().set(std::string("bitnet-b1.58.") + suffix, value);
  };
  for (const char* suffix :
       {"block_count", "embedding_length", "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "context_length", "attention.key_length",
        "attention.value_length", "rope.dimension_count"})
    refused(at(suffix, 0), ErrorCode::LimitExceeded, suffix);
  refused(at("block_count", limits::kLayers + 1), ErrorCode::LimitExceeded, "block_count");
  refused(at("embedding_length", limits::kWidth + 1), ErrorCode::LimitExceeded, "embedding_length");
  refused(at("feed_forward_length", limits::kWidth + 1), ErrorCode::LimitExceeded,
          "feed_forward_length");
  refused(at("attention.head_count", limits::kHeads + 1), ErrorCode::LimitExceeded, "head_count");
  refused(at("attention.key_length", limits::kHeadDim + 1), ErrorCode::LimitExceeded, "key_length");
  refused(at("block_count", 1ULL << 32 | 3), ErrorCode::LimitExceeded,
          "block_count"); // 3 if it were cut to 32 bits
  refused(at("context_length", 1ULL << 32), ErrorCode::LimitExceeded, "context_length");
  refused(at("rope.dimension_count", 18), ErrorCode::LimitExceeded,
          "rope.dimension_count"); // wider than a head
  refused(at("attention.head_count", 1024)
              .set("bitnet-b1.58.attention.key_length", std::uint32_t{1024}),
          ErrorCode::LimitExceeded, "heads x head width");

  refused(header().set("bitnet-b1.58.rope.freq_base", 0.5F), ErrorCode::LimitExceeded,
          "rope.freq_base");
  for (const char* suffix : {"attention.layer_norm_rms_epsilon", "rope.freq_base"}) {
    const std::string key = std::string("bitnet-b1.58.") + suffix;
    for (const float value : {0.0F, -1e-5F, 1e-30F, 1e30F})
      refused(header().set(key, value), ErrorCode::LimitExceeded, suffix);
    refused(header().set(key, std::numeric_limits<float>::quiet_NaN()), ErrorCode::WrongType,
            suffix);
    refused(header().set(key, std::numeric_limits<double>::infinity()), ErrorCode::WrongType,
            suffix);
  }
}

TEST_CASE("heads that do not fit each other", "[model]") {
  const auto with = [](std::uint32_t heads, std::uint32_t kv_heads) {
    return header()
        .set("bitnet-b1.58.attention.head_count", heads)
        .set("bitnet-b1.58.attention.head_count_kv", kv_heads);
  };
  refused(with(4, 3), ErrorCode::Malformed, "not a multiple");
  refused(with(2, 4), ErrorCode::LimitExceeded, "head_count_kv"); // more than there are heads
  // 64 / 65 heads leaves no width, 64 / 3 an odd one.
  refused(with(65, 65), ErrorCode::LimitExceeded, "rope.dimension_count");
  refused(with(3, 3), ErrorCode::Malformed, "odd");
  refused(header().set("bitnet-b1.58.rope.dimension_count", std::uint32_t{7}), ErrorCode::Malformed,
          "7 is odd");
  refused(header().set("bitnet-b1.58.attention.value_length", std::uint32_t{8}),
          ErrorCode::UnsupportedArchitecture, "value_length");
}

TEST_CASE("scalings and gates we do not have are refused, not ignored", "[model]") {
  for (const char* type : {"yarn", "longrope", "Linear"})
    refused(header()
                .set("bitnet-b1.58.rope.scaling.type", type)
                .set("bitnet-b1.58.rope.scaling.factor", 4.0F),
            ErrorCode::UnsupportedArchitecture, type);
  CHECK(config_of(header().set("bitnet-b1.58.rope.scaling.type", "none")));
  auto linear = header().set("bitnet-b1.58.rope.scaling.type", "linear");
  refused(linear, ErrorCode::MissingKey, "rope.scaling.factor");
  refused(linear.set("bitnet-b1.58.rope.scaling.factor", 0.0F), ErrorCode::LimitExceeded,
          "rope.scaling.factor");
  refused(linear.set("bitnet-b1.58.rope.scaling.factor", "4"), ErrorCode::WrongType,
          "rope.scaling.factor");
  refused(header().set("bitnet-b1.58.hidden_act", "gelu"), ErrorCode::UnsupportedArchitecture,
          "gelu");
}

TEST_CASE("the embedding's shape decides", "[model]") {
  auto file = header().remove_tensor("token_embd.weight");
  refused(file.tensor("token_embd.weight", DType::kF32, {32, 10}, ByteVector(32 * 10 * 4)),
          ErrorCode::WrongShape, "32");
  auto tall = header().remove_tensor("token_embd.weight");
  const std::uint64_t rows = limits::kVocabulary + 1;
  tall.set("bitnet-b1.58.embedding_length", std::uint32_t{4})
      .set("bitnet-b1.58.attention.key_length", std::uint32_t{2});
  tall.tensor("token_embd.weight", DType::kF16, {4, rows}, ByteVector(rows * 8));
  refused(tall, ErrorCode::LimitExceeded, "token_embd.weight");
}
