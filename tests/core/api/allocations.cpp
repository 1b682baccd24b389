// Decoding allocates nothing, loading no more than was estimated: every allocation of the core and of this file goes through here (tests/CMakeLists.txt asks
// the linker for that where it can).
#include "core/api/api_support.h"
#include "platform/threads.h"

#include <atomic>
#include <cstdlib>

#include <malloc.h>

namespace {

std::atomic<std::size_t> allocations = 0;
/// Bytes of Buffers and Vecs, which come from the C functions: those there are, and the most there were.
std::atomic<std::int64_t> live = 0, most = 0;

void* count(void* memory) {
  ++allocations;
  const std::int64_t now = live += static_cast<std::int64_t>(malloc_usable_size(memory));
  if (now > most)
    most = now;
  return memory;
}

} // namespace

// The linker's names: it sends calls of NAME to __wrap_NAME, and those of __real_NAME to NAME.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
void* __real_malloc(std::size_t);
void __real_free(void*);
void* __real_calloc(std::size_t, std::size_t);
void* __real_realloc(void*, std::size_t);
void* __real_aligned_alloc(std::size_t, std::size_t);
void* __real__Znwm(std::size_t);
void* __real__ZnwmRKSt9nothrow_t(std::size_t, const std::nothrow_t&);
void* __real__ZnamRKSt9nothrow_t(std::size_t, const std::nothrow_t&);

void* __wrap_malloc(std::size_t bytes) { return count(__real_malloc(bytes)); }
void __wrap_free(void* memory) {
  live -= static_cast<std::int64_t>(malloc_usable_size(memory));
  __real_free(memory);
}
void* __wrap_calloc(std::size_t count, std::size_t bytes) {
  return ::count(__real_calloc(count, bytes));
}
void* __wrap_realloc(void* old, std::size_t bytes) {
  const auto before = static_cast<std::int64_t>(malloc_usable_size(old));
  void* grown = __real_realloc(old, bytes);
  if (grown == nullptr)
    return nullptr;
  live -= before;
  return count(grown);
}
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes) {
  return count(__real_aligned_alloc(alignment, bytes));
}
void* __wrap__Znwm(std::size_t bytes) {
  ++allocations;
  return __real__Znwm(bytes);
}
void* __wrap__ZnwmRKSt9nothrow_t(std::size_t bytes, const std::nothrow_t& tag) {
  ++allocations;
  return __real__ZnwmRKSt9nothrow_t(bytes, tag);
}
void* __wrap__ZnamRKSt9nothrow_t(std::size_t bytes, const std::nothrow_t& tag) {
  ++allocations;
  return __real__ZnamRKSt9nothrow_t(bytes, tag);
}
}
// NOLINTEND(bugprone-reserved-identifier)

namespace bitnet::test {

TEST_CASE("a token costs no allocation", "[api]") {
  const ByteVector file = small_file();
  const std::size_t before = allocations;
  const Model whole = load_model(file);
  CHECK(allocations > before); // the counter counts

  GenerateOptions greedily;
  GenerateOptions sampled;
  sampled.sampler.temperature = 0.8F;
  sampled.sampler.top_k = 20;
  sampled.sampler.top_p = 0.9F;
  sampled.sampler.repetition_penalty = 1.1F;
  const Model small = load_model(file, {.isa = {}, .head = HeadType::kInt4});
  for (auto [model, options] : {std::pair(&whole, greedily), std::pair(&whole, sampled),
                                std::pair(&small, greedily), std::pair(&small, sampled)}) {
    options.ignore_end = true;
    options.max_tokens = 50;
    for (const unsigned threads : {1U, 2U}) {
      const auto parallel = make_parallel(threads);
      REQUIRE(parallel);
      Session session = make_session(*model, *parallel);
      // Twice the same: buffers of text grow to what the longest token needs.
      for (int turn = 0; turn < 2; ++turn) {
        session.truncate(0);
        REQUIRE(session.start(Ids{3, 4, 5}, options));
        // No macro of Catch from here: they allocate.
        std::size_t tokens = 0;
        std::size_t settled = 0;
        while (tokens < 49) {
          const auto step = session.next();
          if (!step || step->kind == Step::Kind::kEnd)
            break;
          tokens += step->kind == Step::Kind::kToken ? 1U : 0U;
          if (tokens == 4 && settled == 0)
            settled = allocations.load();
        }
        const std::size_t now = allocations.load();
        CHECK(tokens == 49);
        if (turn == 1)
          CHECK(now == settled);
      }
    }
  }
}

TEST_CASE("loading and a session take what the header announced", "[api]") {
  TinyOptions shape;
  shape.layers = 1;
  for (const DType type : {DType::kI2_S, DType::kTQ2_0})
    for (const HeadType head : {HeadType::kFile, HeadType::kInt4}) {
      shape.ternary = type;
      const ByteVector file = make_tiny_model(shape);
      const LoadOptions options{.isa = {}, .head = head};
      const std::uint64_t size = file.size();
      auto estimator = ModelLoader::begin_estimate({&size, 1}, options);
      REQUIRE(estimator);
      std::int64_t before = most = live.load();
      for (auto range = estimator->wanted(); !range.into.empty(); range = estimator->wanted()) {
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(range.offset), range.into.size(),
                    range.into.begin());
        REQUIRE(estimator->accept());
      }
      const std::int64_t for_header = most - before;
      const auto estimate = estimator->estimate({});
      REQUIRE(estimate);

      before = most = live.load();
      MemorySource source(file);
      Serial serial;
      const auto model = Model::load(source, options);
      REQUIRE(model);
      const auto session = Session::make(*model, {}, serial);
      const std::int64_t took = most - before;
      REQUIRE(session);
      INFO("estimated " << estimate->peak_bytes << ", took " << took << ", header " << for_header);
      constexpr std::int64_t kRounding = std::int64_t{64} << 10;
      const auto peak = static_cast<std::int64_t>(estimate->peak_bytes);
      CHECK(took <= peak + kRounding);
      CHECK(took >= peak - peak / 10);
      CHECK(for_header < took / 2);
    }
}

} // namespace bitnet::test
