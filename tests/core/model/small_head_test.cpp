// Small output heads: whatever the matrix and the vector, the best tokens and their logits are those of the whole head.
#include "model/small_head.h"

#include "kernels/pack.h"
#include "model/blocks.h"
#include "model_support.h"
#include "platform/threads.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

constexpr HeadType kHeads[] = {HeadType::kInt8, HeadType::kInt4};

/// A model of one small layer whose head is `rows` [vocabulary][hidden].
ByteVector model_with(const std::vector<float>& rows, std::uint32_t hidden, DType type,
                      bool tied = true) {
  TinyOptions options;
  options.layers = 1;
  options.hidden = hidden;
  options.ffn = 128;
  options.heads = 2;
  options.embedding = type;
  options.tied = tied;
  options.vocabulary = static_cast<std::uint32_t>(rows.size() / hidden);
  GgufBuilder file = tiny_model(options);
  file.find_tensor(tied ? "token_embd.weight" : "output.weight")->data = encode_floats(type, rows);
  return file.build();
}

std::vector<float> random_rows(Random& random, std::size_t count, std::size_t hidden) {
  std::vector<float> rows(count * hidden);
  for (float& weight : rows) { // near to a normal distribution
    weight = 0.0F;
    for (int i = 0; i < 6; ++i)
      weight += 0.05F * random.uniform();
  }
  return rows;
}

/// A network, a state for it, and the logits of any hidden state.
struct Bench {
  std::unique_ptr<LoadedNetwork> loaded;
  State state;
  Serial serial;
  std::vector<float> exact;

  Bench(const ByteVector& file, HeadType head, std::string_view isa = {})
      : loaded(load_network(file, isa, false, head)) {
    auto made = State::make(loaded->network.config, {.context = 4, .batch = 1}, head);
    REQUIRE(made);
    state = std::move(*made);
  }
  std::size_t vocabulary() const { return loaded->network.config.vocabulary; }
  std::span<float> hidden() { return {state.a.h.data(), loaded->network.config.hidden}; }
  std::span<const float> now() const { return {state.a.logits.data(), vocabulary()}; }

  void random_state(Random& random, std::size_t style) {
    for (float& x : hidden()) {
      x = random.uniform();
      if (style == 1) // a few elements that dwarf the others, as models have them
        x *= pick(random, 40) == 0 ? 60.0F : 1.0F;
      if (style == 2)
        x = pick(random, 2) == 0 ? 1.0F : -1.0F;
    }
  }
  /// The whole head's logits.
  void whole() {
    logits(loaded->network, state, 0, serial);
    exact.assign(now().begin(), now().end());
  }
  /// The small head's; did it need no more than some rows?
  bool small(const LogitsNeeded& needed, Parallel& parallel) {
    const Pass pass{loaded->network, state, parallel, 1};
    bitnet::hidden(loaded->network, state, 0, parallel);
    return small_logits(pass, needed);
  }
  bool small(const LogitsNeeded& needed) { return small(needed, serial); }

  std::vector<std::uint32_t> best(std::span<const float> all, std::size_t count,
                                  std::span<const std::uint64_t> mask) const {
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < all.size(); ++i)
      if (is_set(mask, i))
        ids.push_back(i);
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, ids.size()));
    std::partial_sort(ids.begin(), end, ids.end(), [&](std::uint32_t a, std::uint32_t b) {
      return all[a] != all[b] ? all[a] > all[b] : a < b;
    });
    ids.erase(end, ids.end());
    return ids;
  }
  static bool is_set(std::span<const std::uint64_t> mask, std::size_t id) {
    return mask.empty() || (mask[id / 64] >> id % 64 & 1) != 0;
  }
  /// Are the best `count`, and the logits of `ids`, exactly the whole head's?
  bool same_best(const LogitsNeeded& needed) const {
    const auto expected = best(exact, needed.best, needed.mask);
    bool same = best(now(), needed.best, needed.mask) == expected;
    const auto same_bits = [&](std::size_t id) {
      return std::memcmp(&exact[id], &now()[id], sizeof(float)) == 0;
    };
    for (const std::uint32_t id : expected)
      same = same && same_bits(id);
    for (const TokenId id : needed.ids)
      if (is_set(needed.mask, static_cast<std::size_t>(id)))
        same = same && same_bits(static_cast<std::size_t>(id));
    return same;
  }
};

