// The tile layout: what goes in comes out, pads weigh nothing, and the bytes stand where kernels.h draws them.
#include "kernels/pack.h"

#include "kernels_support.h"

#include <cmath>

using namespace bitnet;
using namespace bitnet::test;

namespace {

std::vector<std::uint8_t> random_codes(Random& random, std::size_t count) {
  std::vector<std::uint8_t> codes(count);
  for (auto& code : codes)
    code = static_cast<std::uint8_t>(pick(random, 4));
  return codes;
}

} // namespace

TEST_CASE("packed codes come back, and pads are weights of zero", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    Random random(1);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < cases(120, 3000); ++i) {
      const std::size_t rows = 1 + pick(random, 70), columns = 1 + pick(random, 600);
      const auto codes = random_codes(random, rows * columns);
      const auto data = packed(*k, codes, rows, columns, pick(random, 4));
      const std::size_t padded_rows = round_up(rows, k->tile_rows),
                        padded = round_up(columns, kColumnPad);
      wrong += data.size() == padded_rows * padded / 4 ? 0 : 1;
      const TernaryMatrix matrix{.codes = data.data(), .rows = rows, .columns = columns};
      for (std::size_t r = 0; r < padded_rows; ++r)
        for (std::size_t c = 0; c < padded; ++c) {
          const unsigned expected = r < rows && c < columns ? codes[r * columns + c] : 1U;
          wrong += packed_code(*k, matrix, r, c) == expected ? 0 : 1;
        }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("the layout is the one drawn in kernels.h", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    CHECK(kRowPad % k->tile_rows == 0);
    CHECK(kColumnPad % (4 * k->strip_bytes) == 0);
    Random random(2);
    const std::size_t rows = 2 * k->tile_rows, columns = 512, strip = 4 * k->strip_bytes;
    const auto codes = random_codes(random, rows * columns);
    const auto data = packed(*k, codes, rows, columns);
    std::size_t at = 0, wrong = 0; // tile > strip > row > byte, two bits a plane
    for (std::size_t tile = 0; tile < rows; tile += k->tile_rows)
      for (std::size_t s = 0; s < columns; s += strip)
        for (std::size_t r = tile; r < tile + k->tile_rows; ++r)
          for (std::size_t j = 0; j < k->strip_bytes; ++j, ++at)
            for (std::size_t p = 0; p < 4; ++p)
              wrong += (data[at] >> (2 * p) & 3) == codes[r * columns + s + p * k->strip_bytes + j]
                           ? 0
                           : 1;
    CHECK(at == data.size());
    CHECK(wrong == 0);
  }
}

TEST_CASE("the float reference: close to double, the same bits from every packing", "[kernels]") {
  Random random(3);
  for (std::size_t i = 0; i < cases(40, 1000); ++i) {
    const std::size_t rows = 1 + pick(random, 20), columns = 1 + pick(random, 600);
    const std::size_t groups = round_up(columns, kColumnPad) / kColumnPad;
    const auto codes = random_codes(random, rows * columns);
    std::vector<float> x(columns), row_scales(rows), group_scales(rows * groups);
    for (auto* list : {&x, &row_scales, &group_scales})
      for (float& value : *list)
        value = random.uniform();
    for (const bool grouped : {false, true}) {
      std::vector<float> first;
      for (const Kernels* k : all_kernels()) {
        INFO(k->name << (grouped ? ", grouped " : " ") << rows << " x " << columns);
        const auto data = packed(*k, codes, rows, columns);
        const TernaryMatrix matrix{.codes = data.data(),
                                   .row_scales = row_scales.data(),
                                   .group_scales = grouped ? group_scales.data() : nullptr,
                                   .rows = rows,
                                   .columns = columns};
        std::vector<float> out(rows);
        const std::size_t cut = pick(random, rows);
        ternary_reference(*k, matrix, x.data(), cut, rows - cut, out.data());
        ternary_reference(*k, matrix, x.data(), 0, cut, out.data());
        if (first.empty())
          first = out;
        CHECK(out == first);
        bool close = true;
        for (std::size_t r = 0; r < rows; ++r) {
          double exact = 0.0;
          for (std::size_t c = 0; c < columns; ++c)
            exact += static_cast<double>(x[c]) * (codes[r * columns + c] - 1) *
                     static_cast<double>(grouped ? group_scales[r * groups + c / kColumnPad]
                                                 : row_scales[r]);
          close = close && std::fabs(static_cast<double>(out[r]) - exact) < 1e-4;
        }
        CHECK(close);
      }
    }
  }
}

TEST_CASE("the size of the largest matrix within the limits fits, on 32 bits too", "[kernels]") {
  for (const Kernels* k : all_kernels())
    CHECK(packed_bytes(*k, 1U << 18, 1U << 18) == 1ULL << 34);
}

TEST_CASE("scan codes stand where kernels.h says, and pads are 0", "[kernels]") {
  for (const Kernels* k : all_kernels())
    for (const ScanType type : {ScanType::k4, ScanType::k7}) {
      INFO(k->name << ", " << int{most_code(type)});
      Random random(3);
      const std::size_t planes = scan_planes(type), strip = planes * k->scan_strip_bytes;
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < cases(60, 1000); ++i) {
        const std::size_t rows = 1 + pick(random, 40), columns = 1 + pick(random, 600);
        std::vector<std::uint8_t> codes(rows * columns);
        for (auto& code : codes)
          code = static_cast<std::uint8_t>(pick(random, most_code(type) + 1U));
        const auto data = packed_scan(*k, type, codes, rows, columns, pick(random, 4));
        const std::size_t padded_rows = round_up(rows, k->scan_tile_rows),
                          padded = round_up(columns, kColumnPad);
        wrong += data.size() == padded_rows * padded / planes ? 0 : 1;
        std::size_t at = 0;
        for (std::size_t tile = 0; tile < padded_rows; tile += k->scan_tile_rows)
          for (std::size_t s = 0; s < padded; s += strip)
            for (std::size_t r = tile; r < tile + k->scan_tile_rows; ++r)
              for (std::size_t j = 0; j < k->scan_strip_bytes; ++j, ++at)
                for (std::size_t p = 0; p < planes; ++p) {
                  const std::size_t c = s + p * k->scan_strip_bytes + j;
                  const unsigned expected = r < rows && c < columns ? codes[r * columns + c] : 0U;
                  wrong += (data[at] >> (4 * p) & most_code(type)) == expected ? 0 : 1;
                }
      }
      CHECK(wrong == 0);
    }
}
