// See blocks.h.
#include "model/blocks.h"

#include "base/checked.h"
#include "base/math.h"
#include "kernels/pack.h"
#include "tensor/rows.h"

#include <algorithm>
#include <cstring>

namespace bitnet {
namespace {

/// Chunks per thread: enough that a thread which lost its core for a moment does not hold up the others.
constexpr std::size_t kChunksPerThread = 4;

/// Where a chunk begins. They become smaller and smaller, the last a chunks-th of the mean: whoever is late holds up the
/// others by a small one.
std::size_t chunk_begin(std::size_t total, std::size_t chunk, std::size_t chunks) noexcept {
  const std::uint64_t all = std::uint64_t{chunks} * chunks;
  const std::uint64_t left = std::uint64_t{chunks - chunk} * (chunks - chunk);
  return static_cast<std::size_t>(total * (all - left) / all);
}

/// Rows of a dense matrix that go to one thread together.
constexpr std::size_t kDenseRows = 64;

/// A projection is cut into units: a tile of a ternary matrix, kDenseRows rows of a dense one.
std::size_t units_of(const Matrix& m, const Kernels& k) noexcept {
  const std::size_t rows = m.ternary() ? k.tile_rows : kDenseRows;
  return round_up(m.rows, rows) / rows;
}

/// run(begin, end) for pieces of `units`, on all threads.
template <class Run> void each_chunk(const Pass& pass, std::size_t units, Run run) noexcept {
  const std::size_t threads = pass.parallel.threads();
  const std::size_t chunks = threads == 1 ? 1 : std::min(units, threads * kChunksPerThread);
  pass.parallel.each(chunks, [&](std::size_t chunk) {
    run(chunk_begin(units, chunk, chunks), chunk_begin(units, chunk + 1, chunks));
  });
}

/// What a product reads: its weights' type decides.
enum class Input : std::uint8_t { kInt8, kFloats, kBlocks };

Input input_of(const Network& network, const Matrix& m) noexcept {
  if (m.ternary())
    return network.float_activations ? Input::kFloats : Input::kInt8;
  const bool blocks = m.type == DType::kQ8_0 || m.type == DType::kQ4_0 || m.type == DType::kQ6_K;
  return blocks ? Input::kBlocks : Input::kFloats;
}

/// The batch's input in the form that one kind of product reads.
struct Inputs {
  Rows floats;
  Int8Batch int8;
  DenseBatch dense;
};

Inputs prepare(const Pass& pass, Rows in, Input kind, std::size_t columns) noexcept {
  const Kernels& k = *pass.network.kernels;
  Activations& a = pass.state.a;
  const std::size_t stride = round_up(columns, kColumnPad);
  Inputs inputs{.floats = in,
                .int8 = {},
                .dense = {.floats = in.data, .stride = in.stride, .count = pass.tokens}};
  if (kind == Input::kInt8) {
    pass.parallel.each(pass.tokens, [&](std::size_t i) {
      k.quantize(in.row(i), columns, a.values.data() + i * stride,
                 a.sums.data() + i * (stride / kColumnPad), a.scales.data() + i);
    });
    inputs.int8 = {.values = a.values.data(),
                   .scales = a.scales.data(),
                   .group_sums = a.sums.data(),
                   .stride = stride,
                   .count = pass.tokens};
  } else if (kind == Input::kBlocks) {
    pass.parallel.each(pass.tokens, [&](std::size_t i) {
      k.quantize_blocks(in.row(i), columns, a.values.data() + i * stride,
                        a.block_scales.data() + i * (stride / 32));
    });
    inputs.dense = {.values = a.values.data(),
                    .block_scales = a.block_scales.data(),
                    .stride = stride,
                    .count = pass.tokens};
  }
  return inputs;
}

/// Units [first, first + count) of one projection.
void product(const Pass& pass, const Inputs& in, const Projection& p, std::size_t first,
             std::size_t count) noexcept {
  const Kernels& k = *pass.network.kernels;
  const Matrix& m = *p.weights;
  if (input_of(pass.network, m) == Input::kInt8) {
    (in.int8.count < k.shared_from ? k.ternary : k.ternary_shared)(m.ternary_view(), in.int8, first,
                                                                   count, p.out, p.out_stride);
    return;
  }
  const std::size_t unit = m.ternary() ? k.tile_rows : kDenseRows;
  const std::size_t row = first * unit;
  const std::size_t rows = std::min(m.rows - row, count * unit);
  if (!m.ternary()) {
    k.dense[static_cast<std::size_t>(*dense_type(m.type))](m.dense_view(), in.dense, row, rows,
                                                           p.out, p.out_stride);
    return;
  }
  for (std::size_t i = 0; i < pass.tokens; ++i)
    ternary_reference(k, m.ternary_view(), in.floats.row(i), row, rows, p.out + i * p.out_stride);
}

} // namespace

void embed(const Pass& pass, std::span<const TokenId> ids) noexcept {
  const Matrix& e = pass.network.weights.embedding;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Bytes row{e.data.data() + static_cast<std::size_t>(ids[i]) * e.row_bytes, e.row_bytes};
    // Cannot fail: the loader checked the type, the shape and the size.
    (void)static_cast<bool>(decode_floats(e.type, row, 0, e.columns, 1.0F,
                                          pass.state.a.h.data() + i * pass.state.width_h));
  }
}