struct Tally {
  std::size_t cases = 0, wrong = 0, small = 0;
};

/// A bit for each id, one in `every` of them set.
std::vector<std::uint64_t> random_mask(Random& random, std::size_t vocabulary, std::size_t every) {
  std::vector<std::uint64_t> mask((vocabulary + 63) / 64);
  for (std::size_t id = 0; id < vocabulary; ++id)
    if (pick(random, every) == 0)
      mask[id / 64] |= std::uint64_t{1} << id % 64;
  return mask;
}

Tally compare(Bench& bench, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Tally tally;
  for (std::size_t i = 0; i < count; ++i) {
    bench.random_state(random, i % 3);
    bench.whole();
    const auto ids = random_ids(random.next(), pick(random, 20), bench.vocabulary());
    constexpr std::size_t kEvery[] = {0, 0, 2, 20,
                                      300}; // one in so many ids is allowed; 0: no mask
    const std::size_t every = kEvery[pick(random, std::size(kEvery))];
    const std::vector<std::uint64_t> mask =
        every == 0 ? std::vector<std::uint64_t>() : random_mask(random, bench.vocabulary(), every);
    const LogitsNeeded needed{.best = i % 2 == 0 ? 1 : 1 + pick(random, 64),
                              .ids = i % 3 == 0 ? std::span<const TokenId>() : ids,
                              .mask = mask};
    ++tally.cases;
    if (!bench.small(needed))
      continue; // the caller takes the whole head
    ++tally.small;
    tally.wrong += bench.same_best(needed) ? 0 : 1;
  }
  return tally;
}

} // namespace

TEST_CASE("a small head gives the best tokens of the whole one, for every type of matrix",
          "[model]") {
  for (const HeadType head : kHeads) {
    Tally all;
    for (const DType type :
         {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ6_K})
      for (const bool tied : {true, false}) {
        Random random(1);
        Bench bench(model_with(random_rows(random, 5000, 256), 256, type, tied), head);
        const Tally one = compare(bench, 150, 2);
        INFO(dtype_info(type).name);
        CHECK(one.wrong == 0);
        CHECK(one.small > one.cases / 2); // otherwise the small head would be no use
        all.cases += one.cases;
      }
    CHECK(all.cases >= 1000);
  }
}

TEST_CASE("a small head of a hostile matrix", "[model]") {
  constexpr std::size_t kHidden = 256, kRows = 5000;
  struct Kind {
    const char* name;
    void (*spoil)(Random& random, std::vector<float>& rows);
    std::size_t least; ///< cases of 100 in which scoring some of the rows is enough
  };
  const Kind kinds[] = {
      {"near duplicates",
       [](Random& random, std::vector<float>& rows) {
         for (std::size_t i = kHidden; i < rows.size(); ++i)
           rows[i] = rows[i % kHidden] * (1.0F + 1e-4F * random.uniform());
       },
       0},
      {"a hundred families of near duplicates",
       [](Random& random, std::vector<float>& rows) {
         for (std::size_t i = 100 * kHidden; i < rows.size(); ++i)
           rows[i] = rows[i % (100 * kHidden)] + 1e-4F * random.uniform();
       },
       50},
      {"one huge weight in each row",
       [](Random& random, std::vector<float>& rows) {
         for (std::size_t r = 0; r < kRows; ++r)
           rows[r * kHidden + pick(random, kHidden)] = 20.0F * random.uniform();
       },
       0},
      {"a huge weight in a few rows",
       [](Random& random, std::vector<float>& rows) {
         for (std::size_t r = 0; r < kRows; r += 100)
           rows[r * kHidden + pick(random, kHidden)] = 5.0F;
       },
       50},
      {"rows of very different lengths",
       [](Random& random, std::vector<float>& rows) {
         for (std::size_t r = 0; r < kRows; ++r) {
           const float length = std::exp2(10.0F * random.uniform());
           for (std::size_t c = 0; c < kHidden; ++c)
             rows[r * kHidden + c] *= length;
         }
       },
       50},
      {"rows of zeros",
       [](Random& random, std::vector<float>& rows) {
         for (std::size_t r = 0; r < kRows; ++r)
           if (pick(random, 4) != 0)
             std::fill_n(rows.begin() + static_cast<std::ptrdiff_t>(r * kHidden), kHidden, 0.0F);
       },
       50},
      {"nothing but zeros",
       [](Random&, std::vector<float>& rows) { std::ranges::fill(rows, 0.0F); }, 0},
      {"all rows equal",
       [](Random&, std::vector<float>& rows) {
         for (std::size_t i = kHidden; i < rows.size(); ++i)
           rows[i] = rows[i % kHidden];
       },
       0},
      {"two values in all",
       [](Random& random, std::vector<float>& rows) {
         for (float& weight : rows)
           weight = pick(random, 2) == 0 ? 0.5F : -0.5F;
       },
       50},
      {"too small for quantisation",
       [](Random&, std::vector<float>& rows) {
         for (float& weight : rows)
           weight *= 1e-7F;
       },
       0},
      {"as large as floats get",
       [](Random&, std::vector<float>& rows) {
         for (float& weight : rows)
           weight *= 0x1p126F;
       },
       0},
      {"all as negative as floats get, so that every small logit may be infinite",
       [](Random&, std::vector<float>& rows) {
         for (float& weight : rows)
           weight = -3e38F;
       },
       0},
      {"sparse rows",
       [](Random& random, std::vector<float>& rows) {
         for (float& weight : rows)
           weight = pick(random, 50) == 0 ? weight : 0.0F;
       },
       50},
  };
  for (const HeadType head : kHeads)
    for (const Kind& kind : kinds) {
      Random random(3);
      auto rows = random_rows(random, kRows, kHidden);
      kind.spoil(random, rows);
      Bench bench(model_with(rows, kHidden, DType::kF32), head);
      const Tally tally = compare(bench, 100, 4);
      INFO(kind.name << ", " << (head == HeadType::kInt4 ? "int4" : "int8") << ": " << tally.small
                     << " of " << tally.cases << " by the small head");
      CHECK(tally.wrong == 0);
      CHECK(tally.small >= kind.least);
    }
}

