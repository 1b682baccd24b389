// Every set of kernels of this build against the definition: ternary products and quantisation bit for bit against
// naive code written here, everything else within a tolerance of double arithmetic, and every bit equal to scalar's.
#include "kernels_support.h"

#include "base/half.h"
#include "tensor/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kUntouched = 12345.0F;

const Kernels& scalar() { return *find_kernels("scalar"); }

/// One random ternary product, the numbers that go in and the naive answer. Styles 0 and 1 make sums as large and as
/// small as they get, 2 has no code 3, 3 has extreme values, the others anything.
struct TernaryCase {
  std::size_t rows, columns, count, groups, shift;
  bool grouped;
  std::vector<std::uint8_t> codes; // [rows][columns]
  std::vector<std::int8_t> values; // [count][columns]
  std::vector<float> scales;       // [count]
  std::vector<float> row_scales;   // [rows]
  std::vector<float> group_scales; // [rows][groups]
  std::vector<float> expected;     // [count][rows]

  TernaryCase(Random& random, std::size_t rows_, std::size_t columns_, std::size_t count_,
              std::uint64_t style)
      : rows(rows_), columns(columns_), count(count_),
        groups((columns_ + kColumnPad - 1) / kColumnPad), shift(pick(random, 4)),
        grouped(pick(random, 3) == 0), codes(rows_ * columns_), values(count_ * columns_),
        scales(count_), row_scales(rows_), group_scales(rows_ * groups) {
    for (auto& code : codes)
      code = static_cast<std::uint8_t>(style == 0   ? 3
                                       : style == 1 ? 0
                                                    : pick(random, style == 2 ? 3 : 4));
    for (auto& value : values)
      value = static_cast<std::int8_t>(style < 2    ? 127
                                       : style == 3 ? (pick(random, 2) == 0 ? 127 : -127)
                                                    : static_cast<int>(pick(random, 255)) - 127);
    for (auto* list : {&scales, &row_scales, &group_scales})
      for (float& scale : *list)
        scale = random.uniform();
    naive();
  }

  /// kernels.h's words in plain C++, with sums of 64 bits.
  void naive() {
    for (std::size_t n = 0; n < count; ++n)
      for (std::size_t r = 0; r < rows; ++r) {
        std::vector<std::int64_t> sums(groups);
        std::int64_t total = 0;
        for (std::size_t c = 0; c < columns; ++c) {
          const std::int64_t product =
              std::int64_t{values[n * columns + c]} * (codes[r * columns + c] - 1);
          sums[c / kColumnPad] += product;
          total += product;
        }
        float y = 0.0F;
        for (std::size_t g = 0; g < groups; ++g)
          y += static_cast<float>(sums[g]) * group_scales[r * groups + g];
        if (!grouped)
          y = static_cast<float>(total) * row_scales[r];
        expected.push_back(y * scales[n]);
      }
  }

