// The self-test: do the kernels and the built-in model give the stored answers on this machine?
#include "bitnet/bitnet.hpp"
#include "kernels/kernels.h"
#include "kernels/pack.h"

#include <algorithm>

namespace bitnet {
namespace {

/// Golden answers of the built-in model, made by scripts/update-golden from the scalar kernels and judged by the
/// independent reference models/reference.py.
namespace golden {
#include "api/golden.inc"
} // namespace golden

} // namespace

Result<std::uint32_t> check_kernels(std::string_view isa) noexcept {
  const Kernels* kernels = find_kernels(isa);
  if (kernels == nullptr)
    return Error(ErrorCode::UnknownIsa) << isa;
  std::size_t total = 0;
  const std::size_t agreed = check_against_scalar(*kernels, &total);
  if (agreed != total)
    return Error(ErrorCode::SelfTestFailed)
           << kernels->name << " differs from scalar in case " << std::uint64_t{agreed + 1}
           << " of " << std::uint64_t{total};
  return static_cast<std::uint32_t>(total);
}

Result<SelfTestReport> self_test(const Model& builtin_model, Parallel& parallel) noexcept {
  SelfTestReport report;
  const auto cases = check_kernels(builtin_model.info().isa);
  BITNET_TRY(cases);
  report.kernel_cases = *cases;
  if (builtin_model.info().name != golden::kModelName ||
      builtin_model.info().file_bytes != golden::kFileBytes)
    return Error(ErrorCode::InvalidArgument) << "the self-test needs the built-in model";

  auto session = Session::make(builtin_model, {}, parallel);
  BITNET_TRY(session);
  GenerateOptions options;
  options.max_tokens = static_cast<std::uint32_t>(std::size(golden::kIds));
  options.ignore_end = true;
  BITNET_TRY(session->start(golden::kPrompt, options));
  std::uint64_t hash = kHashStart;
  for (;;) {
    const auto step = session->next();
    BITNET_TRY(step);
    if (step->kind == Step::Kind::kEnd)
      break;
    if (step->kind == Step::Kind::kPrefill)
      continue;
    hash = hash_logits(session->logits(), hash);
    if (step->id != golden::kIds[report.tokens])
      return Error(ErrorCode::SelfTestFailed) << "token " << report.tokens << " is " << step->id
                                              << ", must be " << golden::kIds[report.tokens];
    ++report.tokens;
  }
  report.logits_hash = hash;
  if (report.tokens != std::size(golden::kIds) || hash != golden::kLogitsHash)
    return Error(ErrorCode::SelfTestFailed)
           << "the logits differ in some bit although the ids agree";
  return report;
}

} // namespace bitnet
