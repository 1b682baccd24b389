// Known-answer check of a set of kernels on the machine it is about to run on: engines exist that accept an instruction
// and compute it wrongly. Scalar is the answer.
#include "base/checked.h"
#include "kernels/pack.h"

#include <cstring>

namespace bitnet {
namespace {

constexpr std::size_t kRows = 19, kPaddedRows = 64, kMostColumns = 520, kStride = 768, kBatch = 5;

struct Random {
  std::uint64_t state = 0x9e3779b97f4a7c15ULL;
  std::uint32_t next() noexcept { // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return static_cast<std::uint32_t>((state * 0x2545f4914f6cdd1dULL) >> 32);
  }
  float real() noexcept {
    return static_cast<float>(static_cast<std::int32_t>(next())) * 0x1p-28F;
  } // -8..8
};

bool same(const float* a, const float* b, std::size_t count) noexcept {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

struct Quantized {
  std::int8_t values[kBatch * kStride] = {};
  std::int32_t sums[kBatch * kStride / kColumnPad] = {};
  float scales[kBatch] = {};
  Int8Batch batch(std::size_t columns) const noexcept {
    return {.values = values,
            .scales = scales,
            .group_sums = sums,
            .stride = round_up(columns, kColumnPad),
            .count = kBatch};
  }
  void make(const Kernels& k, const float* x, std::size_t columns) noexcept {
    const std::size_t stride = round_up(columns, kColumnPad);
    for (std::size_t n = 0; n < kBatch; ++n)
      k.quantize(x + n * kStride, columns, values + n * stride, sums + n * (stride / kColumnPad),
                 scales + n);
  }
};

struct Ternary {
  std::uint8_t codes[kPaddedRows * kStride / 4] = {};
  float row_scales[kPaddedRows] = {};
  float group_scales[kPaddedRows * kStride / kColumnPad] = {};

  void product(const Kernels& k, TernaryProduct* family, const std::uint8_t* plain,
               std::size_t columns, bool grouped, const Int8Batch& x, float* out) noexcept {
    const std::size_t tiles = round_up(kRows, k.tile_rows) / k.tile_rows;
    const auto tile_bytes = static_cast<std::size_t>(packed_bytes(k, k.tile_rows, columns));
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t row = t * k.tile_rows;
      pack_tile(k, plain + row * columns, columns,
                kRows - row < k.tile_rows ? kRows - row : k.tile_rows, columns,
                codes + t * tile_bytes);
    }
    for (std::size_t r = 0; r < kRows; ++r)
      row_scales[r] = 0.25F + static_cast<float>(r);
    for (std::size_t i = 0; i < kRows * x.stride / kColumnPad; ++i)
      group_scales[i] = 0.5F + static_cast<float>(i % 7);
    const TernaryMatrix matrix{.codes = codes,
                               .row_scales = row_scales,
                               .group_scales = grouped ? group_scales : nullptr,
                               .rows = kRows,
                               .columns = columns};
    family(matrix, x, 0, tiles, out, kPaddedRows);
  }
};

/// All bytes random, but halves that serve as scales finite and small.
void random_blocks(Random& random, DenseType type, std::uint8_t* data, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i)
    data[i] = static_cast<std::uint8_t>(random.next());
  const auto tame = [&](std::size_t first, std::size_t step) {
    for (std::size_t i = first; i + 1 < bytes; i += step)
      data[i + 1] = static_cast<std::uint8_t>((data[i + 1] & 0x83U) | 0x30U);
  };
  switch (type) {
  case DenseType::kF32:
    for (std::size_t i = 0; i + 4 <= bytes; i += 4) {
      const float value = random.real();
      std::memcpy(data + i, &value, 4);
    }
    break;
  case DenseType::kF16:
  case DenseType::kBF16: tame(0, 2); break;
  case DenseType::kQ8_0: tame(0, 34); break;
  case DenseType::kQ4_0: tame(0, 18); break;
  case DenseType::kQ6_K: tame(208, 210); break;
  }
}

struct Case {
  const Kernels& kernels;
  const Kernels& scalar;
  Random random;
  std::size_t agreed = 0;
  std::size_t total = 0;
  bool failed = false;
  float x[kBatch * kStride] = {};

  void note(bool equal) noexcept {
    ++total;
    failed = failed || !equal;
    agreed += failed ? 0 : 1;
  }

  void ternary(std::size_t columns, bool extremes) noexcept {
    for (float& value : x)
      value = extremes ? (random.next() % 2 == 0 ? 3.0F : -3.0F) : random.real();
    Quantized mine, theirs;
    mine.make(kernels, x, columns);
    theirs.make(scalar, x, columns);
    note(std::memcmp(&mine, &theirs, sizeof mine) == 0);
    std::uint8_t plain[kRows * kMostColumns];
    for (auto& code : plain)
      code = extremes ? 3 : random.next() % 4;
    for (const bool grouped : {false, true}) {
      Ternary a, b;
      float out_a[kBatch * kPaddedRows] = {};
      float out_b[kBatch * kPaddedRows] = {};
      b.product(scalar, scalar.ternary, plain, columns, grouped, theirs.batch(columns), out_b);
      for (TernaryProduct* family : {kernels.ternary, kernels.ternary_shared}) {
        a.product(kernels, family, plain, columns, grouped, theirs.batch(columns), out_a);
        bool equal = true;
        for (std::size_t n = 0; n < kBatch; ++n)
          equal = equal && same(out_a + n * kPaddedRows, out_b + n * kPaddedRows, kRows);
        note(equal);
      }
    }
  }