  /// The product by `k`, its tiles cut into two calls; [count][out_stride].
  bool agrees(const Kernels& k, Random& random) const {
    const std::size_t stride = groups * kColumnPad;
    const std::size_t padded_rows = round_up(rows, k.tile_rows), tiles = padded_rows / k.tile_rows;
    Shifted<std::int8_t> x(count * stride, shift);
    Shifted<std::int32_t> sums(count * groups, shift);
    for (std::size_t n = 0; n < count; ++n)
      for (std::size_t c = 0; c < columns; ++c) {
        x[n * stride + c] = values[n * columns + c];
        sums[n * groups + c / kColumnPad] += values[n * columns + c];
      }
    Shifted<float> x_scales(count, shift), of_rows(padded_rows, shift),
        of_groups(padded_rows * groups, shift);
    std::copy(scales.begin(), scales.end(), x_scales.data());
    std::copy(row_scales.begin(), row_scales.end(), of_rows.data());
    std::copy(group_scales.begin(), group_scales.end(), of_groups.data());
    const auto data = packed(k, codes, rows, columns, shift);
    const TernaryMatrix matrix{.codes = data.data(),
                               .row_scales = grouped ? nullptr : of_rows.data(),
                               .group_scales = grouped ? of_groups.data() : nullptr,
                               .rows = rows,
                               .columns = columns};
    const Int8Batch batch{.values = x.data(),
                          .scales = x_scales.data(),
                          .group_sums = sums.data(),
                          .stride = stride,
                          .count = count};
    const std::size_t out_stride = padded_rows + pick(random, 3);
    const std::size_t cut = pick(random, tiles + 1);
    bool good = true;
    for (TernaryProduct* family : {k.ternary, k.ternary_shared}) {
      Shifted<float> out((count - 1) * out_stride + padded_rows, shift, kUntouched);
      family(matrix, batch, cut, tiles - cut, out.data(), out_stride);
      for (std::size_t n = 0; n < count; ++n)
        for (std::size_t r = 0; r < cut * k.tile_rows; ++r)
          good = good && out[n * out_stride + r] == kUntouched;
      family(matrix, batch, 0, cut, out.data(), out_stride);
      for (std::size_t n = 0; n < count; ++n) {
        for (std::size_t r = 0; r < rows; ++r)
          good = good && out[n * out_stride + r] == expected[n * rows + r];
        for (std::size_t r = rows; r < padded_rows; ++r)
          good = good && out[n * out_stride + r] == 0.0F; // rows that are not there have scale 0
      }
      for (std::size_t n = 0; n + 1 < count; ++n)
        for (std::size_t r = padded_rows; r < out_stride; ++r)
          good = good && out[n * out_stride + r] == kUntouched;
    }
    return good;
  }
};

/// Floats of every size, some of them zero.
void fill(Random& random, float* x, std::size_t count, int spread = 8) {
  for (std::size_t i = 0; i < count; ++i) {
    const int exponent =
        static_cast<int>(pick(random, static_cast<std::size_t>(2 * spread + 1))) - spread;
    x[i] = pick(random, 16) == 0 ? 0.0F : std::ldexp(random.uniform(), exponent);
  }
}

struct QuantizedRow {
  Shifted<std::int8_t> values;
  Shifted<std::int32_t> sums;
  float scale = -1.0F;
  QuantizedRow(const Kernels& k, const Shifted<float>& x, std::size_t shift)
      : values(round_up(x.size(), kColumnPad), shift, std::int8_t{77}),
        sums(round_up(x.size(), kColumnPad) / kColumnPad, shift, 77) {
    k.quantize(x.data(), x.size(), values.data(), sums.data(), &scale);
  }
  bool operator==(const QuantizedRow& other) const {
    return same_bits(values, other.values) && same_bits(sums, other.sums) &&
           std::memcmp(&scale, &other.scale, sizeof scale) == 0;
  }
};

/// values = rne(x * 127 / a), by the C library's rounding (ties to even is the default mode).
int rounded(float x, float factor) {
  const float scaled = x * factor;
  if (std::isnan(scaled))
    return -127;
  return static_cast<int>(std::nearbyint(std::clamp(scaled, -127.0F, 127.0F)));
}

QuantizedRow quantized(const Kernels& k, std::initializer_list<float> numbers) {
  Shifted<float> x(numbers.size(), 1);
  std::copy(numbers.begin(), numbers.end(), x.data());
  return {k, x, 1};
}

double exact_silu(double z) { return z / (1.0 + std::exp(-z)); }

} // namespace

TEST_CASE("ternary products equal naive integer sums", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    Random random(1);
    const std::size_t count = cases(1000, 10'000);
    std::size_t wrong = 0;
    std::string first;
    for (std::size_t i = 0; i < count; ++i) {
      const TernaryCase one(random, 1 + pick(random, 70), 1 + pick(random, 1100),
                            1 + pick(random, 9), pick(random, 8));
      if (!one.agrees(*k, random) && wrong++ == 0)
        first = std::to_string(one.rows) + " x " + std::to_string(one.columns) + ", " +
                std::to_string(one.count) + " vectors, case " + std::to_string(i);
    }
    INFO(k->name << ": first wrong " << first);
    CHECK(wrong == 0);
  }
}

