// Weights: what tensors must be there and how, what is refused by name, and where each weight and scale ends up.
#include "model/weights.h"

#include "kernels/pack.h"
#include "model_support.h"

#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TinyOptions small(const char* architecture = "bitnet-b1.58") {
  TinyOptions options;
  options.architecture = architecture;
  options.hidden = 64;
  options.ffn = 128;
  return options;
}

void refused(const GgufBuilder& file, ErrorCode code, std::string_view named) {
  const Error error = load_error(file.build());
  INFO("expected to be named: " << named);
  INFO(error_name(error.code()) << ": " << error.detail());
  CHECK(error.code() == code);
  CHECK(error.detail().find(named) != std::string_view::npos);
}

/// The file with one tensor put in another way.
GgufBuilder replaced(GgufBuilder file, std::string_view name, DType type,
                     std::vector<std::uint64_t> shape, ByteVector data) {
  auto& tensor = *file.find_tensor(name);
  tensor.type = static_cast<std::uint32_t>(type);
  tensor.shape = std::move(shape);
  tensor.data = std::move(data);
  return file;
}

/// Every code of a packed matrix against what the file says, and its scales.
void check_matrix(const LoadedNetwork& loaded, const Matrix& m, std::string_view name,
                  float factor = 1.0F) {
  INFO(name << " on " << loaded.network.kernels->name);
  const TensorInfo* info = loaded.gguf.find(name);
  REQUIRE(info != nullptr);
  CHECK(m.rows == info->rows());
  CHECK(m.columns == info->columns());
  const Bytes data =
      Bytes(loaded.file)
          .subspan(static_cast<std::size_t>(info->offset), static_cast<std::size_t>(info->bytes));
  float scale = 1.0F;
  if (info->type == DType::kI2_S)
    std::memcpy(&scale, data.data() + m.rows * m.columns / 4, 4);
  std::vector<float> weights(m.rows * m.columns);
  CHECK(decode_floats(info->type, data, 0, weights.size(), scale, weights.data()));
  CHECK(m.row_scales.empty() != m.group_scales.empty());
  const std::size_t groups = (m.columns + kColumnPad - 1) / kColumnPad;
  std::size_t wrong = 0;
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t c = 0; c < m.columns; ++c) {
      const int code = packed_code(*loaded.network.kernels, m.ternary_view(), r, c);
      const float s =
          m.group_scales.empty() ? m.row_scales[r] : m.group_scales[r * groups + c / kColumnPad];
      wrong += static_cast<float>(code - 1) * s == weights[r * m.columns + c] * factor ? 0 : 1;
    }
  CHECK(wrong == 0);
}

} // namespace

TEST_CASE("every weight arrives, on every kernel, in every ternary type", "[model]") {
  for (const DType type : {DType::kI2_S, DType::kTQ1_0, DType::kTQ2_0})
    for (const Kernels* k : all_kernels()) {
      TinyOptions options;
      options.ternary = type;
      options.layers = 1;
      const auto loaded = load_network(make_tiny_model(options), k->name);
      const Weights& w = loaded->network.weights;
      const Layer& layer = w.layers[0];
      check_matrix(*loaded, layer.q, "blk.0.attn_q.weight");
      check_matrix(*loaded, layer.k, "blk.0.attn_k.weight");
      check_matrix(*loaded, layer.v, "blk.0.attn_v.weight");
      check_matrix(*loaded, layer.output, "blk.0.attn_output.weight");
      check_matrix(*loaded, layer.gate, "blk.0.ffn_gate.weight");
      check_matrix(*loaded, layer.up, "blk.0.ffn_up.weight");
      check_matrix(*loaded, layer.down, "blk.0.ffn_down.weight");
      CHECK(layer.q.group_scales.empty()); // one scale for all: no group needs its own
      CHECK(w.ternary_type == type);
      CHECK(w.ternary_parameters == 256 * (256 + 128 + 128 + 256 + 3 * 512));
      CHECK(w.parameters == w.ternary_parameters + 256 * w.embedding.rows);
      CHECK(w.head.rows == 0);
      CHECK(&w.output_head() == &w.embedding);
      std::uint64_t bytes = w.embedding.data.size() + 4 * (256 + 256 + 256 + 512 + 256);
      for (const Matrix* m :
           {&layer.q, &layer.k, &layer.v, &layer.output, &layer.gate, &layer.up, &layer.down}) {
        CHECK(m->data.size() % 64 == 0); // nothing between them
        bytes += m->data.size() + m->row_scales.bytes();
      }
      CHECK(w.bytes == bytes);
    }
}

