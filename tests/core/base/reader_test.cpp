// The cursor over hostile bytes.
#include "base/reader.h"

#include <catch_amalgamated.hpp>

#include <array>

using namespace bitnet;

TEST_CASE("a reader reads little-endian and stops at the end", "[reader]") {
  const std::array<std::uint8_t, 7> bytes{1, 2, 3, 4, 5, 6, 7};
  Reader reader(bytes);
  CHECK(reader.read<std::uint8_t>() == 1);
  CHECK(reader.read<std::uint32_t>() == 0x05040302U); // unaligned
  CHECK(reader.left() == 2);
  CHECK(!reader.read<std::uint32_t>());
  CHECK(reader.position() == 5); // a failed read moves nothing
  CHECK(reader.read<std::uint16_t>() == 0x0706);
  CHECK(!reader.read<std::uint8_t>());
  CHECK(reader.left() == 0);
}

TEST_CASE("a reader takes no more than there is", "[reader]") {
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  Reader reader(bytes);
  CHECK(!reader.take(4));
  CHECK(!reader.take(UINT64_MAX));
  CHECK(!reader.take(1ULL << 32)); // would be 0 in 32 bits
  const auto two = reader.take(2);
  REQUIRE(two);
  CHECK(two->data() == bytes.data());
  CHECK(two->size() == 2);
  CHECK(!reader.take(2));
  CHECK(reader.take(0));
  CHECK(reader.take(1));
  CHECK(reader.take(0));
}