TEST_CASE("scans equal naive integer sums", "[kernels]") {
  for (const Kernels* k : all_kernels())
    for (const ScanType type : {ScanType::k4, ScanType::k7}) {
      INFO(k->name << ", " << int{most_code(type)});
      Random random(3);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < cases(200, 20'000); ++i) {
        // Some as wide as they may be: the largest sums there are.
        const bool widest = i % 50 == 0;
        const std::size_t rows = widest ? 1 : 1 + pick(random, 40);
        const std::size_t columns = widest ? kScanColumns : 1 + pick(random, 1500);
        const std::size_t stride = round_up(columns, kColumnPad), style = i / 50 % 4;
        std::vector<std::uint8_t> codes(rows * columns);
        for (auto& code : codes)
          code = style < 2    ? most_code(type)
                 : style == 2 ? std::uint8_t{0}
                              : static_cast<std::uint8_t>(pick(random, most_code(type) + 1U));
        std::vector<std::int8_t> values(stride);
        std::vector<std::int32_t> sums(stride / kColumnPad);
        for (std::size_t c = 0; c < columns; ++c) {
          values[c] = static_cast<std::int8_t>(
              style == 3 ? static_cast<int>(pick(random, 255)) - 127 : (style == 0 ? 127 : -127));
          sums[c / kColumnPad] += values[c];
        }
        const std::size_t padded = round_up(rows, k->scan_tile_rows);
        std::vector<float> row_scales(padded), out(padded);
        for (std::size_t r = 0; r < rows; ++r)
          row_scales[r] = random.uniform();
        const float scale = random.uniform();
        const auto data = packed_scan(*k, type, codes, rows, columns);
        k->scan[static_cast<std::size_t>(type)]({.codes = data.data(),
                                                 .row_scales = row_scales.data(),
                                                 .rows = rows,
                                                 .columns = columns},
                                                {.values = values.data(),
                                                 .scales = &scale,
                                                 .group_sums = sums.data(),
                                                 .stride = stride,
                                                 .count = 1},
                                                0, padded / k->scan_tile_rows, out.data());
        for (std::size_t r = 0; r < padded; ++r) {
          std::int64_t sum = 0;
          for (std::size_t c = 0; r < rows && c < columns; ++c)
            sum += std::int64_t{values[c]} * (codes[r * columns + c] - scan_offset(type));
          wrong += out[r] == static_cast<float>(sum) * row_scales[r] * scale ? 0 : 1;
        }
      }
      CHECK(wrong == 0);
    }
}

TEST_CASE("ternary products of every small size", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    Random random(2);
    std::size_t wrong = 0;
    for (std::size_t rows = 1; rows <= 9; ++rows)
      for (const std::size_t columns : {1U, 2U, 15U, 16U, 17U, 63U, 64U, 65U, 127U, 128U, 129U,
                                        255U, 256U, 257U, 511U, 512U, 513U})
        wrong +=
            TernaryCase(random, rows, columns, 1 + rows % 5, pick(random, 8)).agrees(*k, random)
                ? 0
                : 1;
    // Long enough that narrow partial sums would overflow if they were not widened in time.
    for (const std::size_t columns : {1100U, 2048U, 5000U, 20'000U})
      for (const std::uint64_t style : {0U, 1U, 3U, 4U})
        wrong += TernaryCase(random, 8, columns, 5, style).agrees(*k, random) ? 0 : 1;
    // Taller than what bodies that keep sums of many rows keep at a time.
    for (const std::uint64_t style : {3U, 4U, 5U})
      wrong += TernaryCase(random, 4200, 300, 2, style).agrees(*k, random) ? 0 : 1;
    INFO(k->name);
    CHECK(wrong == 0);
  }
}

TEST_CASE("activation quantisation: stored vector, ties, floor", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    // formats.md 3.6
    const auto vector = quantized(*k, {.1F, -.2F, .5F, -1.0F, .25F, .75F, -.33F, 0.0F});
    const std::vector<int> expected{13, -25, 64, -127, 32, 95, -42, 0};
    CHECK(std::vector<int>(vector.values.data(), vector.values.data() + 8) == expected);
    CHECK(vector.scale == 1.0F / 127.0F);
    CHECK(vector.sums[0] == 10);
    for (std::size_t i = 8; i < kColumnPad; ++i)
      CHECK(vector.values[i] == 0);

    // A factor of exactly 1: halves go to the even neighbour.
    const auto ties =
        quantized(*k, {127.0F, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F, 126.5F, 63.5F, -126.5F});
    CHECK(std::vector<int>(ties.values.data(), ties.values.data() + 10) ==
          std::vector<int>{127, 0, 2, 2, 0, -2, -2, 126, 64, -126});

    // Nothing is divided by less than 1e-5.
    const auto zeros = quantized(*k, {0.0F, -0.0F, 0.0F});
    CHECK(zeros.scale == 1e-5F / 127.0F);
    CHECK(zeros.values[0] == 0);
    const auto tiny = quantized(*k, {1e-6F, -5e-6F});
    CHECK(tiny.scale == 1e-5F / 127.0F);
    CHECK(tiny.values[0] == 13);
    CHECK(tiny.values[1] == rounded(-5e-6F, 127.0F / 1e-5F));
  }
}