TEST_CASE("I2_S blocks that straddle rows", "[model]") {
  // 100 columns: no row but every 32nd begins at a block; 100 rows fill no tile and end inside a block of 128 rows.
  TinyOptions options = small();
  options.hidden = 100;
  options.head_dim = 32;
  options.ffn = 352;
  options.layers = 1;
  for (const Kernels* k : all_kernels()) {
    const auto loaded = load_network(make_tiny_model(options), k->name);
    const Layer& layer = loaded->network.weights.layers[0];
    check_matrix(*loaded, layer.q, "blk.0.attn_q.weight");
    check_matrix(*loaded, layer.k, "blk.0.attn_k.weight");
    check_matrix(*loaded, layer.output, "blk.0.attn_output.weight");
    check_matrix(*loaded, layer.gate, "blk.0.ffn_gate.weight");
    check_matrix(*loaded, layer.down, "blk.0.ffn_down.weight");
  }
}

TEST_CASE("a matrix larger than a piece, and the size of pieces", "[model]") {
  // 25 columns: only every 128th row begins at a block of I2_S, and pieces of a MiB must end there.
  TinyOptions options = small();
  options.hidden = 25;
  options.head_dim = 32;
  options.kv_heads = 4;
  options.ffn = 168'064;
  options.layers = 1;
  options.vocabulary = 60'000;
  const ByteVector file = make_tiny_model(options);
  for (const Kernels* k : all_kernels()) {
    const auto loaded = load_network(file, k->name);
    check_matrix(*loaded, loaded->network.weights.layers[0].gate, "blk.0.ffn_gate.weight");
    check_matrix(*loaded, loaded->network.weights.layers[0].down, "blk.0.ffn_down.weight");
    // Each tensor, the tail of each ternary one, two more of the embedding, one more of gate and of up.
    CHECK(loaded->pieces == 13 + 7 + 2 + 2);
    CHECK(loaded->largest_piece <= 168'064U * 25 / 4); // a MiB, or 128 rows where those are more
  }
}

TEST_CASE("scales that differ by group are kept, uniform ones become one per row", "[model]") {
  for (const DType type : {DType::kTQ1_0, DType::kTQ2_0}) {
    TinyOptions options;
    options.ternary = type;
    options.layers = 1;
    auto file = tiny_model(options);
    Random random(2);
    vary_scales(*file.find_tensor("blk.0.attn_q.weight"), random); // one group per row: rows differ
    vary_scales(*file.find_tensor("blk.0.ffn_down.weight"), random); // two: groups differ
    // Where one of two groups is all zero its scale does not matter.
    auto& gate = *file.find_tensor("blk.0.ffn_gate.weight");
    const std::size_t block = find_dtype(gate.type)->block_bytes;
    gate.data[block - 2] = gate.data[block - 1] = 0;
    for (const Kernels* k : all_kernels()) {
      const auto loaded = load_network(file.build(), k->name);
      const Layer& layer = loaded->network.weights.layers[0];
      check_matrix(*loaded, layer.q, "blk.0.attn_q.weight");
      check_matrix(*loaded, layer.down, "blk.0.ffn_down.weight");
      check_matrix(*loaded, layer.gate, "blk.0.ffn_gate.weight");
      CHECK(layer.q.group_scales.empty());
      CHECK_FALSE(layer.down.group_scales.empty());
      CHECK(layer.gate.group_scales.empty());
      CHECK(layer.gate.row_scales[0] == 0.0F);
    }

    // Two groups a row, one of them of scale zero and codes that are not: still one scale, and the weights are zero.
    auto holes = tiny_model(options);
    auto& down = *holes.find_tensor("blk.0.ffn_down.weight");
    for (std::size_t i = block; i <= down.data.size(); i += 2 * block)
      down.data[i - 2] = down.data[i - 1] = 0;
    const auto loaded = load_network(holes.build());
    const Layer& layer = loaded->network.weights.layers[0];
    check_matrix(*loaded, layer.down, "blk.0.ffn_down.weight");
    CHECK(layer.down.group_scales.empty());
    CHECK(layer.down.row_scales[0] != 0.0F);
  }
}

TEST_CASE("a .scale tensor multiplies, and is refused where it could not", "[model]") {
  const auto factor = [](GgufBuilder file, const char* name, float value, std::size_t width = 1) {
    const std::vector<float> values(width, value);
    return file.tensor(name, DType::kF32, {width}, encode_floats(DType::kF32, values));
  };
  auto loaded = load_network(factor(tiny_model(small()), "blk.1.ffn_up.scale", 1.5F).build());
  check_matrix(*loaded, loaded->network.weights.layers[1].up, "blk.1.ffn_up.weight", 1.5F);
  check_matrix(*loaded, loaded->network.weights.layers[0].up, "blk.0.ffn_up.weight");

  TinyOptions grouped;
  grouped.ternary = DType::kTQ2_0;
  grouped.layers = 1;
  auto file = tiny_model(grouped);
  Random random(3);
  vary_scales(*file.find_tensor("blk.0.ffn_down.weight"), random);
  loaded = load_network(factor(file, "blk.0.ffn_down.scale", 2.0F).build());
  check_matrix(*loaded, loaded->network.weights.layers[0].down, "blk.0.ffn_down.weight", 2.0F);

  refused(factor(tiny_model(small()), "blk.0.attn_q.scale", 1.0F, 2), ErrorCode::WrongShape,
          "blk.0.attn_q.scale");
  refused(factor(tiny_model(small()), "blk.0.attn_q.scale", kInfinity), ErrorCode::BadWeights,
          "blk.0.attn_q.scale");
  refused(
      factor(tiny_model(small()), "blk.0.attn_q.scale", std::numeric_limits<float>::quiet_NaN()),
      ErrorCode::BadWeights, "blk.0.attn_q.scale");
  auto large = tiny_model(small());
  const float most = 3e38F;
  std::memcpy(large.find_tensor("blk.0.attn_q.weight")->data.data() + 64 * 64 / 4, &most, 4);
  CHECK(load_error(large.build()).code() == ErrorCode::Ok);
  refused(factor(large, "blk.0.attn_q.scale", 2.0F), ErrorCode::BadWeights, ".scale");
  const auto dense = replaced(tiny_model(small()), "blk.0.attn_q.weight", DType::kF16, {64, 64},
                              ByteVector(64 * 64 * 2));
  refused(factor(dense, "blk.0.attn_q.scale", 2.0F), ErrorCode::UnsupportedType, ".scale");
}

TEST_CASE("a missing tensor is named", "[model]") {
  for (const char* architecture : {"bitnet-b1.58", "llama"}) {
    auto file = tiny_model(small(architecture));
    std::vector<std::string> names;
    for (const auto& tensor : file.tensors)
      names.push_back(tensor.name);
    CHECK(names.size() == (architecture[0] == 'b' ? 2 + 2 * 11U : 2 + 2 * 9U));
    for (const auto& name : names)
      refused(GgufBuilder(file).remove_tensor(name), ErrorCode::MissingTensor, name);
  }
}

TEST_CASE("a tensor of another shape is named", "[model]") {
  TinyOptions options = small("bitnet-b1.58");
  options.tied = false;
  auto file = tiny_model(options);
  const std::vector<float> divisors(8, 1.0F); // rope_dim 16
  file.tensor("rope_freqs.weight", DType::kF32, {8}, encode_floats(DType::kF32, divisors));
  CHECK(load_error(file.build()).code() == ErrorCode::Ok);
  const auto reshaped = [&](const std::string& name, std::size_t columns, std::size_t rows) {
    refused(replaced(file, name, DType::kF32, {columns, rows}, ByteVector(columns * rows * 4)),
            ErrorCode::WrongShape, name);
  };
  for (const auto& original : std::vector(file.tensors)) {
    const auto columns = static_cast<std::size_t>(original.shape[0]);
    const std::size_t rows = weights_of(original) / columns;
    reshaped(original.name, columns + 2, rows);
    if (original.name !=
        "token_embd.weight") // that would be a larger vocabulary, which others lack
      reshaped(original.name, columns, rows + 1);
  }
  // [K, V] stands for [V, K] only when they are equal.
  const auto& up = *file.find_tensor("blk.0.ffn_up.weight");
  refused(replaced(file, "blk.0.ffn_up.weight", DType::kI2_S, {up.shape[1], up.shape[0]}, up.data),
          ErrorCode::WrongShape, "blk.0.ffn_up.weight");
}

TEST_CASE("only projections may be ternary", "[model]") {
  TinyOptions options = small();
  options.tied = false;
  options.vocabulary = 320;
  const auto file = tiny_model(options);
  const ByteVector codes(64 * 320, 1);
  for (const char* name : {"token_embd.weight", "output.weight"})
    refused(replaced(file, name, DType::kI2_S, {64, 320}, encode_codes(DType::kI2_S, codes, 1.0F)),
            ErrorCode::UnsupportedType, name);
  const ByteVector norm(128, 2);
  refused(replaced(file, "blk.1.ffn_sub_norm.weight", DType::kI2_S, {128},
                   encode_codes(DType::kI2_S, norm, 1.0F)),
          ErrorCode::UnsupportedType, "blk.1.ffn_sub_norm.weight");
}

TEST_CASE("values that are not finite are refused in every type", "[model]") {
  TinyOptions options = small();
  options.hidden = 256;
  options.ffn = 256;
  options.layers = 1;
  const auto file = tiny_model(options);
  const std::uint64_t vocabulary = file.tensors[0].shape[1];
  const std::size_t count = weights_of(file.tensors[0]);
  Random random(4);
  std::vector<float> weights(count);
  for (float& w : weights)
    w = random.uniform();
  struct Case {
    DType type;
    std::vector<std::size_t>
        at; ///< bytes of a value or scale whose exponent is filled, one after the other
    std::uint8_t low, high; ///< its last two bytes
  };
  const auto blocks = [&](std::size_t bytes, std::size_t scale) {
    return std::vector<std::size_t>{scale, (count / (bytes == 210 ? 256 : 32) - 1) * bytes + scale};
  };
  for (const Case& bad :
       {Case{DType::kF32, {2, 4 * count - 2}, 0x80, 0x7f},
        Case{DType::kF32, {4 * 777 + 2}, 0xc0, 0xff},
        Case{DType::kF16, {0, 2 * count - 2}, 0x00, 0x7c}, Case{DType::kF16, {2 * 777}, 0x01, 0xfe},
        Case{DType::kBF16, {0, 2 * count - 2}, 0x80, 0xff},
        Case{DType::kBF16, {2 * 777}, 0x81, 0x7f}, Case{DType::kQ8_0, blocks(34, 0), 0x00, 0xfc},
        Case{DType::kQ4_0, blocks(18, 0), 0xff, 0x7f},
        Case{DType::kQ6_K, blocks(210, 208), 0x00, 0x7c}}) {
    INFO(dtype_info(bad.type).name);
    const auto good = replaced(file, "token_embd.weight", bad.type, {256, vocabulary},
                               encode_floats(bad.type, weights));
    CHECK(load_error(good.build()).code() == ErrorCode::Ok);
    for (const std::size_t at : bad.at) {
      auto broken = good;
      auto& data = broken.find_tensor("token_embd.weight")->data;
      data[at] = bad.low;
      data[at + 1] = bad.high;
      refused(broken, ErrorCode::BadWeights, "token_embd.weight");
    }
  }

  // Vectors, whatever their type.
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16})
    for (const char* name : {"blk.0.attn_norm.weight", "output_norm.weight"}) {
      std::vector<float> norm(256, 1.0F);
      CHECK(
          load_error(replaced(file, name, type, {256}, encode_floats(type, norm)).build()).code() ==
          ErrorCode::Ok);
      norm[255] = kInfinity;
      refused(replaced(file, name, type, {256}, encode_floats(type, norm)), ErrorCode::BadWeights,
              name);
    }
}

