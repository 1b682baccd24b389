// See state.h. Widths are within limits.h (2^18), batches within 512 and contexts within 2^20: products fit 64 bits.
#include "model/state.h"

#include "base/checked.h"
#include "kernels/kernels.h"

#include <algorithm>

namespace bitnet {
namespace {

/// Of the KV cache only written positions are ever read.
constexpr bool kWrittenFirst = true;

/// In a small vocabulary all rows may be candidates.
constexpr std::uint32_t kLeastFound = 4096;

/// Every buffer is named once; making and measuring are two walks over the same list.
template <class Walk>
Status each_buffer(State& s, const Config& c, const SessionOptions& o, HeadType head,
                   Walk walk) noexcept {
  s.batch = o.batch;
  s.head_stride = round_up(c.head_dim, 8);
  s.score_stride = round_up(o.context, 8);
  s.width_h = round_up(c.hidden, kRowPad);
  s.width_x = round_up(std::max(c.hidden, c.q_width()), kRowPad);
  s.width_q = round_up(c.q_width(), kRowPad);
  s.width_k = round_up(c.kv_width(), kRowPad);
  s.width_f = round_up(c.ffn, kRowPad);
  s.width_v = round_up(c.vocabulary, kRowPad);
  s.width_most = round_up(std::max({c.hidden, c.q_width(), c.ffn}), kColumnPad);
  s.kv.type = o.kv_type;
  s.kv.stride = s.head_stride;
  s.kv.capacity = o.context;
  s.kv.kv_heads = c.kv_heads;

  const std::uint64_t n = s.batch;
  BITNET_TRY(walk(s.a.h, n * s.width_h));
  BITNET_TRY(walk(s.a.x, n * s.width_x));
  BITNET_TRY(walk(s.a.q, n * s.width_q));
  BITNET_TRY(walk(s.a.k, n * s.width_k));
  BITNET_TRY(walk(s.a.v, n * s.width_k));
  BITNET_TRY(walk(s.a.attended, n * s.width_q));
  BITNET_TRY(walk(s.a.gate, n * s.width_f));
  BITNET_TRY(walk(s.a.up, n * s.width_f));
  BITNET_TRY(walk(s.a.queries, n * c.heads * s.head_stride));
  BITNET_TRY(walk(s.a.turns, n * c.rope_dim));
  BITNET_TRY(walk(s.a.scores, std::uint64_t{c.heads} * s.score_stride));
  BITNET_TRY(walk(s.a.head_out, std::uint64_t{c.heads} * s.head_stride));
  BITNET_TRY(walk(s.a.values, n * s.width_most));
  BITNET_TRY(walk(s.a.sums, n * s.width_most / kColumnPad));
  BITNET_TRY(walk(s.a.scales, n));
  BITNET_TRY(walk(s.a.block_scales, n * s.width_most / 32));
  BITNET_TRY(walk(s.a.logits, s.width_v));
  if (head != HeadType::kFile) {
    const std::uint64_t found = std::min(c.vocabulary, std::max(c.vocabulary / 4, kLeastFound));
    BITNET_TRY(walk(s.found.rows, found));
    BITNET_TRY(walk(s.found.small, found));
    BITNET_TRY(walk(s.found.exact, c.vocabulary));
  }
  const std::uint64_t positions = std::uint64_t{c.layers} * c.kv_heads * s.kv.capacity;
  const auto cache = checked_mul(positions, s.kv.stride * s.kv.element_bytes());
  if (!cache)
    return Error(ErrorCode::OutOfMemory) << "KV cache of " << o.context << " tokens";
  BITNET_TRY(walk(s.kv.keys, *cache, kWrittenFirst));
  return walk(s.kv.values, *cache, kWrittenFirst);
}

} // namespace

Result<State> State::make(const Config& config, const SessionOptions& options,
                          HeadType head) noexcept {
  State state;
  const Status made =
      each_buffer(state, config, options, head,
                  []<class T>(Buffer<T>& buffer, std::uint64_t count, bool raw = false) -> Status {
                    auto memory = raw ? Buffer<T>::make_raw(count, "KV cache")
                                      : Buffer<T>::make(count, "session memory");
                    BITNET_TRY(memory);
                    buffer = std::move(*memory);
                    return {};
                  });
  BITNET_TRY(made);
  return state;
}

Status State::reserve_logits(std::size_t rows) noexcept {
  if (a.logits.size() >= rows * width_v)
    return {};
  auto more = Buffer<float>::make(std::uint64_t{rows} * width_v, "logits of guesses");
  BITNET_TRY(more);
  a.logits = std::move(*more);
  return {};
}

std::uint64_t State::bytes(const Config& config, const SessionOptions& options,
                           HeadType head) noexcept {
  State state;
  std::uint64_t total = 0;
  const Status measured =
      each_buffer(state, config, options, head,
                  [&total]<class T>(Buffer<T>&, std::uint64_t count, bool = false) -> Status {
                    const auto bytes = checked_mul(count, sizeof(T));
                    const auto sum = bytes ? checked_add(total, *bytes) : std::nullopt;
                    if (!sum)
                      return Error(ErrorCode::OutOfMemory) << "session memory";
                    total = *sum;
                    return {};
                  });
  return measured ? total : UINT64_MAX;
}

} // namespace bitnet