TEST_CASE("small logits are the same bits on every kernel and with any number of threads",
          "[model]") {
  Random random(5);
  const ByteVector file = model_with(random_rows(random, 5000, 256), 256, DType::kF16);
  for (const HeadType head : kHeads) {
    Bench first(file, head, "scalar");
    first.random_state(random, 1);
    const LogitsNeeded needed{.best = 40, .ids = {}, .mask = {}};
    REQUIRE(first.small(needed));
    for (const Kernels* k : all_kernels())
      for (const std::uint32_t threads : {1U, 3U}) {
        INFO(k->name << ", " << threads);
        const auto parallel = make_parallel(threads);
        Bench other(file, head, k->name);
        std::ranges::copy(first.hidden(), other.hidden().begin());
        CHECK(other.small(needed, *parallel));
        CHECK(std::memcmp(first.now().data(), other.now().data(), first.now().size_bytes()) == 0);
      }
  }
}

TEST_CASE("what a small head cannot do, the whole one does", "[model]") {
  Random random(6);
  const auto rows = random_rows(random, 600, 64);
  for (const HeadType head : kHeads) {
    Bench bench(model_with(rows, 64, DType::kF16), head);
    bench.random_state(random, 0);
    CHECK_FALSE(bench.small({}));                                   // all
    CHECK_FALSE(bench.small({.best = 400, .ids = {}, .mask = {}})); // most
    bench.whole();
    CHECK(bench.small({.best = 10, .ids = {}, .mask = {}}));
    logits(bench.loaded->network, bench.state, 0, bench.serial);
    CHECK(std::memcmp(bench.now().data(), bench.exact.data(), bench.now().size_bytes()) == 0);
    const std::vector<std::uint64_t> nothing((bench.vocabulary() + 63) / 64);
    CHECK_FALSE(bench.small({.best = 10, .ids = {}, .mask = nothing}));

    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      bench.hidden()[3] = bad;
      CHECK_FALSE(bench.small({.best = 1, .ids = {}, .mask = {}}));
    }
  }
}

TEST_CASE("a vocabulary of a few tokens", "[model]") {
  for (const HeadType head : kHeads) {
    Random random(7);
    Bench bench(model_with(random_rows(random, 300, 64), 64, DType::kF16), head);
    const Tally tally = compare(bench, 100, 8);
    CHECK(tally.wrong == 0);
    CHECK(tally.small > 0);
  }
}

