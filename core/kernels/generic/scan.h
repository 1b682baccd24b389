// Products of one vector with a matrix in few bits, by the loop of the ternary ones: y = (sum x * code - offset * sum x) *
// scale, no float before the end of a row.
#pragma once

#include "kernels/generic/ternary.h"

namespace bitnet::generic {

template <class V, ScanType Type>
void scan(const ScanMatrix& matrix, const Int8Batch& x, std::size_t first_tile, std::size_t tiles,
          float* out) {
  constexpr std::size_t kPlanes = scan_planes(Type);
  std::int32_t total = 0;
  for (std::size_t g = 0; g < x.stride / kColumnPad; ++g)
    total += x.group_sums[g];
  for (std::size_t tile = first_tile; tile < first_tile + tiles; ++tile) {
    const std::size_t row = tile * V::kTileRows;
    std::int32_t sums[1][V::kTileRows];
    strip_sums<V, kPlanes, V::kTileRows, 1>(matrix.codes + row * (x.stride / kPlanes), 0, &x.values,
                                            0, x.stride / (kPlanes * V::kStripBytes), sums);
    for (std::size_t r = 0; r < V::kTileRows; ++r)
      out[row + r] = static_cast<float>(sums[0][r] - scan_offset(Type) * total) *
                     matrix.row_scales[row + r] * x.scales[0];
  }
}

} // namespace bitnet::generic
