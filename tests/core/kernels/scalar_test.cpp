// Scalar is the definition: every kernel of every set gives its bits, on random and on hostile numbers and sizes. Whether
// scalar itself is right is kernels_test.cpp's question.
#include "kernels_support.h"

#include "base/half.h"
#include "tensor/dtype.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

constexpr float kUntouched = 12345.0F;
constexpr float kMost = std::numeric_limits<float>::max();

const Kernels& scalar() { return *find_kernels("scalar"); }

/// A NaN's sign and payload are the processor's affair; all other bits are compared.
bool same(const Shifted<float>& a, const Shifted<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]) &&
        !(std::isnan(a[i]) && std::isnan(b[i])))
      return false;
  return true;
}

/// Mostly short, some next to what loops step by, now and then one element, and rarely as wide as models get.
std::size_t any_size(Random& random, std::size_t common) {
  constexpr std::size_t kSteps[] = {8, 16, 32, 64, 128, 256, 512};
  switch (pick(random, 64)) {
  case 0: return 1;
  case 1: return pick(random, 8) == 0 ? 16384 : 1 + pick(random, 4096);
  default:
    return pick(random, 4) == 0 ? kSteps[pick(random, 7)] - 1 + pick(random, 3)
                                : 1 + pick(random, common);
  }
}

float any_bits(Random& random) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
}

/// Numbers of one temper: tame, of all sizes, signed zeros, subnormals, as large as there are, one magnitude, halfway
/// between integers, at the edges of floats and halves, any bits that are a finite number.
void hostile(Random& random, float* x, std::size_t count) {
  constexpr float kEdges[] = {
      0.0F,     1.0F,     0x1p-126F,  0x1p-149F, 0x1.fffffcp-127F, kMost, 0.5F,  65504.0F, 65520.0F,
      0x1p-24F, 0x1p-25F, 0x1.8p-24F, 1e5F,      0x1.ffep0F,       88.0F, 87.5F, 1e-5F,    0x1p22F};
  const std::size_t temper = pick(random, 10);
  for (std::size_t i = 0; i < count; ++i) {
    const float u = random.uniform();
    const float sign = u < 0.0F ? -1.0F : 1.0F;
    switch (temper) {
    default: x[i] = u; break;
    case 1: x[i] = std::ldexp(u, static_cast<int>(pick(random, 60)) - 30); break;
    case 2: x[i] = sign * 0.0F; break;
    case 3: x[i] = std::ldexp(u, -127); break;
    case 4: x[i] = std::ldexp(u, 128 - static_cast<int>(pick(random, 3))); break;
    case 5: x[i] = sign; break;
    case 6: x[i] = std::floor(127.0F * u) + 0.5F; break;
    case 7: x[i] = sign * kEdges[pick(random, std::size(kEdges))]; break;
    case 8: x[i] = any_bits(random); x[i] = std::isfinite(x[i]) ? x[i] : u;
    }
    if (!std::isfinite(x[i])) // 2^128 * -1
      x[i] = -kMost;
  }
}

/// The same with infinities and numbers that are none (quiet ones: floats.h).
void worse(Random& random, float* x, std::size_t count) {
  hostile(random, x, count);
  if (pick(random, 4) == 0)
    for (std::size_t n = 1 + pick(random, 3); n > 0; --n)
      x[pick(random, count)] =
          std::bit_cast<float>(0x7f800000U | (pick(random, 2) == 0 ? 0x80000000U : 0U) |
                               (pick(random, 2) == 0 ? 0x00400000U : 0U));
}

std::uint16_t finite_half(Random& random) {
  const auto half = static_cast<std::uint16_t>(random.next());
  return (half & 0x7c00U) == 0x7c00U ? half & 0x83ffU : half;
}

/// Activations: anything allowed, or all at an end of the range, where narrow sums would overflow first.
void any_activations(Random& random, std::int8_t* values, std::size_t count) {
  const std::size_t temper = pick(random, 5);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<std::int8_t>(temper == 0   ? 127
                                         : temper == 1 ? -127
                                         : temper == 2 ? (pick(random, 2) == 0 ? 127 : -127)
                                                       : static_cast<int>(pick(random, 255)) - 127);
}

