// The table of one instruction set from its policy V: Few and Shared are ternary.h's bodies or ternary_lut.h's, S the
// policy of scan.h's body where V is not one for ternary.h's loop.
#pragma once

#include "kernels/generic/attention.h"
#include "kernels/generic/dense.h"
#include "kernels/generic/floats.h"
#include "kernels/generic/scan.h"
#include "kernels/generic/ternary.h"

namespace bitnet::generic {

/// What was measured: tuned.def.
constexpr std::size_t tuned_shared_from(std::string_view name) {
  constexpr std::size_t kNever = SIZE_MAX;
#define BITNET_TUNED(isa, shared_from)                                                             \
  if (name == #isa)                                                                                \
    return shared_from;
#include "kernels/tuned.def"
#undef BITNET_TUNED
  return kNever;
}

template <class V, auto Few = ternary<V>, auto Shared = ternary_shared<V>, class S = V>
constexpr Kernels make_kernels(std::string_view name, bool (*suits)() = nullptr) {
  static_assert(kRowPad % V::kTileRows == 0);
  static_assert(kColumnPad % (4 * V::kStripBytes) == 0);
  static_assert(kRowPad % S::kTileRows == 0 && kColumnPad % (2 * S::kStripBytes) == 0);
  return Kernels{
      .name = name,
      .suits = suits,
      .tile_rows = V::kTileRows,
      .strip_bytes = V::kStripBytes,
      .scan_tile_rows = S::kTileRows,
      .scan_strip_bytes = S::kStripBytes,
      .quantize = quantize<V>,
      .quantize_blocks = quantize_blocks<V>,
      .ternary = Few,
      .ternary_shared = Shared,
      .shared_from = tuned_shared_from(name),
      .scan = {scan<S, ScanType::k4>, scan<S, ScanType::k7>},
      .dense = {dense_f32<V>, dense_f16<V>, dense_bf16<V>, dense_q8_0<V>, dense_q4_0<V>,
                dense_q6_k<V>},
      .rmsnorm = rmsnorm<V>,
      .attend_f32 = attend_f32<V>,
      .attend_f16 = attend_f16<V>,
      .to_half = to_half<V>,
      .relu2_mul = relu2_mul<V>,
      .silu_mul = silu_mul<V>,
      .add = add<V>,
  };
}

} // namespace bitnet::generic
