// See pack.h.
#include "kernels/pack.h"

#include "base/checked.h"

#include <algorithm>
#include <cstring>

namespace bitnet {

std::uint64_t packed_bytes(const Kernels& kernels, std::size_t rows, std::size_t columns) noexcept {
  return std::uint64_t{round_up(rows, kernels.tile_rows)} * (round_up(columns, kColumnPad) / 4);
}

void pack_tile(const Kernels& kernels, const std::uint8_t* codes, std::size_t codes_stride,
               std::size_t rows, std::size_t columns, std::uint8_t* tile) noexcept {
  constexpr std::uint8_t kZeroWeights = 0x55; // four codes of 1
  const std::size_t bytes = kernels.strip_bytes, step = kernels.tile_rows * bytes;
  const std::size_t strips = round_up(columns, kColumnPad) / (4 * bytes);
  for (std::size_t row = 0; row < kernels.tile_rows; ++row) {
    const std::uint8_t* from = codes + row * codes_stride;
    std::uint8_t* to = tile + row * bytes;
    const std::size_t whole = row < rows ? columns / (4 * bytes) : 0;
    if (bytes == 1) // a loop over one byte would cost more than the byte
      for (std::size_t strip = 0; strip < whole; ++strip, from += 4, to += step)
        *to = static_cast<std::uint8_t>(from[0] | from[1] << 2 | from[2] << 4 | from[3] << 6);
    else
      for (std::size_t strip = 0; strip < whole; ++strip, from += 4 * bytes, to += step)
        for (std::size_t j = 0; j < bytes; ++j)
          to[j] = static_cast<std::uint8_t>(from[j] | from[bytes + j] << 2 |
                                            from[2 * bytes + j] << 4 | from[3 * bytes + j] << 6);
    for (std::size_t strip = whole; strip < strips; ++strip, to += step)
      for (std::size_t j = 0; j < bytes; ++j) {
        to[j] = kZeroWeights;
        for (std::size_t p = 0; row < rows && p < 4; ++p) {
          const std::size_t at = (strip * 4 + p) * bytes + j;
          if (at < columns)
            to[j] = static_cast<std::uint8_t>((to[j] & ~(3U << (2 * p))) |
                                              static_cast<unsigned>(codes[row * codes_stride + at])
                                                  << (2 * p));
        }
      }
  }
}

std::uint64_t scan_bytes(const Kernels& kernels, ScanType type, std::size_t rows,
                         std::size_t columns) noexcept {
  return std::uint64_t{round_up(rows, kernels.scan_tile_rows)} *
         (round_up(columns, kColumnPad) / scan_planes(type));
}

void pack_scan_tile(const Kernels& kernels, ScanType type, const std::uint8_t* codes,
                    std::size_t codes_stride, std::size_t rows, std::size_t columns,
                    std::uint8_t* tile) noexcept {
  const std::size_t bytes = kernels.scan_strip_bytes, planes = scan_planes(type);
  const std::size_t strips = round_up(columns, kColumnPad) / (planes * bytes);
  std::memset(tile, 0, kernels.scan_tile_rows * strips * bytes);
  for (std::size_t strip = 0; strip < strips; ++strip, tile += kernels.scan_tile_rows * bytes)
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t p = 0; p < planes; ++p) {
        const std::size_t column = (strip * planes + p) * bytes;
        if (column >= columns)
          continue;
        const std::size_t count = std::min(bytes, columns - column);
        const std::uint8_t* from = codes + row * codes_stride + column;
        std::uint8_t* to = tile + row * bytes;
        for (std::size_t j = 0; j < count; ++j)
          to[j] = static_cast<std::uint8_t>(to[j] | from[j] << (4 * p));
      }
}

std::uint8_t packed_code(const Kernels& kernels, const TernaryMatrix& matrix, std::size_t row,
                         std::size_t column) noexcept {
  const std::size_t bytes = kernels.strip_bytes;
  const std::size_t tile_bytes = kernels.tile_rows * (round_up(matrix.columns, kColumnPad) / 4);
  const std::size_t strip = column / (4 * bytes);
  const std::size_t plane = column % (4 * bytes) / bytes;
  const std::uint8_t* tile = matrix.codes + row / kernels.tile_rows * tile_bytes;
  const std::uint8_t byte =
      tile[(strip * kernels.tile_rows + row % kernels.tile_rows) * bytes + column % bytes];
  return (byte >> (2 * plane)) & 3;
}

void ternary_reference(const Kernels& kernels, const TernaryMatrix& matrix, const float* x,
                       std::size_t first, std::size_t count, float* out) noexcept {
  const std::size_t groups = round_up(matrix.columns, kColumnPad) / kColumnPad;
  for (std::size_t row = first; row < first + count; ++row) {
    float lanes[8] = {};
    for (std::size_t column = 0; column < matrix.columns; ++column) {
      const float scale = matrix.group_scales == nullptr
                              ? matrix.row_scales[row]
                              : matrix.group_scales[row * groups + column / kColumnPad];
      const auto code = static_cast<int>(packed_code(kernels, matrix, row, column));
      lanes[column % 8] += static_cast<float>(code - 1) * scale * x[column];
    }
    out[row] = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
               ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  }
}

} // namespace bitnet
