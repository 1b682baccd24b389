// From how many vectors on is the one family of ternary products faster than the other? usage: tune [--rounds N]
// Prints, for every set of this build that this machine runs, a row of core/kernels/tuned.def. Codes and activations are
// random; both families take turns; shapes are those of the 0.7B and the 2B-4T model; a family must be 2% ahead over all
// of them to be chosen, from there on up.
#include "bitnet/memory.hpp"
#include "kernels/kernels.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace bitnet;

struct Shape {
  std::size_t rows, columns;
};
constexpr Shape kShapes[] = {{1536, 1536}, {1536, 4096}, {6912, 2560}, {2560, 6912}};
constexpr std::size_t kCounts[] = {4, 8, 16, 32, 64};
constexpr std::size_t kMostCount = 64, kMostRows = 6912, kMostColumns = 6912;

template <class T> Buffer<T> need(std::uint64_t count) {
  auto buffer = Buffer<T>::make(count, "tune");
  if (!buffer) {
    std::fputs("tune: no memory\n", stderr);
    std::exit(1);
  }
  return std::move(*buffer);
}

double seconds(auto&& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv) {
  const int rounds = argc == 3 && std::strcmp(argv[1], "--rounds") == 0 ? std::atoi(argv[2]) : 7;
  if ((argc != 1 && argc != 3) || rounds < 1 || rounds > 1000)
    return std::fputs("usage: tune [--rounds 1..1000]\n", stderr), 2;

  std::mt19937_64 random(1);
  auto codes = need<std::uint8_t>(std::uint64_t{kMostRows} * 2560 / 4);
  for (std::uint8_t& byte : codes) // four codes of 0..2
    byte = static_cast<std::uint8_t>(random() % 3 | random() % 3 << 2 | random() % 3 << 4 |
                                     random() % 3 << 6);
  auto values = need<std::int8_t>(kMostCount * kMostColumns);
  for (std::int8_t& value : values)
    value = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
  auto scales = need<float>(kMostRows);
  std::fill(scales.begin(), scales.end(), 0.01F);
  auto sums = need<std::int32_t>(kMostCount * kMostColumns / kColumnPad);
  auto out = need<float>(kMostCount * kMostRows);

  const auto all = all_kernels();
  for (const Kernels* k : all) {
    if (k->ternary == k->ternary_shared)
      continue;
    // Where two sets share a feature level, the row of one is written by the processors that it is for.
    if (k->suits != nullptr && !k->suits())
      continue;
    if (std::any_of(all.begin(), all.end(), [&](const Kernels* other) {
          return other != k && other->suits != nullptr && other->suits() &&
                 other->name.starts_with(k->name);
        }))
      continue;
    std::string from = "kNever";
    for (auto count = std::rbegin(kCounts); count != std::rend(kCounts); ++count) {
      double log_gain = 0.0;
      for (const Shape& shape : kShapes) {
        const TernaryMatrix matrix{.codes = codes.data(),
                                   .row_scales = scales.data(),
                                   .group_scales = nullptr,
                                   .rows = shape.rows,
                                   .columns = shape.columns};
        const Int8Batch batch{.values = values.data(),
                              .scales = scales.data(),
                              .group_sums = sums.data(),
                              .stride = shape.columns,
                              .count = *count};
        const std::size_t tiles = shape.rows / k->tile_rows;
        std::vector<double> few, shared;
        for (int round = -1; round < rounds; ++round) {
          const double a =
              seconds([&] { k->ternary(matrix, batch, 0, tiles, out.data(), kMostRows); });
          const double b =
              seconds([&] { k->ternary_shared(matrix, batch, 0, tiles, out.data(), kMostRows); });
          if (round >= 0) { // the first is warm-up
            few.push_back(a);
            shared.push_back(b);
          }
        }
        log_gain += std::log(median(few) / median(shared));
      }
      const double gain = std::exp(log_gain / static_cast<double>(std::size(kShapes)));
      std::fprintf(stderr, "%s, %zu vectors: %.3f times as fast\n", std::string(k->name).c_str(),
                   *count, gain);
      if (gain < 1.02)
        break;
      from = std::to_string(*count);
    }
    std::printf("BITNET_TUNED(%s, %s)\n", std::string(k->name).c_str(), from.c_str());
  }
  return 0;
}