TEST_CASE("activation quantisation equals its definition", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    Random random(3);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < cases(500, 20'000); ++i) {
      const std::size_t shift = pick(random, 4);
      Shifted<float> x(1 + pick(random, 1100), shift);
      fill(random, x.data(), x.size());
      const QuantizedRow row(*k, x, shift);
      float a = 1e-5F;
      for (std::size_t c = 0; c < x.size(); ++c)
        a = std::max(a, std::fabs(x[c]));
      std::vector<std::int32_t> sums(row.sums.size());
      bool good = row.scale == a / 127.0F && row == QuantizedRow(scalar(), x, shift);
      for (std::size_t c = 0; c < row.values.size(); ++c) {
        const int expected = c < x.size() ? rounded(x[c], 127.0F / a) : 0;
        good = good && row.values[c] == expected;
        sums[c / kColumnPad] += expected;
      }
      wrong += good && std::equal(sums.begin(), sums.end(), row.sums.data()) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("activation quantisation of what is no number", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    Random random(4);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 200; ++i) {
      Shifted<float> x(1 + pick(random, 300), pick(random, 4));
      fill(random, x.data(), x.size());
      for (std::size_t n = 0; n < 1 + i % 4; ++n)
        x[pick(random, x.size())] = i % 3 == 0 ? kNan : i % 3 == 1 ? kInfinity : -kInfinity;
      const QuantizedRow row(*k, x, 1);
      bool good = row == QuantizedRow(scalar(), x, 1);
      for (std::size_t c = 0; c < row.values.size(); ++c)
        good = good && row.values[c] >= -127; // -128 would break the 16-bit sums
      wrong += good ? 0 : 1;
    }
    CHECK(wrong == 0);
    const auto nan =
        quantized(*k, {kNan, 1.0F, kNan}); // counts as nothing when the largest is looked for
    CHECK(nan.scale == 1.0F / 127.0F);
    CHECK(nan.values[0] == -127);
    CHECK(nan.values[1] == 127);
  }
}

