// Ternary matrix products by lookup, for instruction sets that have no product of bytes but pick bytes from a table: two
// neighbouring codes are a number of four bits, so a pair of activations has 16 possible sums. They are tabulated once
// and serve every row of a call; a tile's rows stand in the bytes of a vector (strip_bytes is 1), so that one look serves
// 16 of them.
//
// A sum x0 * (c0 - 1) + x1 * (c1 - 1) lies in -508..508 and is kept as two digits, sum = low + 32 * (high - 16), both
// 0..31, in a table each. Eight looks fit a byte; then even and odd rows go on in 16 bits.
//
// V gives: kTileRows (a multiple of 16), kStripBytes = 1, and over Bytes, a vector of 16: load_bytes, zero_bytes, look
// (table, indices 0..15), low_nibbles, high_nibbles, add_bytes, add_words, high_bytes (of each 16-bit word, as a word),
// store_tables (two activations; the low digits' table, then the high digits') and add_digits<bias> (what look_up_group
// has at the end to 16 sums).
#pragma once

#include "kernels/kernels.h"

namespace bitnet::generic {

/// Groups whose tables, 32 KiB, are there at once: rows of up to 2048 columns are read in one go.
inline constexpr std::size_t kLutGroups = 8;
inline constexpr std::size_t kLutRows = 2048;
inline constexpr std::size_t kGroupTables = kColumnPad / 2 * 32;

/// sums[r] += sum over one group of columns of x * (code - 1), for the rows of a tile.
template <class V>
inline void look_up_group(const std::uint8_t* codes, const std::uint8_t* tables,
                          std::int32_t* sums) {
  using Bytes = typename V::Bytes;
  constexpr std::size_t kVectors = V::kTileRows / 16;
  // Sums of words and, of those, what their high bytes add up to: the rest is the even rows'.
  Bytes low_words[kVectors], low_odd[kVectors], high_words[kVectors], high_odd[kVectors];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kVectors; ++v)
    low_words[v] = low_odd[v] = high_words[v] = high_odd[v] = V::zero_bytes();
  for (std::size_t column = 0; column < kColumnPad; column += 16) {
    Bytes low[kVectors], high[kVectors];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v)
      low[v] = high[v] = V::zero_bytes();
    // Not unrolled: V8 would keep tables of several strips at once and spill them.
#pragma GCC unroll 1
    for (int strip = 0; strip < 4; ++strip, codes += V::kTileRows, tables += 64) {
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Bytes c = V::load_bytes(codes + 16 * v);
        const Bytes first = V::low_nibbles(c);
        const Bytes second = V::high_nibbles(c);
        low[v] = V::add_bytes(low[v], V::look(V::load_bytes(tables), first));
        high[v] = V::add_bytes(high[v], V::look(V::load_bytes(tables + 16), first));
        low[v] = V::add_bytes(low[v], V::look(V::load_bytes(tables + 32), second));
        high[v] = V::add_bytes(high[v], V::look(V::load_bytes(tables + 48), second));
      }
    }
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      low_words[v] = V::add_words(low_words[v], low[v]);
      low_odd[v] = V::add_words(low_odd[v], V::high_bytes(low[v]));
      high_words[v] = V::add_words(high_words[v], high[v]);
      high_odd[v] = V::add_words(high_odd[v], V::high_bytes(high[v]));
    }
  }
  constexpr std::int32_t kBias = 16 * 32 * (kColumnPad / 2);
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kVectors; ++v)
    V::template add_digits<kBias>(low_words[v], low_odd[v], high_words[v], high_odd[v],
                                  sums + 16 * v);
}

/// One vector of activations against the rows of `tiles` tiles, at most kLutRows.
template <class V>
inline void look_up_tiles(const TernaryMatrix& matrix, std::size_t stride, const std::int8_t* x,
                          float scale, std::size_t first_tile, std::size_t tiles, float* out) {
  constexpr std::size_t kRows = V::kTileRows;
  const std::size_t groups = stride / kColumnPad;
  alignas(16) std::uint8_t tables[kLutGroups * kGroupTables];
  std::int32_t sums[kLutRows] = {};
  float y[kLutRows] = {};
  for (std::size_t from = 0; from < groups; from += kLutGroups) {
    const std::size_t to = groups - from < kLutGroups ? groups : from + kLutGroups;
    for (std::size_t i = 0; i < (to - from) * kColumnPad; i += 2)
      V::store_tables(x[from * kColumnPad + i], x[from * kColumnPad + i + 1], tables + 16 * i);
    for (std::size_t tile = 0; tile < tiles; ++tile) {
      const std::size_t row = (first_tile + tile) * kRows;
      const std::uint8_t* codes = matrix.codes + row * (stride / 4);
      std::int32_t* tile_sums = sums + tile * kRows;
      for (std::size_t g = from; g < to; ++g) {
        look_up_group<V>(codes + g * kRows * (kColumnPad / 4), tables + (g - from) * kGroupTables,
                         tile_sums);
        if (matrix.group_scales == nullptr)
          continue;
        for (std::size_t r = 0; r < kRows; ++r) {
          y[tile * kRows + r] +=
              static_cast<float>(tile_sums[r]) * matrix.group_scales[(row + r) * groups + g];
          tile_sums[r] = 0;
        }
      }
    }
  }
  const std::size_t first = first_tile * kRows;
  for (std::size_t r = 0; r < tiles * kRows; ++r)
    out[first + r] = matrix.group_scales == nullptr
                         ? static_cast<float>(sums[r]) * matrix.row_scales[first + r] * scale
                         : y[r] * scale;
}

template <class V>
void ternary_lut(const TernaryMatrix& matrix, const Int8Batch& x, std::size_t first_tile,
                 std::size_t tiles, float* out, std::size_t out_stride) {
  static_assert(V::kStripBytes == 1 && V::kTileRows % 16 == 0 && kLutRows % V::kTileRows == 0);
  constexpr std::size_t kTiles = kLutRows / V::kTileRows;
  for (std::size_t done = 0; done < tiles; done += kTiles)
    for (std::size_t n = 0; n < x.count; ++n)
      look_up_tiles<V>(matrix, x.stride, x.values + n * x.stride, x.scales[n], first_tile + done,
                       tiles - done < kTiles ? tiles - done : kTiles, out + n * out_stride);
}

} // namespace bitnet::generic