TEST_CASE("a small head's codes are the nearest, its lengths true", "[model]") {
  constexpr std::size_t kRows = 37, kHidden = 96;
  Random random(9);
  const auto rows = random_rows(random, kRows, kHidden);
  for (const HeadType type : kHeads) {
    const auto loaded = load_network(
        [&] {
          auto padded = rows;
          padded.resize(300 * kHidden);
          return model_with(padded, kHidden, DType::kF32);
        }(),
        "scalar", false, type);
    const SmallHead& head = loaded->network.weights.small_head;
    REQUIRE(head.type == type);
    CHECK(head.bytes() == HeadQuantizer::bytes(type, *loaded->network.kernels, 300, kHidden));
    const int levels = type == HeadType::kInt4 ? 7 : 63;
    std::size_t far = 0;
    for (std::size_t r = 0; r < kRows; ++r) {
      float most = 0.0F;
      double lost = 0.0, length = 0.0;
      for (std::size_t c = 0; c < kHidden; ++c)
        most = std::max(most, std::fabs(rows[r * kHidden + c]));
      for (std::size_t c = 0; c < kHidden; ++c) {
        const float weight = rows[r * kHidden + c];
        const float scale = head.row_scales[r];
        const float near = std::clamp(std::round(weight / scale), static_cast<float>(-levels),
                                      static_cast<float>(levels)) *
                           scale;
        // By way of int8: beside the step's half, half a step of 127.
        far += std::fabs(weight - near) <= 0.5F * scale + most / 254.0F ? 0 : 1;
        lost += static_cast<double>((weight - near) * (weight - near));
        length += static_cast<double>(near * near);
      }
      CHECK(head.row_scales[r] == Catch::Approx(most / static_cast<float>(levels)).epsilon(0.01));
      CHECK(static_cast<double>(head.lengths[r]) == Catch::Approx(std::sqrt(length)).epsilon(0.02));
      CHECK(static_cast<double>(head.lost[r]) >=
            0.999 * std::sqrt(lost)); // near is the best there is
      CHECK(static_cast<double>(head.lost[r]) <= 1.2 * std::sqrt(lost));
    }
    CHECK(far == 0);
  }
}

TEST_CASE("a small head's memory is counted and held to the limits", "[model]") {
  Random random(10);
  const auto rows = random_rows(random, 300, 64);
  const auto file = model_with(rows, 64, DType::kF16);
  const auto plain = load_network(file);
  CHECK(plain->network.weights.small_head.empty());
  CHECK(plain->network.weights.small_head.bytes() == 0);
  for (const HeadType type : kHeads) {
    const auto loaded = load_network(file, {}, false, type);
    CHECK(loaded->network.weights.bytes ==
          plain->network.weights.bytes + loaded->network.weights.small_head.bytes());
    const SessionOptions options{.context = 4, .batch = 1};
    CHECK(State::bytes(loaded->network.config, options, type) >
          State::bytes(loaded->network.config, options));
  }
  // 18 bytes for a row of the file's, 256 codes for it in int8: a small file must not become a large model.
  TinyOptions narrow;
  narrow.layers = 1;
  narrow.hidden = 32;
  narrow.ffn = 64;
  narrow.heads = 1;
  narrow.kv_heads = 1;
  narrow.embedding = DType::kQ4_0;
  narrow.vocabulary = 100'000;
  LoadedNetwork network;
  const Status status = network.load(make_tiny_model(narrow), {}, false, HeadType::kInt8);
  CHECK((!status && status.error().code() == ErrorCode::LimitExceeded));
  LoadedNetwork smaller;
  CHECK(smaller.load(make_tiny_model(narrow), {}, false, HeadType::kInt4));

  CHECK(HeadQuantizer::check(kScanColumns));
  const Status wide = HeadQuantizer::check(kScanColumns + 1);
  CHECK((!wide && wide.error().code() == ErrorCode::LimitExceeded));
}

TEST_CASE("a matrix that is refused is refused with a small head", "[model]") {
  for (const HeadType type : kHeads)
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      Random random(11);
      auto rows = random_rows(random, 300, 64);
      rows[77 * 64 + 5] = bad;
      LoadedNetwork network;
      const Status status = network.load(model_with(rows, 64, DType::kF32), {}, false, type);
      CHECK((!status && status.error().code() == ErrorCode::BadWeights));
    }
}