TEST_CASE("block quantisation equals its definition", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    Random random(5);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < cases(300, 10'000); ++i) {
      const std::size_t shift = pick(random, 4);
      Shifted<float> x(1 + pick(random, 700), shift);
      fill(random, x.data(), x.size(), 20);
      if (i % 5 == 0) // a block of zeros
        std::fill_n(x.data(), std::min<std::size_t>(x.size(), 32), 0.0F);
      const std::size_t padded = round_up(x.size(), kColumnPad);
      Shifted<std::int8_t> values(padded, shift, std::int8_t{77}), theirs(padded, shift);
      Shifted<float> scales(padded / 32, shift, 77.0F), their_scales(padded / 32, shift);
      k->quantize_blocks(x.data(), x.size(), values.data(), scales.data());
      scalar().quantize_blocks(x.data(), x.size(), theirs.data(), their_scales.data());
      bool good = same_bits(values, theirs) && same_bits(scales, their_scales);
      for (std::size_t b = 0; b < padded / 32; ++b) {
        float a = 0.0F;
        for (std::size_t c = 32 * b; c < 32 * b + 32 && c < x.size(); ++c)
          a = std::max(a, std::fabs(x[c]));
        good = good && scales[b] == a / 127.0F;
        for (std::size_t c = 32 * b; c < 32 * b + 32; ++c)
          good = good && values[c] == (c < x.size() && a > 0.0F ? rounded(x[c], 127.0F / a) : 0);
      }
      wrong += good ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("dense products are close to double and equal scalar", "[kernels]") {
  constexpr DType kTypes[kDenseTypes] = {DType::kF32,  DType::kF16,  DType::kBF16,
                                         DType::kQ8_0, DType::kQ4_0, DType::kQ6_K};
  for (const Kernels* k : all_kernels())
    for (std::size_t t = 0; t < kDenseTypes; ++t) {
      const DTypeInfo& info = dtype_info(kTypes[t]);
      INFO(k->name << " " << info.name);
      const bool quantised = info.block_weights > 1;
      Random random(6 + t);
      std::size_t far = 0, different = 0;
      for (std::size_t i = 0; i < cases(60, 3000); ++i) {
        const std::size_t rows = 1 + pick(random, 9), count = 1 + pick(random, 5);
        const std::size_t columns =
            quantised ? info.block_weights * (1 + pick(random, 1024 / info.block_weights))
                      : 1 + pick(random, 600);
        const std::size_t stride = round_up(columns, kColumnPad), shift = pick(random, 4);
        std::vector<float> weights(rows * columns);
        fill(random, weights.data(), weights.size(), 3);
        ByteVector data = encode_floats(kTypes[t], weights);
        // Any nibbles, any six bits, any int8 (-128 too); the scales, where a half stands, stay.
        const std::size_t scale_at = kTypes[t] == DType::kQ6_K ? 208 : 0;
        for (std::size_t b = 0; b < data.size() && quantised && i % 2 == 0; ++b)
          if (b % info.block_bytes / 2 != scale_at / 2)
            data[b] = static_cast<std::uint8_t>(random.next());
        CHECK(decode_floats(kTypes[t], data, 0, weights.size(), 1.0F, weights.data()));

        // Quantised types are handed int8 and read nothing else; float types are not to read beyond the columns.
        Shifted<float> x(count * stride, shift, kNan), block_scales(count * stride / 32, shift);
        Shifted<std::int8_t> values(count * stride, shift);
        std::vector<double> input(count * columns);
        for (std::size_t n = 0; n < count; ++n) {
          fill(random, x.data() + n * stride, columns, 3);
          k->quantize_blocks(x.data() + n * stride, columns, values.data() + n * stride,
                             block_scales.data() + n * stride / 32);
          for (std::size_t c = 0; c < columns; ++c)
            input[n * columns + c] =
                quantised ? values[n * stride + c] *
                                static_cast<double>(block_scales[(n * stride + c) / 32])
                          : static_cast<double>(x[n * stride + c]);
        }
        const DenseMatrix matrix{
            .data = data.data(), .row_bytes = data.size() / rows, .rows = rows, .columns = columns};
        const DenseBatch batch{.floats = quantised ? nullptr : x.data(),
                               .values = quantised ? values.data() : nullptr,
                               .block_scales = quantised ? block_scales.data() : nullptr,
                               .stride = stride,
                               .count = count};
        const std::size_t out_stride = rows + pick(random, 3), first = pick(random, rows);
        const std::size_t some = 1 + pick(random, rows - first);
        Shifted<float> out(count * out_stride, shift, kUntouched),
            theirs(count * out_stride, shift, kUntouched);
        k->dense[t](matrix, batch, first, some, out.data(), out_stride);
        scalar().dense[t](matrix, batch, first, some, theirs.data(), out_stride);
        different += same_bits(out, theirs) ? 0 : 1;
        for (std::size_t n = 0; n < count; ++n)
          for (std::size_t r = 0; r < out_stride; ++r) {
            const float y = out[n * out_stride + r];
            if (r < first || r >= first + some) {
              far += y == kUntouched ? 0 : 1;
              continue;
            }
            double exact = 0.0, size = 0.0;
            for (std::size_t c = 0; c < columns; ++c) {
              const double product =
                  static_cast<double>(weights[r * columns + c]) * input[n * columns + c];
              exact += product;
              size += std::fabs(product);
            }
            far += std::fabs(static_cast<double>(y) - exact) <= 1e-5 * size + 1e-30 ? 0 : 1;
          }
      }
      CHECK(different == 0);
      CHECK(far == 0);
    }
}

TEST_CASE("rmsnorm is close to double and equals scalar", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    Random random(20);
    std::size_t far = 0, different = 0;
    for (std::size_t i = 0; i < cases(300, 10'000); ++i) {
      const std::size_t columns = 1 + pick(random, 700), shift = pick(random, 4);
      const float epsilon = i % 2 == 0 ? 1e-5F : 1e-6F;
      Shifted<float> x(columns, shift), weight(columns, shift), out(columns, shift),
          theirs(columns, shift);
      fill(random, x.data(), columns, 4);
      if (i % 7 == 0)
        std::fill_n(x.data(), columns, 0.0F);
      fill(random, weight.data(), columns, 1);
      double squares = 0.0;
      for (std::size_t c = 0; c < columns; ++c)
        squares += static_cast<double>(x[c]) * static_cast<double>(x[c]);
      const double root =
          std::sqrt(squares / static_cast<double>(columns) + static_cast<double>(epsilon));
      k->rmsnorm(x.data(), weight.data(), columns, epsilon, out.data());
      scalar().rmsnorm(x.data(), weight.data(), columns, epsilon, theirs.data());
      different += same_bits(out, theirs) ? 0 : 1;
      for (std::size_t c = 0; c < columns; ++c) {
        const double exact = static_cast<double>(x[c]) / root * static_cast<double>(weight[c]);
        far += std::fabs(static_cast<double>(out[c]) - exact) <= 2e-6 * std::fabs(exact) + 1e-30
                   ? 0
                   : 1;
      }
      k->rmsnorm(x.data(), weight.data(), columns, epsilon, x.data()); // in place
      different += same_bits(x, out) ? 0 : 1;
    }
    CHECK(different == 0);
    CHECK(far == 0);
  }
}

TEST_CASE("attention is close to double and equals scalar", "[kernels]") {
  for (const Kernels* k : all_kernels())
    for (const bool halves : {false, true}) {
      INFO(k->name << (halves ? " f16" : " f32"));
      Random random(21);
      std::size_t far = 0, different = 0;
      for (std::size_t i = 0; i < cases(200, 5000); ++i) {
        const std::size_t count = i % 5 == 0 ? 1 : 1 + pick(random, 90);
        const std::size_t stride = 8 * (1 + pick(random, 17)), width = stride - pick(random, 8);
        const std::size_t shift = pick(random, 4);
        const float scale = 1.0F / std::sqrt(static_cast<float>(width));
        const float size =
            i % 4 == 0 ? 200.0F : 2.0F; // large scores: one key takes all, nothing overflows
        Shifted<float> query(stride, shift), keys(count * stride, shift),
            values(count * stride, shift);
        for (std::size_t c = 0; c < width; ++c)
          query[c] = size * random.uniform();
        for (std::size_t p = 0; p < count * stride; ++p)
          if (p % stride < width) {
            keys[p] = size * random.uniform();
            values[p] = 3.0F * random.uniform();
          }
        Shifted<std::uint16_t> half_keys(count * stride, shift), half_values(count * stride, shift);
        if (halves) {
          k->to_half(keys.data(), keys.size(), half_keys.data());
          k->to_half(values.data(), values.size(), half_values.data());
          for (std::size_t p = 0; p < count * stride; ++p) {
            keys[p] = half_to_float(half_keys[p]);
            values[p] = half_to_float(half_values[p]);
          }
        }
        Shifted<float> scores(round_up(count, 8), shift), out(stride, shift), theirs(stride, shift);
        Attention head{.query = query.data(),
                       .keys = halves ? static_cast<const void*>(half_keys.data()) : keys.data(),
                       .values =
                           halves ? static_cast<const void*>(half_values.data()) : values.data(),
                       .count = count,
                       .stride = stride,
                       .scale = scale,
                       .scores = scores.data(),
                       .out = out.data()};
        (halves ? k->attend_f16 : k->attend_f32)(head);
        head.out = theirs.data();
        (halves ? scalar().attend_f16 : scalar().attend_f32)(head);
        different += same_bits(out, theirs) ? 0 : 1;

        std::vector<double> weights(count), exact(stride);
        double most = -1e300, sum = 0.0, largest_score = 0.0;
        for (std::size_t p = 0; p < count; ++p) {
          for (std::size_t c = 0; c < stride; ++c)
            weights[p] += static_cast<double>(query[c]) * static_cast<double>(keys[p * stride + c]);
          weights[p] *= static_cast<double>(scale);
          most = std::max(most, weights[p]);
          largest_score = std::max(largest_score, std::fabs(weights[p]));
        }
        for (double& weight : weights)
          sum += weight = std::exp(weight - most);
        for (std::size_t p = 0; p < count; ++p)
          for (std::size_t c = 0; c < stride; ++c)
            exact[c] += weights[p] / sum * static_cast<double>(values[p * stride + c]);
        // A score's own rounding error is what exp multiplies.
        const double tolerance = 3.0 * 4e-6 * (1.0 + largest_score);
        for (std::size_t c = 0; c < stride; ++c)
          far += std::fabs(static_cast<double>(out[c]) - exact[c]) <= tolerance ? 0 : 1;
      }
      CHECK(different == 0);
      CHECK(far == 0);
    }
}

TEST_CASE("a group's heads equal each head alone", "[kernels]") {
  Random random(77);
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    std::size_t different = 0;
    for (const std::size_t count : {1U, 7U, 8U, 33U, 64U, 100U}) {
      for (const std::size_t stride : {8U, 24U, 40U, 64U, 128U, 264U}) {
        constexpr std::size_t kQueries = 7; // four, two and one of them share a load
        const std::size_t scores_stride = round_up(count, 8) + 8;
        std::vector<float> query(kQueries * stride), keys(count * stride), values(count * stride);
        for (auto* part : {&query, &keys, &values})
          for (float& x : *part)
            x = random.uniform();
        std::vector<float> scores(kQueries * scores_stride), together(kQueries * stride),
            alone(stride);
        Attention group{.query = query.data(),
                        .queries = kQueries,
                        .keys = keys.data(),
                        .values = values.data(),
                        .count = count,
                        .stride = stride,
                        .scale = 0.25F,
                        .scores = scores.data(),
                        .score_stride = scores_stride,
                        .out = together.data()};
        k->attend_f32(group);
        group.queries = 1;
        group.out = alone.data();
        for (std::size_t n = 0; n < kQueries; ++n) {
          group.query = query.data() + n * stride;
          k->attend_f32(group);
          different +=
              std::memcmp(alone.data(), together.data() + n * stride, stride * sizeof(float)) == 0
                  ? 0
                  : 1;
        }
      }
    }
    CHECK(different == 0);
  }
}

TEST_CASE("attention to one key gives its value", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    alignas(64) float query[8] = {1e19F, -1e19F}, keys[8] = {1e19F, 3.0F},
                      values[8] = {1.5F, -2.0F, 0.25F};
    float scores[8], out[8];
    for (const float scale : {1.0F, 0.0F, -1.0F}) { // 1e38 is a finite score; so is minus that
      k->attend_f32({.query = query,
                     .keys = keys,
                     .values = values,
                     .count = 1,
                     .stride = 8,
                     .scale = scale,
                     .scores = scores,
                     .out = out});
      CHECK(std::equal(out, out + 8, values));
    }
  }
}

