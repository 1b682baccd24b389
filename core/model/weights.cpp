// See weights.h.
#include "model/weights.h"

#include "base/checked.h"
#include "base/name.h"
#include "base/reader.h"
#include "gguf/limits.h"
#include "kernels/pack.h"
#include "tensor/rows.h"

#include <algorithm>
#include <cmath>
#include <new>

namespace bitnet {
namespace {

/// Bytes asked for at once; a caller that fetches pieces pays one round trip each.
constexpr std::uint64_t kPieceBytes = 1ULL << 20;
/// Rows of a ternary piece come in multiples of this, so that pieces of I2_S, whose blocks of 128 weights may straddle
/// rows, begin and end at block boundaries whatever the width.
constexpr std::size_t kPieceRows = 128;

Name layer_name(std::uint32_t layer, std::string_view name, std::string_view suffix) noexcept {
  return Name() << "blk." << layer << "." << name << suffix;
}

bool all_finite(std::span<const float> values) noexcept {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

std::uint64_t aligned(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kAlignment = Buffer<std::uint8_t>::kAlignment;
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Rows that have scales: a ternary matrix's, and what fills up its last tile.
std::uint64_t rows_of_scales(const Kernels& kernels, const TensorInfo& info) noexcept {
  return round_up(static_cast<std::size_t>(info.rows()), kernels.tile_rows);
}

/// Bytes of the first piece of a tensor that comes in through scratch memory: no later one is longer.
std::uint64_t first_piece(const TensorInfo& info, bool is_matrix) noexcept {
  const DTypeInfo& type = dtype_info(info.type);
  if (!is_matrix)
    return info.bytes;
  const std::uint64_t block =
      std::uint64_t{kPieceRows} * info.columns() / type.block_weights * type.block_bytes;
  return std::min(info.bytes - type.tail_bytes,
                  std::max<std::uint64_t>(1, kPieceBytes / block) * block);
}

/// Dense data holds no infinity and no NaN: kernels on different instruction sets need not agree on those.
bool dense_is_finite(DType type, Bytes data) noexcept {
  const auto halves = [&](std::size_t first, std::size_t step, std::uint16_t exponent) {
    for (std::size_t i = first; i + 2 <= data.size(); i += step)
      if ((load_le<std::uint16_t>(data.data() + i) & exponent) == exponent)
        return false;
    return true;
  };
  switch (type) {
  case DType::kF32: return halves(2, 4, 0x7f80);
  case DType::kBF16: return halves(0, 2, 0x7f80);
  case DType::kF16: return halves(0, 2, 0x7c00);
  case DType::kQ8_0:
  case DType::kQ4_0: return halves(0, dtype_info(type).block_bytes, 0x7c00);
  case DType::kQ6_K: return halves(208, dtype_info(type).block_bytes, 0x7c00);
  default: return true;
  }
}

} // namespace

std::optional<DenseType> dense_type(DType type) noexcept {
  switch (type) {
  case DType::kF32: return DenseType::kF32;
  case DType::kF16: return DenseType::kF16;
  case DType::kBF16: return DenseType::kBF16;
  case DType::kQ8_0: return DenseType::kQ8_0;
  case DType::kQ4_0: return DenseType::kQ4_0;
  case DType::kQ6_K: return DenseType::kQ6_K;
  default: return std::nullopt;
  }
}

Result<WeightsLoader> WeightsLoader::make(const Gguf& gguf, const Config& config,
                                          const Kernels& kernels, Weights& weights,
                                          HeadType head) noexcept {
  WeightsLoader loader(config, kernels, weights, head);
  BITNET_TRY(loader.plan(gguf));
  std::sort(loader.slots_.begin(), loader.slots_.end(), // the table is sorted by file and offset
            [](const Slot& a, const Slot& b) { return a.info < b.info; });
  BITNET_TRY(loader.check_known(gguf));
  BITNET_TRY(loader.check_memory());
  return loader;
}

Status WeightsLoader::begin() noexcept {
  BITNET_TRY(allocate());
  return begin_tensor();
}

Status WeightsLoader::plan(const Gguf& gguf) noexcept {
  const Config& c = *config_;
  weights_->layers.reset(new (std::nothrow) Layer[c.layers]);
  if (!weights_->layers)
    return Error(ErrorCode::OutOfMemory) << c.layers << " layers";
  const auto matrix = [](Matrix& m) { return Slot{nullptr, &m, nullptr, nullptr}; };
  const auto vector = [](Buffer<float>& v) { return Slot{nullptr, nullptr, &v, nullptr}; };
  BITNET_TRY(add(gguf, "token_embd.weight", matrix(weights_->embedding), c.vocabulary, c.hidden,
                 false, true));
  BITNET_TRY(
      add(gguf, "output.weight", matrix(weights_->head), c.vocabulary, c.hidden, true, true));
  if (head_ != HeadType::kFile)
    head_matrix_ = gguf.find("output.weight") != nullptr ? &weights_->head : &weights_->embedding;
  BITNET_TRY(
      add(gguf, "output_norm.weight", vector(weights_->output_norm), 1, c.hidden, false, true));
  BITNET_TRY(add(gguf, "rope_freqs.weight", vector(weights_->rope_divisors), 1, c.rope_dim / 2,
                 true, true));
  for (std::uint32_t l = 0; l < c.layers; ++l) {
    Layer& layer = weights_->layers[l];
    BITNET_TRY(add_norm(gguf, l, "attn_norm", layer.attn_norm, c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "attn_q", layer.q, c.q_width(), c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "attn_k", layer.k, c.kv_width(), c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "attn_v", layer.v, c.kv_width(), c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "attn_output", layer.output, c.hidden, c.q_width()));
    BITNET_TRY(add_norm(gguf, l, "ffn_norm", layer.ffn_norm, c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "ffn_gate", layer.gate, c.ffn, c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "ffn_up", layer.up, c.ffn, c.hidden));
    BITNET_TRY(add_matrix(gguf, l, "ffn_down", layer.down, c.hidden, c.ffn));
    if (c.architecture->sub_norms) {
      BITNET_TRY(add_norm(gguf, l, "attn_sub_norm", layer.attn_sub_norm, c.q_width()));
      BITNET_TRY(add_norm(gguf, l, "ffn_sub_norm", layer.ffn_sub_norm, c.ffn));
    }
  }
  return {};
}

Status WeightsLoader::add(const Gguf& gguf, std::string_view name, Slot place, std::uint64_t rows,
                          std::uint64_t columns, bool optional, bool must_be_dense) noexcept {
  const TensorInfo* info = gguf.find(name);
  if (info == nullptr) {
    if (optional)
      return {};
    return Error(ErrorCode::MissingTensor) << name;
  }
  if (info->columns() != columns || info->rows() != rows)
    return Error(ErrorCode::WrongShape) << name << " is " << info->columns() << " x "
                                        << info->rows() << ", must be " << columns << " x " << rows;
  if (must_be_dense && dtype_info(info->type).ternary)
    return Error(ErrorCode::UnsupportedType) << name << " has type " << dtype_info(info->type).name
                                             << ", which only projections may have";
  if (place.matrix != nullptr) {
    weights_->parameters += rows * columns;
    if (dtype_info(info->type).ternary) {
      weights_->ternary_parameters += rows * columns;
      weights_->ternary_type = info->type;
    }
  }
  place.info = info;
  return slots_.push(place);
}

Status WeightsLoader::add_matrix(const Gguf& gguf, std::uint32_t layer, std::string_view name,
                                 Matrix& matrix, std::uint64_t rows,
                                 std::uint64_t columns) noexcept {
  BITNET_TRY(add(gguf, layer_name(layer, name, ".weight"), {nullptr, &matrix, nullptr, nullptr},
                 rows, columns, false, false));
  return add(gguf, layer_name(layer, name, ".scale"), {nullptr, nullptr, nullptr, &matrix}, 1, 1,
             true, true);
}

Status WeightsLoader::add_norm(const Gguf& gguf, std::uint32_t layer, std::string_view name,
                               Buffer<float>& norm, std::uint64_t width) noexcept {
  return add(gguf, layer_name(layer, name, ".weight"), {nullptr, nullptr, &norm, nullptr}, 1, width,
             false, true);
}

/// A tensor of a layer that the forward pass would not use (a bias, a norm of another architecture) means that the file is
/// not what its architecture's name says: it would load and talk rubbish.
Status WeightsLoader::check_known(const Gguf& gguf) const noexcept {
  constexpr std::string_view kInert =
      ".attn_rot_embd.weight"; // RoPE frequencies as old converters wrote them
  std::size_t next = 0;        // both lists are sorted alike
  for (const TensorInfo& info : gguf.tensors) {
    if (next < slots_.size() && slots_[next].info == &info)
      ++next;
    else if (info.name.starts_with("blk.") && !info.name.ends_with(kInert))
      return Error(ErrorCode::UnsupportedArchitecture)
             << config_->architecture->name << " has no tensor " << info.name;
  }
  return {};
}

/// Padding rows to kColumnPad columns costs nothing for real widths; a file of very narrow ones must not turn a few
/// bytes into many.
Status WeightsLoader::check_memory() const noexcept {
  std::uint64_t packed = 0;
  std::uint64_t stored = 0;
  for (const Slot& slot : slots_) {
    if (slot.matrix == nullptr)
      continue;
    if (slot.matrix == head_matrix_) {
      BITNET_TRY(HeadQuantizer::check(config_->hidden));
      packed += HeadQuantizer::bytes(head_, *kernels_, config_->vocabulary, config_->hidden);
      stored += slot.info->bytes;
    }
    if (!dtype_info(slot.info->type).ternary)
      continue;
    packed += matrix_bytes(slot) + slot.info->rows() * sizeof(float);
    stored += slot.info->bytes;
  }
  if (packed > limits::kPackedGrowth * stored + limits::kPackedSlack)
    return Error(ErrorCode::LimitExceeded)
           << "packed weights would take " << packed << " bytes, the file has " << stored;
  return {};
}

/// Bytes of a matrix as it stands in memory, without scales.
std::uint64_t WeightsLoader::matrix_bytes(const Slot& slot) const noexcept {
  if (slot.matrix == nullptr)
    return 0;
  return dtype_info(slot.info->type).ternary
             ? packed_bytes(*kernels_, static_cast<std::size_t>(slot.info->rows()),
                            static_cast<std::size_t>(slot.info->columns()))
             : slot.info->bytes;
}

/// Scales that a ternary matrix comes in with: one for each row, or for each block of a row.
std::uint64_t WeightsLoader::scales_of(const Slot& slot) const noexcept {
  const auto columns = static_cast<std::size_t>(slot.info->columns());
  return rows_of_scales(*kernels_, *slot.info) *
         (slot.info->type == DType::kI2_S ? 1 : round_up(columns, kColumnPad) / kColumnPad);
}

/// Matrices lie together, so that large pages hold more than one. Of the slots from `first` on: the end of those that
/// share a piece of memory, and its bytes.
std::pair<std::size_t, std::uint64_t> WeightsLoader::share(std::size_t first) const noexcept {
  // Within what a 32-bit machine gives in one piece; a matrix that is larger has a piece to itself.
  constexpr std::uint64_t kPiece = 1ULL << 30;
  std::size_t next = first;
  std::uint64_t bytes = 0;
  for (; next < slots_.size(); ++next) {
    const std::uint64_t more = aligned(matrix_bytes(slots_[next]));
    if (bytes != 0 && more > kPiece - std::min(bytes, kPiece))
      break;
    bytes += more;
  }
  return {next, bytes};
}

WeightsSize WeightsLoader::size() const noexcept {
  WeightsSize size;
  std::uint64_t both_scales = 0, piece = 0, codes = 0;
  for (std::size_t slot = 0; slot < slots_.size();) {
    const auto [end, bytes] = share(slot);
    size.most += bytes;
    slot = end;
  }
  size.most += HeadQuantizer::bytes(head_, *kernels_, config_->vocabulary, config_->hidden);
  size.least = size.most;
  for (const Slot& slot : slots_) {
    const TensorInfo& info = *slot.info;
    if (slot.vector != nullptr) {
      size.least += info.columns() * sizeof(float);
      size.most += info.columns() * sizeof(float);
    }
    if (slot.matrix == nullptr || dtype_info(info.type).ternary)
      piece = std::max(piece, first_piece(info, slot.matrix != nullptr));
    if (slot.matrix == nullptr || !dtype_info(info.type).ternary)
      continue;
    const std::uint64_t rows = rows_of_scales(*kernels_, info) * sizeof(float);
    size.least += rows;
    size.most += scales_of(slot) * sizeof(float);
    codes = std::max(codes, kernels_->tile_rows * info.columns());
    if (info.type != DType::kI2_S)
      both_scales = std::max(both_scales, rows);
  }
  size.loading =
      both_scales + piece + codes + HeadQuantizer::loading_bytes(head_, *kernels_, config_->hidden);
  return size;
}

/// All at once, so that memory that is not there is missed before anything is fetched.
Status WeightsLoader::allocate() noexcept {
  std::size_t pieces = 0;
  for (std::size_t slot = 0; slot < slots_.size(); slot = share(slot).first)
    ++pieces;
  weights_->memory.reset(new (std::nothrow) Buffer<std::uint8_t>[pieces]);
  if (!weights_->memory)
    return Error(ErrorCode::OutOfMemory) << "weights";
  for (std::size_t i = 0, slot = 0; i < pieces; ++i) {
    Buffer<std::uint8_t>& piece = weights_->memory[i];
    const auto [end, bytes] = share(slot);
    auto memory = Buffer<std::uint8_t>::make_raw(bytes, "weights", Pages::kLarge);
    BITNET_TRY(memory);
    piece = std::move(*memory);
    weights_->bytes += piece.bytes();
    for (std::size_t at = 0; slot < end; ++slot) {
      if (slots_[slot].matrix == nullptr)
        continue;
      const auto size = static_cast<std::size_t>(matrix_bytes(slots_[slot]));
      slots_[slot].matrix->data = {piece.data() + at, size};
      at += static_cast<std::size_t>(aligned(size));
    }
  }
  if (head_matrix_ == nullptr)
    return {};
  auto made = HeadQuantizer::make(head_, *kernels_, config_->vocabulary, config_->hidden,
                                  weights_->small_head);
  BITNET_TRY(made);
  quantizer_ = std::move(*made);
  return {};
}

Error WeightsLoader::bad_weights(const char* what) const noexcept {
  return Error(ErrorCode::BadWeights) << slots_[slot_].info->name << ": " << what;
}

Status WeightsLoader::begin_tensor() noexcept {
  done_ = 0;
  row_ = 0;
  if (slot_ == slots_.size()) {
    piece_ = {};
    return finish_all();
  }
  const Slot& slot = slots_[slot_];
  const TensorInfo& info = *slot.info;
  const auto type = static_cast<std::uint32_t>(info.type);
  checksum_.add({reinterpret_cast<const std::uint8_t*>(info.name.data()), info.name.size()});
  checksum_.add({reinterpret_cast<const std::uint8_t*>(&type), sizeof type});
  if (slot.matrix != nullptr) {
    Matrix& m = *slot.matrix;
    m.type = info.type;
    m.rows = static_cast<std::size_t>(info.rows());
    m.columns = static_cast<std::size_t>(info.columns());
    if (m.ternary()) {
      auto scales = Buffer<float>::make(scales_of(slot), "weight scales");
      BITNET_TRY(scales);
      (m.type == DType::kI2_S ? m.row_scales : m.group_scales) = std::move(*scales);
    } else {
      m.row_bytes = static_cast<std::size_t>(info.bytes / info.rows());
    }
  }
  return next_piece();
}

Status WeightsLoader::next_piece() noexcept {
  const Slot& slot = slots_[slot_];
  const TensorInfo& info = *slot.info;
  std::uint64_t length = info.bytes - done_;
  if (slot.matrix != nullptr && !slot.matrix->ternary()) { // straight to its place
    length = std::min(length, kPieceBytes);
    piece_ = {info.offset + done_,
              {slot.matrix->data.data() + done_, static_cast<std::size_t>(length)},
              info.file};
    return {};
  }
  if (slot.matrix != nullptr && row_ < slot.matrix->rows)
    length = std::min(length - dtype_info(info.type).tail_bytes, first_piece(info, true));
  if (scratch_.size() < length) {
    scratch_ = {}; // what was in it is not wanted: never hold both
    auto grown = Buffer<std::uint8_t>::make(length, "piece of a tensor");
    BITNET_TRY(grown);
    scratch_ = std::move(*grown);
  }
  piece_ = {info.offset + done_, {scratch_.data(), static_cast<std::size_t>(length)}, info.file};
  return {};
}

Status WeightsLoader::accept() noexcept {
  if (slot_ == slots_.size())
    return Error(ErrorCode::InvalidState) << "all weights are there already";
  const Slot& slot = slots_[slot_];
  const TensorInfo& info = *slot.info;
  const Bytes bytes = piece_.into;
  done_ += bytes.size();
  checksum_.add(bytes); // while they are in the cache

  if (slot.matrix != nullptr && slot.matrix->ternary()) {
    if (row_ < slot.matrix->rows)
      BITNET_TRY(accept_ternary(*slot.matrix));
    else { // the tail of I2_S: its scale
      const auto scale = load_le<float>(bytes.data());
      if (!std::isfinite(scale))
        return bad_weights("the scale is not finite");
      for (std::size_t r = 0; r < slot.matrix->rows; ++r)
        slot.matrix->row_scales[r] = scale;
    }
  } else if (slot.matrix != nullptr) {
    if (slot.matrix == head_matrix_)
      BITNET_TRY(quantizer_->add(info.type, slot.matrix->data.data(), slot.matrix->row_bytes,
                                 static_cast<std::size_t>(done_ / slot.matrix->row_bytes)));
  } else {
    auto values = Buffer<float>::make(info.columns(), "vector");
    BITNET_TRY(values);
    BITNET_TRY(decode_floats(info.type, bytes, 0, values->size(), 1.0F, values->data()));
    if (!all_finite(values->span()))
      return bad_weights("a value is not finite");
    if (slot.factor_of != nullptr)
      slot.factor_of->factor = (*values)[0];
    else
      *slot.vector = std::move(*values);
  }
  if (done_ < info.bytes)
    return next_piece();
  BITNET_TRY(finish_tensor());
  ++slot_;
  return begin_tensor();
}

Status WeightsLoader::accept_ternary(Matrix& matrix) noexcept {
  const std::size_t columns = matrix.columns;
  const std::size_t tile_rows = kernels_->tile_rows;
  const auto tile_bytes = static_cast<std::size_t>(packed_bytes(*kernels_, tile_rows, columns));
  const std::size_t groups = columns / kTernaryGroup;
  const DTypeInfo& type = dtype_info(matrix.type);
  if (codes_.size() < tile_rows * columns) {
    codes_ = {};
    auto grown = Buffer<std::uint8_t>::make(std::uint64_t{tile_rows} * columns, "codes of a tile");
    BITNET_TRY(grown);
    codes_ = std::move(*grown);
  }
  // The piece ends where its rows end: pieces are whole multiples of kPieceRows rows, or the rest of the tensor.
  const std::size_t weights = piece_.into.size() / type.block_bytes * type.block_weights;
  const std::size_t last = std::min(matrix.rows, row_ + weights / columns);
  for (std::size_t in_piece = 0; row_ < last;) {
    const std::size_t rows = std::min(tile_rows, last - row_);
    float* scales =
        matrix.group_scales.empty() ? nullptr : matrix.group_scales.data() + row_ * groups;
    if (const Status decoded =
            decode_codes(matrix.type, piece_.into, in_piece, rows * columns, codes_.data(), scales);
        !decoded)
      return Error(decoded.error().code())
             << slots_[slot_].info->name << ": " << decoded.error().detail();
    for (std::size_t g = 0; scales != nullptr && g < rows * groups; ++g) {
      if (!std::isfinite(scales[g]))
        return bad_weights("a scale is not finite");
      if (scales[g] == 0.0F) // a block of zeros: let its codes say so, and its scale be any
        std::fill_n(codes_.data() + g * kTernaryGroup, kTernaryGroup, std::uint8_t{1});
    }
    pack_tile(*kernels_, codes_.data(), columns, rows, columns,
              matrix.data.data() + row_ / tile_rows * tile_bytes);
    in_piece += rows * columns;
    row_ += rows;
  }
  return {};
}

Status WeightsLoader::finish_tensor() noexcept {
  Matrix* matrix = slots_[slot_].matrix;
  if (matrix == head_matrix_)
    quantizer_.reset();
  if (matrix == nullptr)
    return {};
  if (!matrix->ternary()) {
    if (!dense_is_finite(matrix->type, {matrix->data.data(), matrix->data.size()}))
      return bad_weights("a value is not finite");
    return {};
  }
  if (matrix->group_scales.empty())
    return {};
  // Trained models have one scale per tensor (or per row): then the kernels need no scale per group.
  const std::size_t groups = matrix->columns / kTernaryGroup;
  auto rows = Buffer<float>::make(rows_of_scales(*kernels_, *slots_[slot_].info), "row scales");
  BITNET_TRY(rows);
  for (std::size_t r = 0; r < matrix->rows; ++r) {
    for (std::size_t g = 0; g < groups; ++g) {
      const float scale = matrix->group_scales[r * groups + g];
      if (scale == 0.0F)
        continue;
      if ((*rows)[r] != 0.0F && (*rows)[r] != scale)
        return {}; // scales differ inside a row: keep them all
      (*rows)[r] = scale;
    }
  }
  matrix->row_scales = std::move(*rows);
  matrix->group_scales = {};
  return {};
}

Status WeightsLoader::finish_all() noexcept {
  weights_->bytes += weights_->small_head.bytes();
  for (const Slot& slot : slots_) {
    if (slot.vector != nullptr)
      weights_->bytes += slot.vector->bytes();
    if (slot.matrix == nullptr)
      continue;
    Matrix& m = *slot.matrix;
    if (m.factor != 1.0F) {
      if (!m.ternary())
        return Error(ErrorCode::UnsupportedType)
               << "a .scale tensor beside a matrix that is not ternary";
      for (float& scale : m.row_scales)
        scale *= m.factor;
      for (float& scale : m.group_scales)
        scale *= m.factor;
      if (!all_finite(m.row_scales.span()) || !all_finite(m.group_scales.span()))
        return Error(ErrorCode::BadWeights) << "a .scale tensor makes a scale infinite";
    }
    weights_->bytes += m.row_scales.bytes() + m.group_scales.bytes();
  }
  for (float& divisor : weights_->rope_divisors)
    if (!(divisor > 0.0F))
      return Error(ErrorCode::BadWeights) << "rope_freqs.weight: a divisor is not positive";
  weights_->checksum = checksum_.value();
  scratch_ = {};
  codes_ = {};
  return {};
}

} // namespace bitnet