void turns(const Pass& pass, std::size_t position) noexcept {
  const Config& c = pass.network.config;
  const std::size_t half = c.rope_dim / 2;
  for (std::size_t j = 0; j < half; ++j) {
    // Frequencies and angles are float, as the models were trained with; only their cosines are computed in double.
    const double exponent = -2.0 * static_cast<double>(j) / c.rope_dim;
    float frequency = static_cast<float>(exact_pow(c.rope_theta, exponent));
    if (!pass.network.weights.rope_divisors.empty())
      frequency /= pass.network.weights.rope_divisors[j];
    for (std::size_t i = 0; i < pass.tokens; ++i) {
      const float angle = static_cast<float>(position + i) * c.rope_position_scale * frequency;
      float* row = pass.state.a.turns.data() + i * c.rope_dim;
      row[j] = static_cast<float>(exact_cos(angle));
      row[half + j] = static_cast<float>(exact_sin(angle));
    }
  }
}

void norm(const Pass& pass, Rows in, const Buffer<float>& weight, Rows out) noexcept {
  pass.parallel.each(pass.tokens, [&](std::size_t i) {
    pass.network.kernels->rmsnorm(in.row(i), weight.data(), weight.size(),
                                  pass.network.config.norm_epsilon, out.row(i));
  });
}

void linear(const Pass& pass, Rows in, std::initializer_list<Projection> projections) noexcept {
  const Kernels& k = *pass.network.kernels;
  for (const Input kind : {Input::kInt8, Input::kFloats, Input::kBlocks}) {
    std::size_t total = 0;
    for (const Projection& p : projections)
      if (input_of(pass.network, *p.weights) == kind)
        total += units_of(*p.weights, k);
    if (total == 0)
      continue;
    const Inputs inputs = prepare(pass, in, kind, projections.begin()->weights->columns);
    each_chunk(pass, total, [&](std::size_t begin, std::size_t end) {
      std::size_t base = 0; // the first unit of p in the row of all units
      for (const Projection& p : projections) {
        if (input_of(pass.network, *p.weights) != kind)
          continue;
        const std::size_t from = std::max(begin, base);
        const std::size_t to = std::min(end, base + units_of(*p.weights, k));
        if (from < to)
          product(pass, inputs, p, from - base, to - from);
        base += units_of(*p.weights, k);
      }
    });
  }
}

void linear_rows(const Pass& pass, const Matrix& weights, std::span<const std::uint32_t> rows,
                 float* out) noexcept {
  const Rows in{pass.state.a.x.data(), pass.state.width_x};
  const Inputs inputs = prepare(pass, in, input_of(pass.network, weights), weights.columns);
  const auto kernel =
      pass.network.kernels->dense[static_cast<std::size_t>(*dense_type(weights.type))];
  each_chunk(pass, rows.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      kernel(weights.dense_view(), inputs.dense, rows[i], 1, out, 0);
  });
}

Int8Batch scan(const Pass& pass, const SmallHead& head, float* out) noexcept {
  const Rows in{pass.state.a.x.data(), pass.state.width_x};
  const Kernels& k = *pass.network.kernels;
  const Inputs inputs = prepare(pass, in, Input::kInt8, head.columns);
  const std::size_t tiles = round_up(head.rows, k.scan_tile_rows) / k.scan_tile_rows;
  each_chunk(pass, tiles, [&](std::size_t begin, std::size_t end) {
    k.scan[static_cast<std::size_t>(head.scan_type())](head.view(), inputs.int8, begin, end - begin,
                                                       out);
  });
  return inputs.int8;
}

