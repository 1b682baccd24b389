// Which kernels there are and what their names give.
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

#include <catch_amalgamated.hpp>

#include <set>
#include <string_view>

using namespace bitnet;

TEST_CASE("all kernels: best first, scalar last, each once", "[kernels]") {
  const auto all = all_kernels();
  CHECK_FALSE(all.empty());
  CHECK(all.back()->name == "scalar");
  std::set<std::string_view> names;
  for (const Kernels* k : all) {
    INFO(k->name);
    CHECK(names.insert(k->name).second);
    CHECK(cpu_runs(k->name));
    CHECK(find_kernels(k->name) == k);
    CHECK((k->quantize && k->quantize_blocks && k->ternary && k->ternary_shared && k->rmsnorm &&
           k->attend_f32 && k->attend_f16 && k->to_half && k->relu2_mul && k->silu_mul && k->add));
    CHECK(k->shared_from > 0);
    for (const auto dense : k->dense)
      CHECK(dense != nullptr);
  }
  CHECK(all_kernels().data() == all.data()); // asked once
}

TEST_CASE("a name gives those kernels, no name the best, an unknown name none", "[kernels]") {
  CHECK(find_kernels("") == all_kernels().front());
  const Kernels* scalar = find_kernels("scalar");
  CHECK(scalar == all_kernels().back());
  CHECK((scalar != nullptr && scalar->name == "scalar" && scalar->strip_bytes == 16 &&
         scalar->tile_rows == 4));
  if (all_kernels().size() > 1) // forced, not merely relabelled
    CHECK(scalar->ternary != all_kernels().front()->ternary);
  for (const char* name : {"avx512", "Scalar", "scala", "scalar ", "avx", "sse2", "auto"})
    CHECK(find_kernels(name) == nullptr);
  CHECK_FALSE(cpu_runs("avx1024"));
  CHECK_FALSE(cpu_runs(""));
}
