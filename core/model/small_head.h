// A small copy of the output head: which tokens are worth an exact logit? `--head int8` and `int4` read 7 or 4 bits of
// each weight for that and the file's own matrix only for the rows that may win, with the very bits that the whole
// matrix would have given them.
//
// A row's small logit differs from the exact one by what quantisation took from row and vector; Cauchy and Schwarz bound
// that by |row lost| * |x| + |small row| * |x lost|. The bound never fails but is far too wide: random errors use up about
// 1 / sqrt(columns) of it. So rows beyond the first few are held against a share of their bound: twice the largest share
// that any row scored so far has used, and never less than six times what random errors use. That is statistics, not a
// proof: to go wrong, a row must both be nearly best and lose more than any of its rivals did.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "bitnet/types.hpp"
#include "kernels/kernels.h"
#include "tensor/dtype.h"

namespace bitnet {

struct SmallHead {
  HeadType type = HeadType::kFile; ///< kFile: there is none
  std::size_t rows = 0;
  std::size_t columns = 0;
  Buffer<std::uint8_t> codes;
  Buffer<float> row_scales; ///< [padded rows]
  Buffer<float> lost;       ///< [rows] length of row - small row
  Buffer<float> lengths;    ///< [rows] length of the small row

  bool empty() const noexcept { return type == HeadType::kFile; }
  ScanType scan_type() const noexcept {
    return type == HeadType::kInt4 ? ScanType::k4 : ScanType::k7;
  }
  std::uint64_t bytes() const noexcept {
    return codes.size() + 4 * (std::uint64_t{row_scales.size()} + lost.size() + lengths.size());
  }
  ScanMatrix view() const noexcept {
    return {
        .codes = codes.data(), .row_scales = row_scales.data(), .rows = rows, .columns = columns};
  }
};

/// Makes a small head row by row, as the rows of the file's matrix arrive.
class HeadQuantizer {
public:
  /// Bytes of a small head; 0 for kFile.
  static std::uint64_t bytes(HeadType type, const Kernels& kernels, std::size_t rows,
                             std::size_t columns) noexcept;
  /// Bytes taken beside it while it is made.
  static std::uint64_t loading_bytes(HeadType type, const Kernels& kernels,
                                     std::size_t columns) noexcept;
  /// LimitExceeded for a matrix whose sums of seven-bit codes might not fit 32 bits.
  static Status check(std::size_t columns) noexcept;
  /// Memory for all rows, after check().
  static Result<HeadQuantizer> make(HeadType type, const Kernels& kernels, std::size_t rows,
                                    std::size_t columns, SmallHead& into) noexcept;
  /// `data` holds the first `ready` rows of a matrix of dense `type`; takes up those that are new, whole tiles of them
  /// unless they are the last.
  Status add(DType type, const std::uint8_t* data, std::size_t row_bytes,
             std::size_t ready) noexcept;

private:
  HeadQuantizer(const Kernels& kernels, SmallHead& into) noexcept
      : kernels_(&kernels), head_(&into) {}
  void add_row(const float* weights, std::uint8_t* codes) noexcept;
  template <class Walk>
  static Status each_buffer(SmallHead& head, const Kernels& kernels, Walk walk) noexcept;
  template <class Walk>
  static Status each_buffer(HeadQuantizer& quantizer, std::size_t columns, Walk walk) noexcept;

  const Kernels* kernels_;
  SmallHead* head_;
  std::size_t done_ = 0; ///< rows
  Buffer<float> weights_;
  Buffer<std::int8_t> values_;
  Buffer<std::int32_t> sums_;
  Buffer<std::uint8_t> codes_; ///< of a tile
};

struct Pass;
struct LogitsNeeded;

/// The logits of the first token's a.x: those needed exact, the others by the small head. False where that is no good
/// (most rows would need an exact product, or numbers are not finite): a.logits is anything then, the rest as before.
bool small_logits(const Pass& pass, const LogitsNeeded& needed) noexcept;

} // namespace bitnet
