// What a kernel is and what each one promises. One table of functions per instruction set; the scalar table is the
// definition, every other one equals it bit for bit (tests/core/kernels compares them with ==).
// Enters: plain arrays. Leaves: plain arrays. Never allocates, never fails, knows no tensor, no model, no file.
//
// Two rules make the bits equal:
//  - integer sums are exact int32 (|activation| <= 127, code <= 3, so 2^20 columns still fit), in any order;
//  - float sums run in eight virtual lanes (element i goes to lane i % 8, or as said below) and are folded by one fixed
//    tree: ((l0+l4)+(l2+l6))+((l1+l5)+(l3+l7)). No fused multiply-add anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bitnet {

/// Columns are padded to this in every packed matrix and quantised vector (pad activations are 0). It is also the
/// scale group of TQ1_0 and TQ2_0.
inline constexpr std::size_t kColumnPad = 256;
/// Rows of float buffers that kernels write are padded to this.
inline constexpr std::size_t kRowPad = 64;

/// Ternary weights as 2-bit codes (weight = (code - 1) * scale) in the tile layout of one instruction set:
///
///   tile (tile_rows rows) > strip (strip_bytes * 4 columns) > row > strip_bytes bytes
///   byte j of a strip, bits 2p..2p+1  =  column 4 * strip_bytes * strip + strip_bytes * p + j
///
/// so a tile is one contiguous stream and one vector load of activations serves all its rows.
struct TernaryMatrix {
  const std::uint8_t* codes = nullptr;
  const float* row_scales = nullptr;   ///< [padded rows], or null when group_scales is used
  const float* group_scales = nullptr; ///< [padded rows][padded columns / 256], or null
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// How a ScanMatrix holds its codes: two planes of four bits in a byte (weight = (code - 8) * scale), or one of seven
/// (weight = (code - 64) * scale). Seven and not eight, because AVX2's and WebAssembly's instructions add two products in
/// 16 bits: 2 * 127 * 127 fits, 2 * 127 * 255 does not.
enum class ScanType : std::uint8_t { k4, k7 };
inline constexpr std::size_t kScanTypes = 2;
/// With more columns sums of k7 might not fit int32.
inline constexpr std::size_t kScanColumns = 131072;
constexpr std::size_t scan_planes(ScanType type) { return type == ScanType::k4 ? 2 : 1; }
constexpr int scan_offset(ScanType type) { return type == ScanType::k4 ? 8 : 64; }

/// A dense matrix once more, in few bits: a quick product says which rows are worth an exact one. The tile layout of
/// TernaryMatrix, with scan_planes() in the place of four, scan_tile_rows and scan_strip_bytes.
struct ScanMatrix {
  const std::uint8_t* codes = nullptr;
  const float* row_scales = nullptr; ///< [padded rows]
  std::size_t rows = 0;
  std::size_t columns = 0; ///< at most kScanColumns
};

/// `count` vectors quantised to int8, each `stride` bytes apart (stride: a multiple of kColumnPad, pads zero).
struct Int8Batch {
  const std::int8_t* values = nullptr;
  const float* scales = nullptr;            ///< [count]: x is about value * scale
  const std::int32_t* group_sums = nullptr; ///< [count][stride / 256]: sums of the values
  std::size_t stride = 0;
  std::size_t count = 0;
};

/// Types of matrices that stay as the file has them.
enum class DenseType : std::uint8_t { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ6_K };
inline constexpr std::size_t kDenseTypes = 6;

struct DenseMatrix {
  const std::uint8_t* data = nullptr;
  std::size_t row_bytes = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// Input of a dense product: floats for the float types; for the quantised ones int8 in blocks of 32 with a scale each.
struct DenseBatch {
  const float* floats = nullptr;       ///< [count][stride]
  const std::int8_t* values = nullptr; ///< [count][stride]
  const float* block_scales = nullptr; ///< [count][stride / 32]
  std::size_t stride = 0;              ///< a multiple of 32; of kColumnPad where values are used
  std::size_t count = 0;
};

/// Attention of a group of query heads that share one head of keys and values (GQA) over what has been seen so far; rows
/// are `stride` elements apart, a multiple of 8.
struct Attention {
  const float* query = nullptr; ///< [queries][stride], zero beyond the head's width
  std::size_t queries = 1;
  const void* keys = nullptr;   ///< [count][stride], float or half
  const void* values = nullptr; ///< the same
  std::size_t count = 0;        ///< at least 1
  std::size_t stride = 0;
  float scale = 1.0F;           ///< 1 / sqrt(head width)
  float* scores = nullptr;      ///< scratch [queries][score_stride]
  std::size_t score_stride = 0; ///< at least count, rounded up to 8
  float* out = nullptr;         ///< [queries][stride]
};

using TernaryProduct = void(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t first_tile,
                            std::size_t tiles, float* out, std::size_t out_stride);

struct Kernels {
  std::string_view name;
  /// Null, or: is this set the fast one of its kin on this machine? Where not, it is offered after the others.
  bool (*suits)();
  std::size_t tile_rows;        ///< divides kRowPad
  std::size_t strip_bytes;      ///< 4 * strip_bytes divides kColumnPad
  std::size_t scan_tile_rows;   ///< divides kRowPad
  std::size_t scan_strip_bytes; ///< 2 * scan_strip_bytes divides kColumnPad