template <TernaryProduct* Kernels::* Family> bool ternary(const Kernels& k, Random& random) {
  const std::size_t columns = any_size(random, 1100);
  const std::size_t rows = columns > 2000 ? 1 + pick(random, 3) : 1 + pick(random, 24);
  // Few vectors, as when tokens are written; now and then as many as when a prompt is read.
  const std::size_t count = pick(random, 16) == 0 ? 1 + pick(random, 90) : 1 + pick(random, 6);
  const std::size_t stride = round_up(columns, kColumnPad), groups = stride / kColumnPad;
  const std::size_t shift = pick(random, 4), temper = pick(random, 6);
  std::vector<std::uint8_t> codes(rows * columns);
  for (auto& code : codes)
    code = static_cast<std::uint8_t>(temper < 4 ? temper : pick(random, 4));
  Shifted<std::int8_t> values(count * stride, shift);
  Shifted<std::int32_t> sums(count * groups, shift);
  for (std::size_t n = 0; n < count; ++n) {
    any_activations(random, values.data() + n * stride, columns);
    for (std::size_t c = 0; c < columns; ++c)
      sums[n * groups + c / kColumnPad] += values[n * stride + c];
  }
  Shifted<float> scales(count, shift), row_scales(round_up(rows, kRowPad), shift),
      group_scales(round_up(rows, kRowPad) * groups, shift);
  hostile(random, scales.data(), count);
  hostile(random, row_scales.data(), rows);
  hostile(random, group_scales.data(), rows * groups);
  const bool grouped = pick(random, 2) == 0;
  const Int8Batch batch{.values = values.data(),
                        .scales = scales.data(),
                        .group_sums = sums.data(),
                        .stride = stride,
                        .count = count};
  const auto product = [&](const Kernels& set) {
    const auto data = packed(set, codes, rows, columns, shift);
    const TernaryMatrix matrix{.codes = data.data(),
                               .row_scales = grouped ? nullptr : row_scales.data(),
                               .group_scales = grouped ? group_scales.data() : nullptr,
                               .rows = rows,
                               .columns = columns};
    const std::size_t tiles = round_up(rows, set.tile_rows) / set.tile_rows,
                      cut = pick(random, tiles + 1), padded = tiles * set.tile_rows;
    Shifted<float> out(count * padded, shift, kUntouched), of_rows(count * rows, 0);
    (set.*Family)(matrix, batch, 0, cut, out.data(), padded);
    (set.*Family)(matrix, batch, cut, tiles - cut, out.data(), padded);
    for (std::size_t n = 0; n < count; ++n)
      std::copy_n(out.data() + n * padded, rows, of_rows.data() + n * rows);
    return of_rows;
  };
  return same(product(k), product(scalar()));
}

template <ScanType Type> bool scan(const Kernels& k, Random& random) {
  const std::size_t columns = any_size(random, 600);
  const std::size_t rows = columns > 2000 ? 1 + pick(random, 3) : 1 + pick(random, 40);
  const std::size_t stride = round_up(columns, kColumnPad), shift = pick(random, 4);
  const std::size_t temper = pick(random, 4);
  std::vector<std::uint8_t> codes(rows * columns);
  for (auto& code : codes)
    code = static_cast<std::uint8_t>(temper == 0   ? most_code(Type)
                                     : temper == 1 ? 0
                                                   : pick(random, most_code(Type) + 1U));
  Shifted<std::int8_t> values(stride, shift);
  Shifted<std::int32_t> sums(stride / kColumnPad, shift);
  any_activations(random, values.data(), columns);
  for (std::size_t c = 0; c < columns; ++c)
    sums[c / kColumnPad] += values[c];
  Shifted<float> row_scales(round_up(rows, kRowPad), shift);
  hostile(random, row_scales.data(), rows);
  float scale = 0.0F;
  hostile(random, &scale, 1);
  const Int8Batch batch{.values = values.data(),
                        .scales = &scale,
                        .group_sums = sums.data(),
                        .stride = stride,
                        .count = 1};
  const auto product = [&](const Kernels& set) {
    const auto data = packed_scan(set, Type, codes, rows, columns, shift);
    const ScanMatrix matrix{
        .codes = data.data(), .row_scales = row_scales.data(), .rows = rows, .columns = columns};
    const std::size_t tiles = round_up(rows, set.scan_tile_rows) / set.scan_tile_rows,
                      cut = pick(random, tiles + 1);
    Shifted<float> out(tiles * set.scan_tile_rows, shift, kUntouched), of_rows(rows, 0);
    set.scan[static_cast<std::size_t>(Type)](matrix, batch, 0, cut, out.data());
    set.scan[static_cast<std::size_t>(Type)](matrix, batch, cut, tiles - cut, out.data());
    std::copy_n(out.data(), rows, of_rows.data());
    return of_rows;
  };
  return same(product(k), product(scalar()));
}

