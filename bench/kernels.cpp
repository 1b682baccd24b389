// How fast each kernel set is, beside two loops of the same engine that bound it: one that only reads and one that only
// multiplies. usage: kernels [--isa NAME] [--only FIGURE] [--mib N] [--rounds N]
// Weights are random and larger than any cache (--mib), rounds of all sets are interleaved, medians are printed: one line of
// JSON per figure.
#include "kernels/kernels.h"
#include "bitnet/memory.hpp"
#include "peak.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace bitnet;

constexpr std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::uint64_t random_state = 0x9e3779b97f4a7c15;
std::uint64_t random_bits() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

template <class T> Buffer<T> need(std::uint64_t count) {
  auto buffer = Buffer<T>::make(count, "bench");
  if (!buffer) {
    std::fprintf(stderr, "kernels: no memory for %llu bytes\n",
                 static_cast<unsigned long long>(count * sizeof(T)));
    std::exit(1);
  }
  return std::move(*buffer);
}

/// One thing to measure: run() does `work` units and reads `bytes` bytes.
struct Figure {
  std::string name, isa, unit;
  double work = 0.0, bytes = 0.0;
  std::function<void()> run;
  std::vector<double> seconds;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

constexpr std::size_t kRows = 6912, kColumns = 2560; // the largest matrix of the 2B-4T shape

/// Enough copies of one matrix that none is in a cache when its turn comes again.
struct Weights {
  Buffer<std::uint8_t> data;
  std::size_t each = 0, copies = 0, next = 0;

  Weights(std::size_t matrix_bytes, std::uint64_t total) : each(matrix_bytes) {
    copies = std::max<std::size_t>(1, static_cast<std::size_t>(total / matrix_bytes));
    data = need<std::uint8_t>(std::uint64_t{each} * copies);
  }
  const std::uint8_t* take() {
    next = (next + 1) % copies;
    return data.data() + next * each;
  }
};

struct Activations {
  Buffer<std::int8_t> values;
  Buffer<float> scales, floats, block_scales;
  Buffer<std::int32_t> sums;
  std::size_t stride;

  Activations(const Kernels& k, std::size_t count, std::size_t columns)
      : values(need<std::int8_t>(count * round_up(columns, kColumnPad))),
        scales(need<float>(count)), floats(need<float>(count * round_up(columns, kColumnPad))),
        block_scales(need<float>(count * round_up(columns, kColumnPad) / 32)),
        sums(need<std::int32_t>(count * round_up(columns, kColumnPad) / kColumnPad)),
        stride(round_up(columns, kColumnPad)) {
    for (float& x : floats)
      x = static_cast<float>(static_cast<std::int32_t>(random_bits())) * 0x1p-31F;
    for (std::size_t n = 0; n < count; ++n)
      k.quantize(floats.data() + n * stride, columns, values.data() + n * stride,
                 sums.data() + n * (stride / kColumnPad), scales.data() + n);
    for (float& x : block_scales)
      x = 0.01F;
  }
  Int8Batch int8(std::size_t count) const {
    return {.values = values.data(),
            .scales = scales.data(),
            .group_sums = sums.data(),
            .stride = stride,
            .count = count};
  }
  DenseBatch dense(std::size_t count) const {
    return {.floats = floats.data(),
            .values = values.data(),
            .block_scales = block_scales.data(),
            .stride = stride,
            .count = count};
  }
};

} // namespace

