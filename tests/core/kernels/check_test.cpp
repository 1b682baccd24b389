// The check that runs on users' machines: it passes here, and it notices each kind of kernel going wrong.
#include "kernels/kernels.h"
#include "kernels/pack.h"

#include <catch_amalgamated.hpp>

#include <bit>

using namespace bitnet;

namespace {

const Kernels& honest() { return *all_kernels().front(); }

/// The last bit of a float, turned over.
float off_by_a_bit(float value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ 1U);
}

bool caught(const Kernels& broken) {
  std::size_t total = 0;
  return check_against_scalar(broken, &total) < total && total > 0;
}

} // namespace

TEST_CASE("every set of kernels agrees with scalar on this machine", "[kernels]") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    std::size_t total = 0;
    const std::size_t agreed = check_against_scalar(*k, &total);
    CHECK(agreed == total);
    CHECK(total >= 20);
  }
}

TEST_CASE("one wrong bit in any kernel is caught", "[kernels]") {
  Kernels k = honest();
  k.quantize = [](const float* x, std::size_t columns, std::int8_t* values, std::int32_t* sums,
                  float* scale) {
    honest().quantize(x, columns, values, sums, scale);
    *scale = off_by_a_bit(*scale);
  };
  CHECK(caught(k));

  k = honest();
  k.quantize_blocks = [](const float* x, std::size_t columns, std::int8_t* values, float* scales) {
    honest().quantize_blocks(x, columns, values, scales);
    values[columns - 1] = static_cast<std::int8_t>(values[columns - 1] ^ 1);
  };
  CHECK(caught(k));

  k = honest();
  k.ternary = [](const TernaryMatrix& matrix, const Int8Batch& x, std::size_t first,
                 std::size_t tiles, float* out, std::size_t stride) {
    honest().ternary(matrix, x, first, tiles, out, stride);
    out[stride * (x.count - 1) + matrix.rows - 1] += 1.0F; // the last row of the last vector
  };
  CHECK(caught(k));
  std::swap(k.ternary, k.ternary_shared);
  CHECK(caught(k));

  k = honest();
  k.scan[0] = k.scan[1]; // the right sums of codes of another width
  CHECK(caught(k));
  k = honest();
  k.scan[1] = [](const ScanMatrix& matrix, const Int8Batch& x, std::size_t first, std::size_t tiles,
                 float* out) {
    honest().scan[1](matrix, x, first, tiles, out);
    out[matrix.rows - 1] += 1.0F;
  };
  CHECK(caught(k));

  for (std::size_t t = 0; t < kDenseTypes; ++t) {
    INFO("dense type " << t);
    k = honest();
    k.dense[t] = [](const DenseMatrix&, const DenseBatch&, std::size_t, std::size_t, float*,
                    std::size_t) {};
    CHECK(caught(k));
  }

  k = honest();
  k.rmsnorm = [](const float* x, const float* weight, std::size_t columns, float epsilon,
                 float* out) {
    honest().rmsnorm(x, weight, columns, epsilon, out);
    out[columns - 1] = off_by_a_bit(out[columns - 1]);
  };
  CHECK(caught(k));

  k = honest();
  k.attend_f32 = [](const Attention& head) {
    honest().attend_f32(head);
    head.out[0] = off_by_a_bit(head.out[0]);
  };
  CHECK(caught(k));

  k = honest();
  k.attend_f16 = [](const Attention& head) {
    honest().attend_f16(head);
    head.out[head.stride - 1] = off_by_a_bit(head.out[head.stride - 1]);
  };
  CHECK(caught(k));

  k = honest();
  k.to_half = [](const float* x, std::size_t count, std::uint16_t* out) {
    honest().to_half(x, count, out);
    out[count - 1] = static_cast<std::uint16_t>(out[count - 1] ^ 1U);
  };
  CHECK(caught(k));

  for (auto member : {&Kernels::relu2_mul, &Kernels::silu_mul}) {
    k = honest();
    k.*member = [](float*, const float*, std::size_t) {};
    CHECK(caught(k));
  }
  k = honest();
  k.add = [](float* x, const float* y, std::size_t count) {
    honest().add(x, y, count);
    x[count - 1] = off_by_a_bit(x[count - 1]);
  };
  CHECK(caught(k));
}
