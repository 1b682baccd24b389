// The one place that knows the tile layout of kernels.h: codes of a tile's rows in, packed bytes out, and back.
#pragma once

#include "kernels/kernels.h"

namespace bitnet {

/// Bytes of a packed matrix: rows and columns within limits.h make up to 2^34, more than a 32-bit size_t holds.
std::uint64_t packed_bytes(const Kernels& kernels, std::size_t rows, std::size_t columns) noexcept;

/// Pack one tile: `rows` (at most tile_rows) rows of `columns` codes each, `codes_stride` apart. Pads become weight 0.
void pack_tile(const Kernels& kernels, const std::uint8_t* codes, std::size_t codes_stride,
               std::size_t rows, std::size_t columns, std::uint8_t* tile) noexcept;

/// The code at a place of a packed matrix.
std::uint8_t packed_code(const Kernels& kernels, const TernaryMatrix& matrix, std::size_t row,
                         std::size_t column) noexcept;

/// The same of a ScanMatrix. Pads become code 0: their activations are 0.
std::uint64_t scan_bytes(const Kernels& kernels, ScanType type, std::size_t rows,
                         std::size_t columns) noexcept;
void pack_scan_tile(const Kernels& kernels, ScanType type, const std::uint8_t* codes,
                    std::size_t codes_stride, std::size_t rows, std::size_t columns,
                    std::uint8_t* tile) noexcept;

/// The reference that quantisation is judged by: float activations times ternary weights, eight lanes, column after
/// column, for rows [first, first + count). The same order and bits on every instruction set; slow.
void ternary_reference(const Kernels& kernels, const TernaryMatrix& matrix, const float* x,
                       std::size_t first, std::size_t count, float* out) noexcept;

/// Compare `kernels` with scalar on random and adversarial cases (all codes, extremes, odd sizes), about a
/// millisecond's worth. Returns how many agreed before the first that did not, and in `total` how many there are.
std::size_t check_against_scalar(const Kernels& kernels, std::size_t* total) noexcept;

} // namespace bitnet
