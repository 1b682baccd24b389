// Memory that may not be had.
#include "bitnet/memory.hpp"

#include <catch_amalgamated.hpp>

#include <cstdint>

using namespace bitnet;

TEST_CASE("a buffer is zeroed and aligned, or an error", "[memory]") {
  for (const std::uint64_t count : {1ULL, 63ULL, 64ULL, 1000ULL}) {
    auto buffer = Buffer<std::uint32_t>::make(count, "test");
    REQUIRE(buffer);
    CHECK(buffer->size() == count);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer->data()) % 64 == 0);
    for (const std::uint32_t value : *buffer)
      CHECK(value == 0);
  }
  CHECK(Buffer<int>::make(0, "nothing")->empty());
  for (const std::uint64_t count :
       {UINT64_MAX, UINT64_MAX / 4, (UINT64_MAX >> 1) + 1, UINT64_MAX / 2}) {
    const auto buffer = Buffer<std::uint32_t>::make(count, "too much");
    REQUIRE(!buffer);
    CHECK(buffer.error().code() == ErrorCode::OutOfMemory);
    CHECK(buffer.error().detail().substr(0, 8) == "too much");
  }
}

TEST_CASE("a buffer moves", "[memory]") {
  auto made = Buffer<int>::make(3, "test");
  REQUIRE(made);
  Buffer<int> a = std::move(*made);
  a[2] = 7;
  Buffer<int> b;
  b = std::move(a);
  CHECK(b.size() == 3);
  CHECK(b[2] == 7);
}

TEST_CASE("a list grows, shrinks and may hold its own values", "[memory]") {
  Vec<int> list;
  for (int i = 0; i < 1000; ++i)
    REQUIRE(list.push(i));
  for (int i = 0; i < 1000; ++i)
    REQUIRE(
        list.push(list[static_cast<std::size_t>(i)])); // the argument lies in the array that grows
  CHECK(list.size() == 2000);
  CHECK(list[1999] == 999);
  list.truncate(5000);
  CHECK(list.size() == 2000);
  list.truncate(2);
  CHECK(list.size() == 2);
  const int more[] = {8, 9};
  CHECK(list.append(more));
  CHECK(list.append({}));
  CHECK(list[3] == 9);
  CHECK(!list.reserve(SIZE_MAX));
  CHECK(list.size() == 4); // a refusal loses nothing
  CHECK(list[0] == 0);
}