TEST_CASE("gates are close to libm and equal scalar", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    Random random(22);
    std::size_t far = 0, different = 0;
    for (std::size_t i = 0; i < cases(300, 10'000); ++i) {
      const std::size_t count = 1 + pick(random, 300), shift = pick(random, 4);
      Shifted<float> z(count, shift), up(count, shift);
      fill(random, z.data(), count, 6);
      fill(random, up.data(), count, 3);
      z[pick(random, count)] = pick(random, 2) == 0 ? 1000.0F : -1000.0F;
      Shifted<float> relu = z, silu = z, sum = z, their_relu = z, their_silu = z, their_sum = z;
      k->relu2_mul(relu.data(), up.data(), count);
      k->silu_mul(silu.data(), up.data(), count);
      k->add(sum.data(), up.data(), count);
      scalar().relu2_mul(their_relu.data(), up.data(), count);
      scalar().silu_mul(their_silu.data(), up.data(), count);
      scalar().add(their_sum.data(), up.data(), count);
      different +=
          same_bits(relu, their_relu) && same_bits(silu, their_silu) && same_bits(sum, their_sum)
              ? 0
              : 1;
      for (std::size_t c = 0; c < count; ++c) {
        const double gate = exact_silu(static_cast<double>(z[c])) * static_cast<double>(up[c]);
        far += std::fabs(static_cast<double>(silu[c]) - gate) <= 1e-6 * std::fabs(gate) + 1e-30 ? 0
                                                                                                : 1;
        const float positive = std::max(z[c], 0.0F);
        far += relu[c] == positive * positive * up[c] && sum[c] == z[c] + up[c] ? 0 : 1;
      }
    }
    CHECK(different == 0);
    CHECK(far == 0);
  }
}