namespace {

/// Turn pairs of one head: NEOX pairs (i, i + d/2), the others (2i, 2i + 1); dimensions beyond rope_dim pass through.
void rotate_head(const Config& c, const float* turns, const float* in, float* out) noexcept {
  const std::size_t half = c.rope_dim / 2;
  const std::size_t step = c.architecture->neox_pairs ? 1 : 2;
  const std::size_t partner = c.architecture->neox_pairs ? half : 1;
  for (std::size_t i = 0; i < half; ++i) {
    const float cosine = turns[i];
    const float sine = turns[half + i];
    const float x = in[i * step];
    const float y = in[i * step + partner];
    out[i * step] = x * cosine - y * sine;
    out[i * step + partner] = y * cosine + x * sine;
  }
  for (std::size_t i = c.rope_dim; i < c.head_dim; ++i)
    out[i] = in[i];
}

/// One head of k or v to the cache; the pad up to a multiple of eight lanes is read by attention and must be zero.
void store_in_cache(const Kernels& k, const KvCache& cache, const float* head, std::size_t width,
                    std::uint8_t* to) noexcept {
  if (cache.type == KvType::kF16)
    k.to_half(head, width, reinterpret_cast<std::uint16_t*>(to));
  else
    std::memcpy(to, head, width * sizeof(float));
  const std::size_t bytes = cache.element_bytes();
  std::memset(to + width * bytes, 0, (cache.stride - width) * bytes);
}

} // namespace

void rotate_and_cache(const Pass& pass, std::size_t layer, std::size_t position) noexcept {
  const Config& c = pass.network.config;
  State& s = pass.state;
  const Kernels& k = *pass.network.kernels;
  pass.parallel.each(pass.tokens, [&](std::size_t i) {
    const float* turns = s.a.turns.data() + i * c.rope_dim;
    for (std::size_t head = 0; head < c.heads; ++head)
      rotate_head(c, turns, s.a.q.data() + i * s.width_q + head * c.head_dim,
                  s.a.queries.data() + (i * c.heads + head) * s.head_stride);
    for (std::size_t head = 0; head < c.kv_heads; ++head) {
      const std::size_t at = s.kv.at(layer, head, position + i);
      float* key = s.a.k.data() + i * s.width_k + head * c.head_dim;
      rotate_head(c, turns, key, key);
      store_in_cache(k, s.kv, key, c.head_dim, s.kv.keys.data() + at);
      store_in_cache(k, s.kv, s.a.v.data() + i * s.width_k + head * c.head_dim, c.head_dim,
                     s.kv.values.data() + at);
    }
  });
}

void attention(const Pass& pass, std::size_t layer, std::size_t position) noexcept {
  const Config& c = pass.network.config;
  State& s = pass.state;
  const Kernels& k = *pass.network.kernels;
  const auto attend = s.kv.type == KvType::kF16 ? k.attend_f16 : k.attend_f32;
  const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(c.head_dim));
  // Query heads that share keys and values go through them together, so that these come from memory once. What is left
  // when every thread has had as many groups as the others is shared out by parts of a group.
  const std::size_t group = c.heads / c.kv_heads;
  const std::size_t threads = pass.parallel.threads();
  const std::size_t whole = c.kv_heads / threads * threads;
  const std::size_t parts = std::min(group, threads);
  pass.parallel.each(whole + (c.kv_heads - whole) * parts, [&](std::size_t unit) {
    const std::size_t split = unit < whole ? 1 : parts;
    const std::size_t kv_head = unit < whole ? unit : whole + (unit - whole) / parts;
    const std::size_t part = unit < whole ? 0 : (unit - whole) % parts;
    const std::size_t history = s.kv.at(layer, kv_head, 0);
    const std::size_t in_group = group * part / split;
    const std::size_t head = kv_head * group + in_group;
    const std::size_t heads = group * (part + 1) / split - in_group;
    float* out = s.a.head_out.data() + head * s.head_stride;
    for (std::size_t i = 0; i < pass.tokens; ++i) {
      attend({.query = s.a.queries.data() + (i * c.heads + head) * s.head_stride,
              .queries = heads,
              .keys = s.kv.keys.data() + history,
              .values = s.kv.values.data() + history,
              .count = position + i + 1,
              .stride = s.head_stride,
              .scale = scale,
              .scores = s.a.scores.data() + head * s.score_stride,
              .score_stride = s.score_stride,
              .out = out});
      for (std::size_t n = 0; n < heads; ++n)
        std::memcpy(s.a.attended.data() + i * s.width_q + (head + n) * c.head_dim,
                    out + n * s.head_stride, c.head_dim * sizeof(float));
    }
  });
}

void gate(const Pass& pass) noexcept {
  const Kernels& k = *pass.network.kernels;
  const State& s = pass.state;
  const auto act = pass.network.config.gate == Gate::kRelu2 ? k.relu2_mul : k.silu_mul;
  pass.parallel.each(pass.tokens, [&](std::size_t i) {
    act(pass.state.a.gate.data() + i * s.width_f, s.a.up.data() + i * s.width_f,
        pass.network.config.ffn);
  });
}

void add_residual(const Pass& pass) noexcept {
  const State& s = pass.state;
  pass.parallel.each(pass.tokens, [&](std::size_t i) {
    pass.network.kernels->add(pass.state.a.h.data() + i * s.width_h, s.a.x.data() + i * s.width_x,
                              pass.network.config.hidden);
  });
}

} // namespace bitnet