TEST_CASE("ternary scales that are not finite, and codes that are not ternary", "[model]") {
  auto file = tiny_model(small());
  for (const float scale : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    auto& tensor = *file.find_tensor("blk.1.attn_k.weight");
    std::memcpy(tensor.data.data() + tensor.data.size() - 32, &scale, 4);
    refused(file, ErrorCode::BadWeights, "blk.1.attn_k.weight");
  }
  file = tiny_model(small());
  file.find_tensor("blk.1.ffn_down.weight")->data[777] |= 0x0c; // code 3
  refused(file, ErrorCode::BadWeights, "blk.1.ffn_down.weight");

  for (const DType type : {DType::kTQ1_0, DType::kTQ2_0}) {
    TinyOptions options;
    options.ternary = type;
    options.layers = 1;
    auto blocks = tiny_model(options);
    auto& data = blocks.find_tensor("blk.0.attn_v.weight")->data;
    const std::size_t middle = 77 * dtype_info(type).block_bytes;
    data[middle - 2] = 0;
    data[middle - 1] = 0x7c;
    refused(blocks, ErrorCode::BadWeights, "blk.0.attn_v.weight");
  }
  // TQ2_0 may hold code 3, which means +2.
  TinyOptions options;
  options.ternary = DType::kTQ2_0;
  options.layers = 1;
  auto twos = tiny_model(options);
  std::fill_n(twos.find_tensor("blk.0.attn_v.weight")->data.begin(), 64, std::uint8_t{0xff});
  const auto loaded = load_network(twos.build());
  check_matrix(*loaded, loaded->network.weights.layers[0].v, "blk.0.attn_v.weight");
}