int main(int argc, char** argv) {
  std::string only_isa;
  std::string only;
  std::uint64_t mib = 256;
  int rounds = 15;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--isa")
      only_isa = argv[i + 1];
    else if (name == "--only")
      only = argv[i + 1];
    else if (name == "--mib")
      mib = std::strtoull(argv[i + 1], nullptr, 10);
    else if (name == "--rounds")
      rounds = std::atoi(argv[i + 1]);
    else
      return std::fprintf(stderr, "kernels: unknown option %s\n", argv[i]), 2;
  }
  if (mib < 1 || mib > 65536 || rounds < 1 || rounds > 10000)
    return std::fputs("kernels: --mib 1 to 65536, --rounds 1 to 10000\n", stderr), 2;

  constexpr std::size_t kBatch = 64;
  std::vector<Figure> figures;
  Buffer<float> out = need<float>(kBatch * round_up(kRows, kRowPad));
  Buffer<float> row_scales = need<float>(round_up(kRows, kRowPad));
  std::fill(row_scales.begin(), row_scales.end(), 0.02F);
  Buffer<float> group_scales = need<float>(round_up(kRows, kRowPad) * (kColumns / kColumnPad));
  std::fill(group_scales.begin(), group_scales.end(), 0.02F);

  // One store of random bytes serves every set: any byte is four codes, every int8 a quantised weight. Codes are 0..2.
  Weights ternary(std::uint64_t{round_up(kRows, kRowPad)} * (kColumns / 4), mib << 20);
  for (std::uint8_t& byte : ternary.data) {
    const std::uint64_t bits = random_bits();
    byte = static_cast<std::uint8_t>(bits % 3 | (bits >> 8) % 3 << 2 | (bits >> 16) % 3 << 4 |
                                     (bits >> 24) % 3 << 6);
  }
  // Halves between 2^-7 and 2, of either sign: ordinary numbers for the float kernels and for the scales of blocks.
  constexpr std::size_t kDenseRows = 4096;
  const auto dense_row_bytes = [](DenseType type) -> std::size_t {
    switch (type) {
    case DenseType::kF32: return kColumns * 4;
    case DenseType::kF16:
    case DenseType::kBF16: return kColumns * 2;
    case DenseType::kQ8_0: return kColumns / 32 * 34;
    case DenseType::kQ4_0: return kColumns / 32 * 18;
    case DenseType::kQ6_K: return kColumns / 256 * 210;
    }
    return 0;
  };
  Weights dense(std::uint64_t{kDenseRows} * kColumns * 4, mib << 20);
  for (std::size_t i = 0; i < dense.data.size(); ++i)
    dense.data[i] = static_cast<std::uint8_t>((random_bits() & (i % 2 == 0 ? 0xff : 0x9b)) |
                                              (i % 2 == 0 ? 0 : 0x20));
  // Seven bits of any byte are a code of a scan, and so are its nibbles.
  Weights scanned(std::uint64_t{kDenseRows} * kColumns, mib << 20);
  for (std::uint8_t& byte : scanned.data)
    byte = static_cast<std::uint8_t>(random_bits() & 127);
  constexpr std::size_t kHead = 128, kContext = 4096;
  constexpr std::size_t kQueries = 4;
  Buffer<float> scores = need<float>(kQueries * kContext);
  Buffer<float> attended = need<float>(kQueries * kHead);

  const auto wanted = [&](const std::string& name) { return only.empty() || name == only; };
  const auto add = [&](std::string name, std::string_view isa, const char* unit, double work,
                       double bytes, std::function<void()> run) {
    if (wanted(name))
      figures.push_back({std::move(name), std::string(isa), unit, work, bytes, std::move(run), {}});
  };

  // The better of the two ways to read is the limit, so they take turns.
  add("read", "", "GB/s", 64.0e6, 64.0e6, [&, at = std::size_t{0}, ahead = false]() mutable {
    constexpr std::size_t kPiece = 64'000'000;
    if (at + kPiece > ternary.data.size())
      at = 0;
    peak::read(ternary.data.data() + at, std::min(kPiece, ternary.data.size()), ahead);
    at += kPiece;
    ahead = !ahead;
  });
  std::vector<Activations> inputs;
  inputs.reserve(all_kernels().size());
  for (const Kernels* k : all_kernels()) {
    if ((!only_isa.empty() && k->name != only_isa) || (only_isa.empty() && k->name == "scalar"))
      continue;
    inputs.emplace_back(*k, kBatch, kColumns);
    const Activations& x = inputs.back();
    const double cells = static_cast<double>(kRows) * kColumns;
    if (const double macs = peak::dot_macs(k->name); macs > 0.0)
      add("dot", k->name, "GMAC/s", macs, 0.0, [k] { peak::dot(k->name); });
    const auto matrix = [&](bool grouped) {
      return TernaryMatrix{.codes = ternary.take(),
                           .row_scales = row_scales.data(),
                           .group_scales = grouped ? group_scales.data() : nullptr,
                           .rows = kRows,
                           .columns = kColumns};
    };
    const std::size_t tiles = kRows / k->tile_rows;
    const auto run_product = [&out, &x, k, tiles](const TernaryMatrix& m, std::size_t count) {
      (count < k->shared_from ? k->ternary : k->ternary_shared)(
          m, x.int8(count), 0, tiles, out.data(), round_up(kRows, kRowPad));
    };
    add("ternary_gemv", k->name, "GMAC/s", cells, cells / 4,
        [matrix, run_product] { run_product(matrix(false), 1); });
    add("ternary_gemv_groups", k->name, "GMAC/s", cells, cells / 4,
        [matrix, run_product] { run_product(matrix(true), 1); });
    add("ternary_gemm", k->name, "GMAC/s", cells * kBatch, cells / 4,
        [matrix, run_product] { run_product(matrix(false), kBatch); });
    add("ternary_gemm_groups", k->name, "GMAC/s", cells * kBatch, cells / 4,
        [matrix, run_product] { run_product(matrix(true), kBatch); });
    for (const ScanType type : {ScanType::k4, ScanType::k7})
      add(type == ScanType::k4 ? "scan4_gemv" : "scan8_gemv", k->name, "GMAC/s",
          static_cast<double>(kDenseRows) * kColumns,
          static_cast<double>(kDenseRows * kColumns / scan_planes(type)), [&, k, type] {
            k->scan[static_cast<std::size_t>(type)]({.codes = scanned.take(),
                                                     .row_scales = row_scales.data(),
                                                     .rows = kDenseRows,
                                                     .columns = kColumns},
                                                    x.int8(1), 0, kDenseRows / k->scan_tile_rows,
                                                    out.data());
          });
    constexpr const char* kDenseNames[] = {"dense_f32",  "dense_f16",  "dense_bf16",
                                           "dense_q8_0", "dense_q4_0", "dense_q6_k"};
    for (std::size_t t = 0; t < kDenseTypes; ++t) {
      const std::size_t row_bytes = dense_row_bytes(static_cast<DenseType>(t));
      add(kDenseNames[t], k->name, "GMAC/s", static_cast<double>(kDenseRows) * kColumns,
          static_cast<double>(kDenseRows * row_bytes), [&, k, t, row_bytes] {
            const DenseMatrix m{.data = dense.take(),
                                .row_bytes = row_bytes,
                                .rows = kDenseRows,
                                .columns = kColumns};
            k->dense[t](m, x.dense(1), 0, kDenseRows, out.data(), round_up(kRows, kRowPad));
          });
    }
    // One query a head of keys and values, and four that share one, as in 2B-4T.
    for (const std::size_t queries : {std::size_t{1}, kQueries})
      for (const bool half : {false, true}) {
        const std::size_t bytes = kHead * kContext * (half ? 2U : 4U);
        add(std::string(half ? "attend_f16" : "attend_f32") + (queries == 1 ? "" : "_4_queries"),
            k->name, "GMAC/s", 2.0 * kHead * kContext * static_cast<double>(queries),
            static_cast<double>(2 * bytes),
            [&, k, half, queries, bytes, at = std::size_t{0}]() mutable {
              at = at + 4 * bytes > dense.data.size() ? 0 : at + 2 * bytes;
              (half ? k->attend_f16 : k->attend_f32)({.query = x.floats.data(),
                                                      .queries = queries,
                                                      .keys = dense.data.data() + at,
                                                      .values = dense.data.data() + at + bytes,
                                                      .count = kContext,
                                                      .stride = kHead,
                                                      .scale = 0.1F,
                                                      .scores = scores.data(),
                                                      .score_stride = kContext,
                                                      .out = attended.data()});
            });
      }
  }

  for (int round = -1; round < rounds; ++round)
    for (Figure& figure : figures) {
      const double start = now();
      figure.run();
      if (round >= 0) // the first is warm-up: engines compile, pages come
        figure.seconds.push_back(now() - start);
    }
  for (const Figure& figure : figures) {
    const double seconds = median(figure.seconds);
    std::printf(
        "{\"figure\":\"%s\",\"isa\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",\"gb_per_s\":%.2f,"
        "\"best\":%.2f}\n",
        figure.name.c_str(), figure.isa.c_str(), figure.work / seconds * 1e-9, figure.unit.c_str(),
        figure.bytes / seconds * 1e-9,
        figure.work / *std::min_element(figure.seconds.begin(), figure.seconds.end()) * 1e-9);
  }
  return 0;
}
