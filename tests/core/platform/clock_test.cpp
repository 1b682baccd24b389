#include "platform/clock.h"

#include <catch_amalgamated.hpp>

#include <vector>

TEST_CASE("the clock goes on and never back", "[platform]") {
  const std::uint64_t start = bitnet::now_ns();
  std::uint64_t last = start;
  bool back = false;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t now = bitnet::now_ns();
    back = back || now < last;
    last = now;
  }
  while (bitnet::now_ns() == start) {
  }
  CHECK_FALSE(back);
}

TEST_CASE("peak memory grows with what is used", "[platform]") {
  const std::uint64_t before = bitnet::peak_memory();
  CHECK(before > 0);
  std::vector<unsigned char> bytes(64U << 20, 1);
  const volatile unsigned char* used = bytes.data(); // or a compiler sees that nobody does
  CHECK(used[bytes.size() / 2] == 1);
  CHECK(bitnet::peak_memory() >= before);
  CHECK(bitnet::peak_memory() >= bytes.size());
}