  /// BitLinear's activation quantisation (arXiv 2402.17764, section 2): a = max(1e-5, max|x|), q = rne(x * (127 / a)),
  /// scale = a / 127. `values` gets round_up(columns, 256) entries, `group_sums` one sum per 256 of them.
  void (*quantize)(const float* x, std::size_t columns, std::int8_t* values,
                   std::int32_t* group_sums, float* scale);
  /// Blocks of 32 for the quantised dense types: scale = max|x| / 127, q = rne(x * (127 / max|x|)); zeros for zeros.
  /// Written up to round_up(columns, 256).
  void (*quantize_blocks)(const float* x, std::size_t columns, std::int8_t* values,
                          float* block_scales);

  /// out[c][row] = (sum over columns of value * (code - 1)) * row_scale * scales[c] for the rows of `tiles` tiles from
  /// `first_tile`; whole tiles are written. With group scales: the sum over groups, in order, of
  /// float(group's sum) * group_scale, then * scales[c].
  TernaryProduct* ternary;
  /// The same product and the same bits by the family of kernels that is the faster from `shared_from` vectors on
  /// (tuned.def), where that was measured to be another one.
  TernaryProduct* ternary_shared;
  std::size_t shared_from;
  /// out[row] = float(sum over columns of value * (code - offset)) * row_scale * scale for one vector and whole tiles, by
  /// ScanType.
  void (*scan[kScanTypes])(const ScanMatrix& matrix, const Int8Batch& x, std::size_t first_tile,
                           std::size_t tiles, float* out);
  /// out[c][row] = row . x[c] for rows [first, first + count). Float types: products in 32 lanes, four groups of eight
  /// folded pairwise, then the tree. Quantised types: lane j of eight takes float(sum of the block's elements
  /// 4j..4j+3) * (weight scale * block scale), block after block, then the tree.
  void (*dense[kDenseTypes])(const DenseMatrix& matrix, const DenseBatch& x, std::size_t first,
                             std::size_t count, float* out, std::size_t out_stride);

  /// out = x / sqrt(mean(x^2) + epsilon) * weight. `out` may be `x`.
  void (*rmsnorm)(const float* x, const float* weight, std::size_t columns, float epsilon,
                  float* out);
  /// out = softmax(query . keys * scale) . values. f32 and f16 caches.
  void (*attend_f32)(const Attention& head);
  void (*attend_f16)(const Attention& head);
  void (*to_half)(const float* x, std::size_t count, std::uint16_t* out);
  /// gate = act(gate) * up, in place. relu2: max(z, 0)^2; silu: z / (1 + exp(-z)).
  void (*relu2_mul)(float* gate, const float* up, std::size_t count);
  void (*silu_mul)(float* gate, const float* up, std::size_t count);
  void (*add)(float* x, const float* y, std::size_t count);
};

/// Kernels of this build that this machine runs, best first; scalar is last and always there.
std::span<const Kernels* const> all_kernels() noexcept;
/// By name; null when unknown or not runnable here. An empty name gives the best.
const Kernels* find_kernels(std::string_view name) noexcept;

} // namespace bitnet