TEST_CASE("exp inside silu is good to two ulp over its whole range", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    std::vector<float> z, one;
    for (float x = -80.0F; x < 90.0F; x += 0.0317F)
      z.push_back(x);
    one.assign(z.size(), 1.0F);
    std::vector<float> y = z;
    k->silu_mul(y.data(), one.data(), y.size());
    double worst = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i)
      if (z[i] != 0.0F)
        worst = std::max(
            worst,
            std::fabs(static_cast<double>(y[i]) / exact_silu(static_cast<double>(z[i])) - 1.0));
    CHECK(worst < 4e-7); // two ulp of exp, one each of the sum and the division
  }
}

TEST_CASE("halves: rounded, saturated, never infinite", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    const std::vector<float> ends{65504.0F,  65519.9F,   65520.0F, 1e30F,  kInfinity,
                                  -65520.0F, -kInfinity, kNan,     -kNan,  0.0F,
                                  -0.0F,     6e-8F,      2e-8F,    -3e-8F, 1.0F};
    std::vector<std::uint16_t> out(ends.size());
    k->to_half(ends.data(), ends.size(), out.data());
    const std::vector<std::uint16_t> expected{0x7bff, 0x7bff, 0x7bff, 0x7bff, 0x7bff,
                                              0xfbff, 0xfbff, 0xfbff, 0xfbff, 0x0000,
                                              0x8000, 0x0001, 0x0000, 0x8001, 0x3c00};
    CHECK(out == expected);

    Random random(23);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < cases(200, 10'000); ++i) {
      const std::size_t shift = pick(random, 4);
      Shifted<float> x(1 + pick(random, 100), shift);
      for (std::size_t c = 0; c < x.size(); ++c) { // any bits at all
        const auto bits = static_cast<std::uint32_t>(random.next());
        std::memcpy(&x[c], &bits, sizeof bits);
        if (std::isnan(x[c])) // a quiet one: floats.h
          x[c] = kNan;
        if (std::isfinite(x[c]) && i % 2 == 0)
          x[c] = std::ldexp(random.uniform(), static_cast<int>(pick(random, 44)) - 27);
      }
      Shifted<std::uint16_t> halves(x.size(), shift);
      k->to_half(x.data(), x.size(), halves.data());
      for (std::size_t c = 0; c < x.size(); ++c) {
        const float held = std::isnan(x[c]) ? -65504.0F : std::clamp(x[c], -65504.0F, 65504.0F);
        wrong += halves[c] == float_to_half(held) ? 0 : 1;
      }
    }
    CHECK(wrong == 0);
  }
}