TEST_CASE("rotary divisors must be positive", "[model]") {
  for (const float bad : {0.0F, -1.0F, -0.0F}) {
    auto file = tiny_model(small());
    std::vector<float> divisors(8, 1.0F);
    divisors[5] = bad;
    file.tensor("rope_freqs.weight", DType::kF32, {8}, encode_floats(DType::kF32, divisors));
    refused(file, ErrorCode::BadWeights, "rope_freqs.weight");
  }
}

TEST_CASE("tensors may stand in any order, and others beside the layers are ignored", "[model]") {
  Serial serial;
  const auto ids = random_ids(5, 5, 280);
  auto file = tiny_model(small());
  const Logits expected = run(load_network(file.build())->network, ids, serial);
  std::reverse(file.tensors.begin(), file.tensors.end());
  std::swap(file.tensors[3], file.tensors[9]);
  file.tensor("blk.0.attn_rot_embd.weight", DType::kF32, {1}, ByteVector(4));
  file.tensor("a.b.c", DType::kF32, {3}, ByteVector(12));
  CHECK(same_bits(run(load_network(file.build())->network, ids, serial), expected));
}

TEST_CASE("a tensor of a layer that the forward pass would not use is refused", "[model]") {
  for (const char* name :
       {"blk.7.attn_q.weight", "blk.0.attn_q.bias", "blk.0.attn_q_norm.weight"}) {
    auto file = tiny_model(small());
    file.tensor(name, DType::kF32, {1}, ByteVector(4));
    refused(file, ErrorCode::UnsupportedArchitecture, name);
  }
}

TEST_CASE("narrow rows must not unpack to many times the file", "[model]") {
  TinyOptions narrow;
  narrow.layers = 1;
  narrow.hidden = 2;
  narrow.heads = 1;
  narrow.kv_heads = 1;
  narrow.head_dim = 64;
  narrow.ffn = 1U << 17;
  refused(tiny_model(narrow), ErrorCode::LimitExceeded, "packed weights");
}