bool quantize(const Kernels& k, Random& random) {
  const std::size_t columns = any_size(random, 600), shift = pick(random, 4);
  const std::size_t padded = round_up(columns, kColumnPad);
  Shifted<float> x(columns, shift);
  worse(random, x.data(), columns);
  const auto result = [&](const Kernels& set) {
    Shifted<std::int32_t> all(padded / kColumnPad + padded + 1, shift, 77);
    Shifted<std::int8_t> values(padded, shift, std::int8_t{77});
    float scale = kUntouched;
    set.quantize(x.data(), columns, values.data(), all.data(), &scale);
    std::copy_n(values.data(), padded, all.data() + padded / kColumnPad);
    all[all.size() - 1] = std::bit_cast<std::int32_t>(scale);
    return all;
  };
  return same_bits(result(k), result(scalar()));
}

bool quantize_blocks(const Kernels& k, Random& random) {
  const std::size_t columns = any_size(random, 600), shift = pick(random, 4);
  const std::size_t padded = round_up(columns, kColumnPad);
  Shifted<float> x(columns, shift);
  worse(random, x.data(), columns);
  const auto result = [&](const Kernels& set) {
    Shifted<std::int8_t> values(padded, shift, std::int8_t{77});
    Shifted<float> all(padded / 32 + padded, shift, kUntouched);
    set.quantize_blocks(x.data(), columns, values.data(), all.data());
    std::copy_n(values.data(), padded, all.data() + padded / 32);
    return all;
  };
  return same_bits(result(k), result(scalar()));
}

