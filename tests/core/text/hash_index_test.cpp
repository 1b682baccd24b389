// The hash table under a vocabulary made to collide: refused or quick, never crawling.
#include "text/hash_index.h"

#include <catch_amalgamated.hpp>

using namespace bitnet;

TEST_CASE("a table without gaps does not slow down a search in vain", "[text]") {
  constexpr std::uint32_t kKeys = 100'000;
  auto index = HashIndex::make(kKeys, "test");
  REQUIRE(index);
  for (std::uint32_t i = 0; i < kKeys;
       ++i) // each key in the slot after the last one's: one long run
    REQUIRE(index->insert(i, i, [&](std::uint32_t other) { return other == i; }));
  std::uint32_t compared = 0;
  CHECK(index->find(0, [&](std::uint32_t) {
    ++compared;
    return false;
  }) == HashIndex::kNone);
  CHECK(compared < 300);
  for (const std::uint32_t i : {0U, 1U, 777U, kKeys - 1})
    CHECK(index->find(i, [&](std::uint32_t other) { return other == i; }) == i);
}

TEST_CASE("keys that share a slot are refused before they make a crowd", "[text]") {
  auto index = HashIndex::make(100'000, "test");
  REQUIRE(index);
  std::uint32_t taken = 0;
  ErrorCode code = ErrorCode::Ok;
  for (std::uint32_t i = 0; i < 100'000 && code == ErrorCode::Ok; ++i) {
    const Status status =
        index->insert(std::uint64_t{i} << 32, i, [](std::uint32_t) { return false; });
    code = status ? ErrorCode::Ok : status.error().code();
    taken += status ? 1 : 0;
  }
  CHECK(code == ErrorCode::LimitExceeded);
  CHECK(taken < 1000);
}