  void scan(ScanType type, std::size_t columns, bool extremes) noexcept {
    const auto of_type = static_cast<std::size_t>(type);
    const std::uint8_t most = type == ScanType::k4 ? 15 : 127;
    for (float& value : x) // with the largest codes, the largest sums there are
      value = extremes ? 3.0F : random.real();
    Quantized input;
    input.make(scalar, x, columns);
    std::uint8_t plain[kRows * kMostColumns];
    for (auto& code : plain)
      code = extremes ? most : static_cast<std::uint8_t>(random.next() & most);
    float row_scales[kPaddedRows] = {};
    for (std::size_t r = 0; r < kRows; ++r)
      row_scales[r] = 0.25F + static_cast<float>(r);
    float out[2][kPaddedRows] = {};
    const Kernels* const sets[] = {&kernels, &scalar};
    for (std::size_t s = 0; s < 2; ++s) {
      const Kernels& k = *sets[s];
      std::uint8_t codes[kPaddedRows * kStride];
      const auto tile_bytes =
          static_cast<std::size_t>(scan_bytes(k, type, k.scan_tile_rows, columns));
      for (std::size_t row = 0; row < kRows; row += k.scan_tile_rows)
        pack_scan_tile(k, type, plain + row * columns, columns,
                       kRows - row < k.scan_tile_rows ? kRows - row : k.scan_tile_rows, columns,
                       codes + row / k.scan_tile_rows * tile_bytes);
      k.scan[of_type]({.codes = codes, .row_scales = row_scales, .rows = kRows, .columns = columns},
                      input.batch(columns), 0, round_up(kRows, k.scan_tile_rows) / k.scan_tile_rows,
                      out[s]);
    }
    note(same(out[0], out[1], kRows));
  }

  void dense() noexcept {
    constexpr std::size_t kColumns = 512, kDenseRows = 3;
    constexpr std::size_t kRowBytes[kDenseTypes] = {2048, 1024, 1024, 544, 288, 420};
    for (std::size_t t = 0; t < kDenseTypes; ++t) {
      alignas(64) std::uint8_t data[kDenseRows * 2048];
      random_blocks(random, static_cast<DenseType>(t), data, kDenseRows * kRowBytes[t]);
      std::int8_t values[2][kBatch * kColumns];
      float scales[2][kBatch * kColumns / 32];
      float out[2][kBatch * kPaddedRows] = {};
      const Kernels* const sets[] = {&kernels, &scalar};
      for (std::size_t s = 0; s < 2; ++s) {
        for (std::size_t n = 0; n < kBatch; ++n)
          sets[s]->quantize_blocks(x + n * kStride, kColumns, values[s] + n * kColumns,
                                   scales[s] + n * kColumns / 32);
        float packed[kBatch * kColumns];
        for (std::size_t n = 0; n < kBatch; ++n)
          std::memcpy(packed + n * kColumns, x + n * kStride, kColumns * sizeof(float));
        const DenseMatrix matrix{
            .data = data, .row_bytes = kRowBytes[t], .rows = kDenseRows, .columns = kColumns};
        const DenseBatch batch{.floats = packed,
                               .values = values[s],
                               .block_scales = scales[s],
                               .stride = kColumns,
                               .count = kBatch};
        sets[s]->dense[t](matrix, batch, 0, kDenseRows, out[s], kPaddedRows);
      }
      note(std::memcmp(values[0], values[1], sizeof values[0]) == 0 &&
           same(out[0], out[1], kBatch * kPaddedRows));
    }
  }

  void floats(std::size_t count) noexcept {
    constexpr std::size_t kKeys = 13, kWidth = 40;
    const Kernels* const sets[] = {&kernels, &scalar};
    float out[2][5][kMostColumns] = {};
    std::uint16_t halves[2][kKeys * kWidth] = {};
    for (std::size_t s = 0; s < 2; ++s) {
      const Kernels& k = *sets[s];
      k.rmsnorm(x, x + kStride, count, 1e-5F, out[s][0]);
      std::memcpy(out[s][1], x, count * sizeof(float));
      k.relu2_mul(out[s][1], x + kStride, count);
      std::memcpy(out[s][2], x, count * sizeof(float));
      k.silu_mul(out[s][2], x + kStride, count);
      k.add(out[s][2], x, count);
      float scores[2][16];
      Attention head{.query = x,
                     .queries = 2,
                     .keys = x + kStride,
                     .values = x + 2 * kStride,
                     .count = kKeys,
                     .stride = kWidth,
                     .scale = 0.3F,
                     .scores = scores[0],
                     .score_stride = 16,
                     .out = out[s][3]};
      k.attend_f32(head);
      k.to_half(x + kStride, kKeys * kWidth, halves[s]);
      head.keys = halves[s];
      head.values = halves[s];
      head.out = out[s][4];
      k.attend_f16(head);
    }
    note(std::memcmp(out[0], out[1], sizeof out[0]) == 0 &&
         std::memcmp(halves[0], halves[1], sizeof halves[0]) == 0);
  }
};

} // namespace

std::size_t check_against_scalar(const Kernels& kernels, std::size_t* total) noexcept {
  Case check{.kernels = kernels, .scalar = *find_kernels("scalar"), .random = {}};
  for (const std::size_t columns :
       {std::size_t{256}, std::size_t{300}, std::size_t{5}, kMostColumns}) {
    check.ternary(columns, true);
    check.ternary(columns, false);
    for (const ScanType type : {ScanType::k4, ScanType::k7}) {
      check.scan(type, columns, true);
      check.scan(type, columns, false);
    }
    check.floats(columns);
  }
  check.dense();
  *total = check.total;
  return check.agreed;
}

} // namespace bitnet
