// See abi.h.
#include "nn/host.h"

#include <cstring>

namespace bitnet::nn {

void LinearMemory::copy_out(std::uint32_t offset, MutableBytes into) const noexcept {
  std::memcpy(into.data(), base_ + offset, into.size());
}
void LinearMemory::copy_in(std::uint32_t offset, Bytes from) noexcept {
  std::memcpy(base_ + offset, from.data(), from.size());
}

std::optional<OutputRule> output_rule(std::string_view name) noexcept {
  if (name == "probe")
    return OutputRule::kProbe;
  if (name == "clamp")
    return OutputRule::kClamp;
  if (name == "llamaedge")
    return OutputRule::kLlamaEdge;
  return std::nullopt;
}

std::span<const Function> functions() noexcept {
  static constexpr Function kFunctions[] = {
      {"load", 5, &Host::load},
      {"load_by_name", 3, &Host::load_by_name},
      {"load_by_name_with_config", 5, &Host::load_by_name_with_config},
      {"init_execution_context", 2, &Host::init_execution_context},
      {"set_input", 3, &Host::set_input},
      {"compute", 1, &Host::compute},
      {"get_output", 5, &Host::get_output},
      {"compute_single", 1, &Host::compute_single},
      {"get_output_single", 5, &Host::get_output_single},
      {"fini_single", 1, &Host::fini_single},
      {"unload", 1, &Host::unload},
      {"finalize_execution_context", 1, &Host::finalize_execution_context},
  };
  return kFunctions;
}

} // namespace bitnet::nn
