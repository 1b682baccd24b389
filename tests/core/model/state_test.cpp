// A session's memory: known before it is made, the same whatever runs in it, refused when it cannot be had.
#include "model/state.h"

#include "base/checked.h"
#include "kernels/kernels.h"
#include "support/tiny_gguf.h"

#include <catch_amalgamated.hpp>

using namespace bitnet;

namespace {

Config config_like(std::uint32_t hidden, std::uint32_t ffn, std::uint32_t heads,
                   std::uint32_t kv_heads, std::uint32_t head_dim) {
  Config c;
  c.layers = 3;
  c.hidden = hidden;
  c.ffn = ffn;
  c.heads = heads;
  c.kv_heads = kv_heads;
  c.head_dim = head_dim;
  c.rope_dim = head_dim;
  c.vocabulary = 301;
  c.context = 128;
  return c;
}

template <class T> std::uint64_t bytes_of(const Buffer<T>& buffer) {
  return buffer.size() * sizeof(T);
}

std::uint64_t bytes_of(const State& s) {
  const Activations& a = s.a;
  return bytes_of(a.h) + bytes_of(a.x) + bytes_of(a.q) + bytes_of(a.k) + bytes_of(a.v) +
         bytes_of(a.attended) + bytes_of(a.gate) + bytes_of(a.up) + bytes_of(a.queries) +
         bytes_of(a.turns) + bytes_of(a.scores) + bytes_of(a.head_out) + bytes_of(a.values) +
         bytes_of(a.sums) + bytes_of(a.scales) + bytes_of(a.block_scales) + bytes_of(a.logits) +
         bytes_of(s.kv.keys) + bytes_of(s.kv.values);
}

} // namespace

TEST_CASE("bytes() is what make() takes", "[model]") {
  for (const Config& c : {config_like(64, 128, 4, 2, 16), config_like(80, 144, 4, 1, 20),
                          config_like(64, 96, 3, 3, 32)})
    for (const KvType type : {KvType::kF32, KvType::kF16})
      for (const std::uint32_t batch : {1U, 7U, 64U})
        for (const std::uint32_t context : {1U, 33U, 128U}) {
          const SessionOptions options{.context = context, .kv_type = type, .batch = batch};
          const auto state = State::make(c, options);
          REQUIRE(state);
          CHECK(State::bytes(c, options) == bytes_of(*state));
          CHECK(state->kv.capacity == context);
          CHECK(state->batch == batch);
        }
}

TEST_CASE("widths are padded as kernels want, and the cache's places are disjoint", "[model]") {
  const Config c = config_like(80, 144, 4, 2, 20);
  for (const KvType type : {KvType::kF32, KvType::kF16}) {
    const auto state = State::make(c, {.context = 5, .kv_type = type, .batch = 3});
    REQUIRE(state);
    for (const std::size_t width : {state->width_h, state->width_x, state->width_q, state->width_k,
                                    state->width_f, state->width_v})
      CHECK(width % kRowPad == 0);
    CHECK(state->width_most % kColumnPad == 0);
    CHECK(state->width_most >= c.ffn);
    CHECK(state->head_stride == 24);
    CHECK(state->score_stride == 8);
    std::size_t expected = 0; // one head's positions stand together
    for (std::size_t layer = 0; layer < c.layers; ++layer)
      for (std::size_t head = 0; head < c.kv_heads; ++head)
        for (std::size_t position = 0; position < 5; ++position) {
          CHECK(state->kv.at(layer, head, position) == expected);
          expected += 24 * (type == KvType::kF16 ? 2U : 4U);
        }
    CHECK(state->kv.keys.size() == expected);
    CHECK(state->kv.values.size() == expected);
  }
}

TEST_CASE("a cache that no memory can hold is an error", "[model]") {
  Config c = config_like(64, 128, 4, 4, 1024);
  const SessionOptions options{.context = 1U << 20, .kv_type = KvType::kF32, .batch = 1};
  // More bytes than a Buffer takes, and more than 64 bits count. (More layers than limits.h allows: a smaller number
  // would be left to the allocator, which may promise what it does not have.)
  for (const std::uint32_t layers : {1U << 29, 1U << 31}) {
    c.layers = layers;
    CHECK(State::bytes(c, options) == UINT64_MAX);
    const auto state = State::make(c, options);
    CHECK_FALSE(state);
    if (!state)
      CHECK(state.error().code() == ErrorCode::OutOfMemory);
  }
  c.layers = 1024; // the largest legal ones are counted without wrapping
  CHECK(State::bytes(c, options) > 2 * (1ULL << (10 + 2 + 20 + 12)));
  CHECK(State::bytes(c, options) < 3 * (1ULL << (10 + 2 + 20 + 12)));
}
