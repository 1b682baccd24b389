// The checksum: published values, and pieces that do not matter. The values beyond the first were computed with the
// reference implementation (xxhash 4.1.0 for Python: xxh64(bytes((i * 7 + 3) & 255 for i in range(n)))).
#include "base/checksum.h"

#include <catch_amalgamated.hpp>

#include <vector>

using namespace bitnet;

namespace {

std::vector<std::uint8_t> bytes_of(std::size_t n) {
  std::vector<std::uint8_t> bytes(n);
  for (std::size_t i = 0; i < n; ++i)
    bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
  return bytes;
}

std::uint64_t sum_of(Bytes bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

} // namespace

TEST_CASE("XXH64 of every kind of length", "[checksum]") {
  const std::pair<std::size_t, std::uint64_t> known[] = {
      {0, 0xef46db3751d8e999ULL},   {1, 0x1f25c8d0bc1f4bb6ULL},  {3, 0x31d2363f52e564c9ULL},
      {4, 0x9bb64b7d66ee9fdaULL},   {7, 0x9a7b149959ce60d8ULL},  {8, 0xdab99d95c6f90092ULL},
      {31, 0xa2aa5f33cc4a6119ULL},  {32, 0x23c3c17ef790fd97ULL}, {33, 0x50a7cfc7ba588784ULL},
      {63, 0x5e3e54b431c7493cULL},  {64, 0x0eb64b3ef6eeb01fULL}, {100, 0xa61f8d4c170fe531ULL},
      {1000, 0x5f235fa033f1a3fbULL}};
  for (const auto& [length, value] : known) {
    INFO(length);
    CHECK(sum_of(bytes_of(length)) == value);
  }
}

TEST_CASE("pieces of any length give the sum of the whole", "[checksum]") {
  const auto bytes = bytes_of(200);
  for (std::size_t first = 0; first <= 70; ++first)
    for (std::size_t second = 0; second <= 70; ++second) {
      Checksum sum;
      sum.add(Bytes(bytes).first(first));
      sum.add(Bytes(bytes).subspan(first, second));
      sum.add(Bytes(bytes).subspan(first + second));
      CHECK(sum.value() == 0 + sum_of(bytes));
    }
}