template <DenseType Type> bool dense(const Kernels& k, Random& random) {
  constexpr DType kTypes[kDenseTypes] = {DType::kF32,  DType::kF16,  DType::kBF16,
                                         DType::kQ8_0, DType::kQ4_0, DType::kQ6_K};
  constexpr auto kIndex = static_cast<std::size_t>(Type);
  const DTypeInfo& info = dtype_info(kTypes[kIndex]);
  const std::size_t blocks = (any_size(random, 300) + info.block_weights - 1) / info.block_weights;
  const std::size_t columns = blocks * info.block_weights, row_bytes = blocks * info.block_bytes;
  const std::size_t rows = 1 + pick(random, 4), count = 1 + pick(random, 4);
  const std::size_t stride = round_up(columns, kColumnPad), shift = pick(random, 4);

  // Rows begin where those of the file do: at multiples of a float, a half, or just anywhere.
  Shifted<std::uint8_t> data(rows * row_bytes, 4 * shift);
  for (std::size_t b = 0; b < data.size(); ++b)
    data[b] = static_cast<std::uint8_t>(random.next());
  const auto write = [&](std::size_t at, auto value) {
    std::memcpy(data.data() + at, &value, sizeof value);
  };
  for (std::size_t block = 0; block < rows * blocks; ++block) {
    const std::size_t at = block * info.block_bytes;
    float value = 0.0F;
    switch (Type) {
    case DenseType::kF32:
      hostile(random, &value, 1);
      write(at, value);
      break;
    case DenseType::kBF16:
      hostile(random, &value, 1);
      write(at, static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
      break;
    case DenseType::kQ6_K: write(at + 208, finite_half(random)); break;
    default: write(at, finite_half(random));
    }
  }
  const bool quantised = info.block_weights > 1;
  Shifted<float> x(count * stride, shift), block_scales(count * stride / 32, shift);
  Shifted<std::int8_t> values(count * stride, shift);
  hostile(random, x.data(), x.size());
  hostile(random, block_scales.data(), block_scales.size());
  any_activations(random, values.data(), values.size());
  const DenseMatrix matrix{
      .data = data.data(), .row_bytes = row_bytes, .rows = rows, .columns = columns};
  const DenseBatch batch{.floats = quantised ? nullptr : x.data(),
                         .values = quantised ? values.data() : nullptr,
                         .block_scales = quantised ? block_scales.data() : nullptr,
                         .stride = stride,
                         .count = count};
  const std::size_t first = pick(random, rows);
  const auto product = [&](const Kernels& set) {
    Shifted<float> out(count * rows, shift, kUntouched);
    set.dense[kIndex](matrix, batch, first, rows - first, out.data(), rows);
    return out;
  };
  return same(product(k), product(scalar()));
}

bool rmsnorm(const Kernels& k, Random& random) {
  const std::size_t columns = any_size(random, 600), shift = pick(random, 4);
  Shifted<float> x(columns, shift), weight(columns, shift);
  hostile(random, x.data(), columns);
  hostile(random, weight.data(), columns);
  const auto result = [&](const Kernels& set) {
    Shifted<float> out(columns, shift, kUntouched);
    set.rmsnorm(x.data(), weight.data(), columns, 1e-5F, out.data());
    return out;
  };
  return same(result(k), result(scalar()));
}

template <bool Halves> bool attend(const Kernels& k, Random& random) {
  const std::size_t count = any_size(random, 60) % 300 + 1, stride = 8 * (1 + pick(random, 17));
  const std::size_t queries = 1 + pick(random, 5), shift = pick(random, 4);
  Shifted<float> query(queries * stride, shift), keys(count * stride, shift),
      values(count * stride, shift);
  hostile(random, query.data(), query.size());
  Shifted<std::uint16_t> half_keys(keys.size(), shift), half_values(values.size(), shift);
  if constexpr (Halves) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      half_keys[i] = finite_half(random);
      half_values[i] = finite_half(random);
    }
  } else {
    hostile(random, keys.data(), keys.size());
    hostile(random, values.data(), values.size());
  }
  const auto result = [&](const Kernels& set) {
    const std::size_t padded = round_up(count, 8);
    Shifted<float> scores(queries * padded, shift), out(queries * stride, shift, kUntouched);
    const Attention group{.query = query.data(),
                          .queries = queries,
                          .keys = Halves ? static_cast<const void*>(half_keys.data()) : keys.data(),
                          .values =
                              Halves ? static_cast<const void*>(half_values.data()) : values.data(),
                          .count = count,
                          .stride = stride,
                          .scale = 0.3F,
                          .scores = scores.data(),
                          .score_stride = padded,
                          .out = out.data()};
    (Halves ? set.attend_f16 : set.attend_f32)(group);
    return out;
  };
  return same(result(k), result(scalar()));
}

bool to_half(const Kernels& k, Random& random) {
  const std::size_t count = any_size(random, 300), shift = pick(random, 4);
  Shifted<float> x(count, shift);
  worse(random, x.data(), count);
  const auto result = [&](const Kernels& set) {
    Shifted<std::uint16_t> out(count, shift, std::uint16_t{77});
    set.to_half(x.data(), count, out.data());
    return out;
  };
  return same_bits(result(k), result(scalar()));
}

template <auto Member> bool two_rows(const Kernels& k, Random& random) {
  const std::size_t count = any_size(random, 300), shift = pick(random, 4);
  Shifted<float> x(count, shift), y(count, shift);
  worse(random, x.data(), count);
  worse(random, y.data(), count);
  const auto result = [&](const Kernels& set) {
    Shifted<float> out = x;
    (set.*Member)(out.data(), y.data(), count);
    return out;
  };
  return same(result(k), result(scalar()));
}

/// One entry of the table: is it scalar's on the next case? and: put another's entry in its place.
struct Entry {
  const char* name;
  bool (*agrees)(const Kernels& k, Random& random);
  void (*take)(Kernels& to, const Kernels& from);
};
template <auto Member> void take(Kernels& to, const Kernels& from) { to.*Member = from.*Member; }
template <ScanType Type> void take_scan(Kernels& to, const Kernels& from) {
  constexpr auto kIndex = static_cast<std::size_t>(Type);
  to.scan[kIndex] = from.scan[kIndex];
}
template <DenseType Type> void take_dense(Kernels& to, const Kernels& from) {
  constexpr auto kIndex = static_cast<std::size_t>(Type);
  to.dense[kIndex] = from.dense[kIndex];
}
template <DenseType Type> constexpr Entry dense_entry(const char* name) {
  return {name, dense<Type>, take_dense<Type>};
}

