// The weights of a model: what tensors there must be, in what shape, and how each is brought in piece by piece.
// Enters: a parsed header and the file's bytes, range after range, ascending. Leaves: matrices packed for one set of
// kernels. Never holds more of the file than one piece.
#pragma once

#include "base/checksum.h"
#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"
#include "gguf/reader.h"
#include "kernels/kernels.h"
#include "model/config.h"
#include "model/small_head.h"

#include <memory>
#include <utility>

namespace bitnet {

/// One weight matrix [rows = outputs, columns = inputs]: ternary and packed, or dense as in the file.
struct Matrix {
  DType type = DType::kF32;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_bytes = 0; ///< dense only
  MutableBytes data;         ///< in Weights::memory
  Buffer<float> row_scales;  ///< ternary: [padded rows], empty when group_scales is used
  Buffer<float>
      group_scales; ///< ternary: [padded rows][padded columns / 256], empty when rows are uniform
  float factor = 1.0F; ///< the optional <name>.scale tensor; folded into the scales at the end

  bool ternary() const noexcept { return dtype_info(type).ternary; }
  TernaryMatrix ternary_view() const noexcept {
    return {.codes = data.data(),
            .row_scales = row_scales.data(),
            .group_scales = group_scales.data(),
            .rows = rows,
            .columns = columns};
  }
  DenseMatrix dense_view() const noexcept {
    return {.data = data.data(), .row_bytes = row_bytes, .rows = rows, .columns = columns};
  }
};

/// H = hidden, F = ffn, Q = heads * head_dim, K = kv_heads * head_dim, V = vocabulary.
struct Layer {
  Buffer<float> attn_norm;     ///< [H]
  Matrix q;                    ///< [Q, H]
  Matrix k;                    ///< [K, H]
  Matrix v;                    ///< [K, H]
  Buffer<float> attn_sub_norm; ///< [Q], architectures with sub-norms
  Matrix output;               ///< [H, Q]
  Buffer<float> ffn_norm;      ///< [H]
  Matrix gate;                 ///< [F, H]
  Matrix up;                   ///< [F, H]
  Buffer<float> ffn_sub_norm;  ///< [F], architectures with sub-norms
  Matrix down;                 ///< [H, F]
};

struct Weights {
  Matrix embedding;            ///< [V, H], dense
  Matrix head;                 ///< [V, H], dense; empty when tied to the embedding
  SmallHead small_head;        ///< empty unless asked for
  Buffer<float> output_norm;   ///< [H]
  Buffer<float> rope_divisors; ///< [rope_dim / 2]; empty: all 1
  std::unique_ptr<Layer[]> layers;
  std::unique_ptr<Buffer<std::uint8_t>[]> memory; ///< of all matrices, in file order
  std::uint64_t bytes = 0;
  std::uint64_t parameters = 0;
  std::uint64_t ternary_parameters = 0;
  DType ternary_type = DType::kF32; ///< of the last ternary matrix; kF32 when there is none
  std::uint64_t checksum = 0;       ///< of all tensors' names, types and bytes, in file order

  const Matrix& output_head() const noexcept { return head.rows != 0 ? head : embedding; }
};

/// What the header says of the memory that weights take, in bytes.
struct WeightsSize {
  std::uint64_t least = 0;   ///< where each row has one scale, as trained models have it
  std::uint64_t most = 0;    ///< where each block of a type with block scales has its own
  std::uint64_t loading = 0; ///< beside them, at most, while they come in
};

/// Which dense kernel serves a type; nothing for the ternary ones.
std::optional<DenseType> dense_type(DType type) noexcept;

class WeightsLoader {
public:
  /// Checks that every tensor the architecture needs is there in the right shape and type; takes no memory for them yet.
  /// `gguf` and `weights` must outlive the loader.
  static Result<WeightsLoader> make(const Gguf& gguf, const Config& config, const Kernels& kernels,
                                    Weights& weights, HeadType head = HeadType::kFile) noexcept;

  WeightsSize size() const noexcept;
  /// Take the memory and want the first piece. Call it once.
  Status begin() noexcept;

  struct Piece {
    std::uint64_t offset = 0;
    MutableBytes into; ///< empty: all is there
    std::uint32_t file = 0;
  };
  Piece wanted() const noexcept { return piece_; }
  /// The wanted bytes are there: decode, check and pack them; ask for the next.
  Status accept() noexcept;

private:
  /// A tensor and the place it goes to: a matrix, a vector of floats, or a matrix's factor.
  struct Slot {
    const TensorInfo* info;
    Matrix* matrix;
    Buffer<float>* vector;
    Matrix* factor_of;
  };

  WeightsLoader(const Config& config, const Kernels& kernels, Weights& weights,
                HeadType head) noexcept
      : config_(&config), kernels_(&kernels), weights_(&weights), head_(head) {}

  Status plan(const Gguf& gguf) noexcept;
  Status add(const Gguf& gguf, std::string_view name, Slot place, std::uint64_t rows,
             std::uint64_t columns, bool optional, bool must_be_dense) noexcept;
  Status add_matrix(const Gguf& gguf, std::uint32_t layer, std::string_view name, Matrix& matrix,
                    std::uint64_t rows, std::uint64_t columns) noexcept;
  Status add_norm(const Gguf& gguf, std::uint32_t layer, std::string_view name, Buffer<float>& norm,
                  std::uint64_t width) noexcept;

  Status check_memory() const noexcept;
  Status check_known(const Gguf& gguf) const noexcept;
  std::uint64_t matrix_bytes(const Slot& slot) const noexcept;
  std::uint64_t scales_of(const Slot& slot) const noexcept;
  std::pair<std::size_t, std::uint64_t> share(std::size_t first) const noexcept;
  Status allocate() noexcept;
  Status begin_tensor() noexcept;
  Status next_piece() noexcept;
  Status accept_ternary(Matrix& matrix) noexcept;
  Status finish_tensor() noexcept;
  Status finish_all() noexcept;
  Error bad_weights(const char* what) const noexcept;

  const Config* config_;
  const Kernels* kernels_;
  Weights* weights_;
  HeadType head_;
  const Matrix* head_matrix_ = nullptr;    ///< what a small head is made of
  std::optional<HeadQuantizer> quantizer_; ///< while that is coming in
  Vec<Slot> slots_;                        ///< by file and offset
  std::size_t slot_ = 0;
  std::uint64_t done_ = 0; ///< bytes of the current tensor that are in
  std::size_t row_ = 0;    ///< ternary: rows that are in
  Buffer<std::uint8_t> scratch_;
  Buffer<std::uint8_t> codes_;
  Checksum checksum_;
  Piece piece_;
};

} // namespace bitnet
