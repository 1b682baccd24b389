// Ternary matrix products over a policy V: y = (sum x * code - sum x) * scale. One body serves decode (one column,
// every row of a tile at once) and prefill (kGemmColumns columns share each unpacked weight); a second one for prefill
// unpacks a tile's codes to bytes once for up to kShared columns.
//
// V gives: kTileRows, kStripBytes, kGemmRows, kGemmColumns; types U8, I8, Part, PartLane, Acc; load_codes,
// store_codes, plane<p>, nibble<p>, load_i8, part_zero, acc_zero, mac, widen, and sum4 (the lanes of four Acc added up,
// each to its place). A Part's lanes may be narrower than int32: it is widened before they can overflow. If V has kAhead,
// one column asks memory for what lies that many bytes ahead.
#pragma once

#include "kernels/kernels.h"

#include <bit>
#include <limits>
#include <utility>

namespace bitnet::generic {

/// A byte of codes holds four planes of 2 bits, two of 4, or one of 7; plane P of them.
template <class V, std::size_t Planes, std::size_t P>
inline typename V::U8 codes_of(typename V::U8 bytes) {
  if constexpr (Planes == 4)
    return V::template plane<P>(bytes);
  else if constexpr (Planes == 2)
    return V::template nibble<P>(bytes);
  else
    return bytes;
}

/// Strips that a Part takes before it must be widened: each adds Planes times the products that share a lane.
template <class V, std::size_t Planes> consteval std::size_t part_strips() {
  constexpr std::uint64_t kMostCode = Planes == 4 ? 3 : Planes == 2 ? 15 : 127;
  constexpr std::size_t kPartBytes = sizeof(typename V::Part);
  constexpr std::size_t kLanes = kPartBytes / sizeof(typename V::PartLane);
  constexpr std::uint64_t kStrip = Planes * (V::kStripBytes / kLanes) * 127 * kMostCode;
  constexpr std::uint64_t kStrips = std::numeric_limits<typename V::PartLane>::max() / kStrip;
  static_assert(kStrips >= 1);
  return std::bit_floor(kStrips);
}

/// sums[n][r] = sum over `strips` strips from `begin` of x[n] * codes, for Rows rows from `row` of one tile.
///
/// The small loops are unrolled by order: the sums must live in registers, which compilers for WebAssembly do not give
/// to an array that a loop indexes. One column walks row by row (all planes of one load); several columns walk plane by
/// plane (one unpacked plane serves all of them).
template <class V, std::size_t Planes, std::size_t Rows, std::size_t Columns>
inline void strip_sums(const std::uint8_t* tile, std::size_t row, const std::int8_t* const* x,
                       std::size_t begin, std::size_t strips, std::int32_t (*sums)[Rows]) {
  constexpr std::size_t kBytes = V::kStripBytes, kPartStrips = part_strips<V, Planes>();
  typename V::Acc acc[Rows * Columns];
#pragma GCC unroll 64
  for (std::size_t i = 0; i < Rows * Columns; ++i)
    acc[i] = V::acc_zero();

  for (std::size_t done = 0; done < strips;) {
    const std::size_t to = strips - done < kPartStrips ? strips : done + kPartStrips;
    typename V::Part part[Rows * Columns];
#pragma GCC unroll 64
    for (std::size_t i = 0; i < Rows * Columns; ++i)
      part[i] = V::part_zero();

#pragma GCC unroll 1
    for (; done < to; ++done) {
      const std::uint8_t* strip = tile + ((begin + done) * V::kTileRows + row) * kBytes;
      const std::size_t column = (begin + done) * Planes * kBytes;
      if constexpr (Columns == 1) {
        const auto rows = [&]<std::size_t... P>(std::index_sequence<P...>) {
          const typename V::I8 a[] = {V::load_i8(x[0] + column + P * kBytes)...};
#pragma GCC unroll 64
          for (std::size_t r = 0; r < Rows; ++r) {
            if constexpr (requires { V::kAhead; })
              __builtin_prefetch(strip + r * kBytes + V::kAhead);
            const typename V::U8 w = V::load_codes(strip + r * kBytes);
            ((part[r] = V::mac(part[r], a[P], codes_of<V, Planes, P>(w))), ...);
          }
        };
        rows(std::make_index_sequence<Planes>{});
      } else {
        static_assert(Planes == 4);
        const auto plane = [&]<int P>() {
          typename V::U8 codes[Rows];
#pragma GCC unroll 64
          for (std::size_t r = 0; r < Rows; ++r)
            codes[r] = V::template plane<P>(V::load_codes(strip + r * kBytes));
#pragma GCC unroll 64
          for (std::size_t n = 0; n < Columns; ++n) {
            const typename V::I8 a = V::load_i8(x[n] + column + P * kBytes);
#pragma GCC unroll 64
            for (std::size_t r = 0; r < Rows; ++r)
              part[n * Rows + r] = V::mac(part[n * Rows + r], a, codes[r]);
          }
        };
        plane.template operator()<0>();
        plane.template operator()<1>();
        plane.template operator()<2>();
        plane.template operator()<3>();
      }
    }
#pragma GCC unroll 64
    for (std::size_t i = 0; i < Rows * Columns; ++i)
      acc[i] = V::widen(acc[i], part[i]);
  }
  static_assert(Rows * Columns % 4 == 0);
#pragma GCC unroll 64
  for (std::size_t i = 0; i < Rows * Columns; i += 4)
    V::sum4(acc + i, &sums[0][0] + i);
}

/// One tile against Columns columns from `column`.
template <class V, std::size_t Rows, std::size_t Columns>
inline void ternary_tile(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t tile,
                         std::size_t column, float* out, std::size_t out_stride) {
  const std::size_t groups = x.stride / kColumnPad;
  constexpr std::size_t kGroupStrips = kColumnPad / (4 * V::kStripBytes);
  const std::uint8_t* codes = matrix.codes + tile * V::kTileRows * (x.stride / 4);
  const std::int8_t* values[Columns];
  for (std::size_t n = 0; n < Columns; ++n)
    values[n] = x.values + (column + n) * x.stride;

  for (std::size_t r0 = 0; r0 < V::kTileRows; r0 += Rows) {
    const std::size_t row = tile * V::kTileRows + r0;
    std::int32_t sums[Columns][Rows];
    if (matrix.group_scales == nullptr) {
      std::int32_t total[Columns] = {};
      for (std::size_t n = 0; n < Columns; ++n)
        for (std::size_t g = 0; g < groups; ++g)
          total[n] += x.group_sums[(column + n) * groups + g];
      strip_sums<V, 4, Rows, Columns>(codes, r0, values, 0, groups * kGroupStrips, sums);
      for (std::size_t n = 0; n < Columns; ++n)
        for (std::size_t r = 0; r < Rows; ++r)
          out[(column + n) * out_stride + row + r] = static_cast<float>(sums[n][r] - total[n]) *
                                                     matrix.row_scales[row + r] *
                                                     x.scales[column + n];
      continue;
    }
    float y[Columns][Rows] = {};
    for (std::size_t g = 0; g < groups; ++g) {
      strip_sums<V, 4, Rows, Columns>(codes, r0, values, g * kGroupStrips, kGroupStrips, sums);
      for (std::size_t n = 0; n < Columns; ++n)
        for (std::size_t r = 0; r < Rows; ++r)
          y[n][r] += static_cast<float>(sums[n][r] - x.group_sums[(column + n) * groups + g]) *
                     matrix.group_scales[(row + r) * groups + g];
    }
    for (std::size_t n = 0; n < Columns; ++n)
      for (std::size_t r = 0; r < Rows; ++r)
        out[(column + n) * out_stride + row + r] = y[n][r] * x.scales[column + n];
  }
}

/// Columns of weights unpacked at a time: with eight rows 16 KiB, half of a first-level cache.
inline constexpr std::size_t kUnpacked = 2048;
/// Vectors that share one unpacking: a multiple of every kGemmColumns.
inline constexpr std::size_t kShared = 64;
/// sums[n * kTileRows + r] += sum over `vectors` vectors of unpacked codes, [vector][kTileRows][kStripBytes], times x[n].
template <class V, std::size_t Rows, std::size_t Columns>
inline void unpacked_sums(const std::uint8_t* codes, const std::int8_t* const* x,
                          std::size_t vectors, std::int32_t* sums) {
  constexpr std::size_t kBytes = V::kStripBytes, kPart = 4 * part_strips<V, 4>();
  typename V::Acc acc[Rows * Columns];
#pragma GCC unroll 64
  for (std::size_t i = 0; i < Rows * Columns; ++i)
    acc[i] = V::acc_zero();
  for (std::size_t from = 0; from < vectors;) {
    const std::size_t to = vectors - from < kPart ? vectors : from + kPart;
    typename V::Part part[Rows * Columns];
#pragma GCC unroll 64
    for (std::size_t i = 0; i < Rows * Columns; ++i)
      part[i] = V::part_zero();
    for (; from < to; ++from) {
      typename V::U8 w[Rows];
#pragma GCC unroll 64
      for (std::size_t r = 0; r < Rows; ++r)
        w[r] = V::load_codes(codes + (from * V::kTileRows + r) * kBytes);
#pragma GCC unroll 64
      for (std::size_t n = 0; n < Columns; ++n) {
        const typename V::I8 a = V::load_i8(x[n] + from * kBytes);
#pragma GCC unroll 64
        for (std::size_t r = 0; r < Rows; ++r)
          part[n * Rows + r] = V::mac(part[n * Rows + r], a, w[r]);
      }
    }
#pragma GCC unroll 64
    for (std::size_t i = 0; i < Rows * Columns; ++i)
      acc[i] = V::widen(acc[i], part[i]);
  }
  std::int32_t folded[Columns][Rows];
#pragma GCC unroll 64
  for (std::size_t i = 0; i < Rows * Columns; i += 4)
    V::sum4(acc + i, &folded[0][0] + i);
  for (std::size_t n = 0; n < Columns; ++n)
    for (std::size_t r = 0; r < Rows; ++r)
      sums[n * V::kTileRows + r] += folded[n][r];
}

/// One tile with scales per row against `count` columns from `column`, at most kShared and a multiple of kGemmColumns:
/// its codes are unpacked once for all of them.
template <class V>
inline void shared_tile(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t tile,
                        std::size_t column, std::size_t count, float* out, std::size_t out_stride) {
  constexpr std::size_t kBytes = V::kStripBytes, kRows = V::kTileRows;
  const std::size_t groups = x.stride / kColumnPad;
  const std::uint8_t* packed = matrix.codes + tile * kRows * (x.stride / 4);
  alignas(64) std::uint8_t codes[kRows * kUnpacked];
  std::int32_t sums[kShared * kRows] = {};
  for (std::size_t from = 0; from < x.stride; from += kUnpacked) {
    const std::size_t width = x.stride - from < kUnpacked ? x.stride - from : kUnpacked;
    const std::size_t strips = width / (4 * kBytes);
    std::uint8_t* to = codes;
    for (std::size_t strip = 0; strip < strips;
         ++strip, packed += kRows * kBytes, to += 4 * kRows * kBytes)
      for (std::size_t r = 0; r < kRows; ++r) {
        const typename V::U8 w = V::load_codes(packed + r * kBytes);
        V::store_codes(to + r * kBytes, V::template plane<0>(w));
        V::store_codes(to + (kRows + r) * kBytes, V::template plane<1>(w));
        V::store_codes(to + (2 * kRows + r) * kBytes, V::template plane<2>(w));
        V::store_codes(to + (3 * kRows + r) * kBytes, V::template plane<3>(w));
      }
    for (std::size_t n = 0; n < count; n += V::kGemmColumns) {
      const std::int8_t* values[V::kGemmColumns];
      for (std::size_t i = 0; i < V::kGemmColumns; ++i)
        values[i] = x.values + (column + n + i) * x.stride + from;
      for (std::size_t r = 0; r < kRows; r += V::kGemmRows)
        unpacked_sums<V, V::kGemmRows, V::kGemmColumns>(codes + r * kBytes, values, 4 * strips,
                                                        sums + n * kRows + r);
    }
  }
  for (std::size_t n = 0; n < count; ++n) {
    std::int32_t total = 0;
    for (std::size_t g = 0; g < groups; ++g)
      total += x.group_sums[(column + n) * groups + g];
    for (std::size_t r = 0; r < kRows; ++r)
      out[(column + n) * out_stride + tile * kRows + r] =
          static_cast<float>(sums[n * kRows + r] - total) * matrix.row_scales[tile * kRows + r] *
          x.scales[column + n];
  }
}

/// The vectors from `column` on, each kGemmColumns with an unpacking of its own.
template <class V>
inline void tile_columns(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t tile,
                         std::size_t column, float* out, std::size_t out_stride) {
  for (; column + V::kGemmColumns <= x.count; column += V::kGemmColumns)
    ternary_tile<V, V::kGemmRows, V::kGemmColumns>(matrix, x, tile, column, out, out_stride);
  for (; column < x.count; ++column)
    ternary_tile<V, V::kTileRows, 1>(matrix, x, tile, column, out, out_stride);
}

template <class V>
void ternary(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t first_tile,
             std::size_t tiles, float* out, std::size_t out_stride) {
  static_assert(V::kTileRows % V::kGemmRows == 0);
  for (std::size_t tile = first_tile; tile < first_tile + tiles; ++tile)
    tile_columns<V>(matrix, x, tile, 0, out, out_stride);
}

/// Matrices with scales per group have no such body: their sums are needed group by group.
template <class V>
void ternary_shared(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t first_tile,
                    std::size_t tiles, float* out, std::size_t out_stride) {
  for (std::size_t tile = first_tile; tile < first_tile + tiles; ++tile) {
    std::size_t column = 0;
    while (matrix.group_scales == nullptr && column + V::kGemmColumns <= x.count) {
      const std::size_t rest = (x.count - column) / V::kGemmColumns * V::kGemmColumns;
      const std::size_t count = rest < kShared ? rest : kShared;
      shared_tile<V>(matrix, x, tile, column, count, out, out_stride);
      column += count;
    }
    tile_columns<V>(matrix, x, tile, column, out, out_stride);
  }
}

} // namespace bitnet::generic