constexpr Entry kEntries[] = {
    {"quantize", quantize, take<&Kernels::quantize>},
    {"quantize_blocks", quantize_blocks, take<&Kernels::quantize_blocks>},
    {"ternary", ternary<&Kernels::ternary>, take<&Kernels::ternary>},
    {"ternary_shared", ternary<&Kernels::ternary_shared>, take<&Kernels::ternary_shared>},
    {"scan4", scan<ScanType::k4>, take_scan<ScanType::k4>},
    {"scan7", scan<ScanType::k7>, take_scan<ScanType::k7>},
    dense_entry<DenseType::kF32>("f32"),
    dense_entry<DenseType::kF16>("f16"),
    dense_entry<DenseType::kBF16>("bf16"),
    dense_entry<DenseType::kQ8_0>("q8_0"),
    dense_entry<DenseType::kQ4_0>("q4_0"),
    dense_entry<DenseType::kQ6_K>("q6_k"),
    {"rmsnorm", rmsnorm, take<&Kernels::rmsnorm>},
    {"attend_f32", attend<false>, take<&Kernels::attend_f32>},
    {"attend_f16", attend<true>, take<&Kernels::attend_f16>},
    {"to_half", to_half, take<&Kernels::to_half>},
    {"relu2_mul", two_rows<&Kernels::relu2_mul>, take<&Kernels::relu2_mul>},
    {"silu_mul", two_rows<&Kernels::silu_mul>, take<&Kernels::silu_mul>},
    {"add", two_rows<&Kernels::add>, take<&Kernels::add>},
};

template <class... Arguments> void nothing(Arguments...) {}

} // namespace

TEST_CASE("every kernel of every set gives scalar's bits", "[kernels]") {
  const auto sets = sets_here();
  if (sets.size() == 1)
    SKIP("scalar is the only set here");
  for (const Kernels* k : sets)
    for (const Entry& entry : kEntries) {
      if (k == &scalar())
        continue;
      Random random(1);
      std::size_t wrong = 0, first = 0;
      for (std::size_t i = 0; i < cases(1000, 100'000); ++i)
        if (!entry.agrees(*k, random) && wrong++ == 0)
          first = i;
      INFO(k->name << ", " << entry.name << ": first wrong is case " << first);
      CHECK(wrong == 0);
    }
}

TEST_CASE("the comparison with scalar leaves no kernel out and sees each go wrong", "[kernels]") {
  Kernels copy{};
  copy.name = scalar().name;
  copy.tile_rows = scalar().tile_rows;
  copy.strip_bytes = scalar().strip_bytes;
  copy.shared_from = scalar().shared_from;
  copy.scan_tile_rows = scalar().scan_tile_rows;
  copy.scan_strip_bytes = scalar().scan_strip_bytes;
  for (const Entry& entry : kEntries)
    entry.take(copy, scalar());
  CHECK(std::memcmp(&copy, &scalar(), sizeof copy) == 0);

  Kernels idle = scalar();
  idle.quantize = nothing;
  idle.quantize_blocks = nothing;
  idle.ternary = nothing;
  idle.ternary_shared = nothing;
  for (auto& type : idle.scan)
    type = nothing;
  for (auto& type : idle.dense)
    type = nothing;
  idle.rmsnorm = nothing;
  idle.attend_f32 = nothing;
  idle.attend_f16 = nothing;
  idle.to_half = nothing;
  idle.relu2_mul = nothing;
  idle.silu_mul = nothing;
  idle.add = nothing;
  for (const Entry& entry : kEntries) {
    INFO(entry.name);
    Kernels broken = scalar();
    entry.take(broken, idle);
    Random random(2);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 20; ++i)
      wrong += entry.agrees(broken, random) ? 0 : 1;
    CHECK(wrong > 0);
  }
}
