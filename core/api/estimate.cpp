// What a model takes, before it takes it: the sizes that loading and sessions themselves allocate by, added up.
#include "api/loader_data.h"
#include "base/checked.h"
#include "engine/engine.h"

#include <algorithm>

namespace bitnet::detail {

Result<Estimate> LoaderData::estimate(const SessionOptions& session) const noexcept {
  const Config& config = model->network.config;
  const auto resolved = resolve_options(config, session);
  BITNET_TRY(resolved);
  Estimate answer;
  const WeightsSize size = weights->size();
  answer.model = model->info;
  answer.model.weight_bytes = answer.weight_bytes = size.least;
  answer.weight_bytes_most = size.most;
  answer.session_bytes = State::bytes(config, *resolved, options.head);
  const std::uint64_t tokenizer = model->tokenizer->bytes();
  const std::uint64_t tables = gguf.metadata.bytes() + gguf.tensors.bytes() + gguf.by_name.bytes() +
                               std::uint64_t{config.layers} * sizeof(Layer);
  // A header that had to grow was there with its half before.
  const std::uint64_t header = header_bytes + tables + tokenizer;
  const std::uint64_t session_end =
      checked_add(size.most + tokenizer, answer.session_bytes).value_or(UINT64_MAX);
  answer.peak_bytes =
      std::max({header + header_bytes / 2, header + size.most + size.loading, session_end});
  return answer;
}

Status LoaderData::check_limit() const noexcept {
  if (options.memory_limit == 0)
    return {};
  const auto needed = estimate(options.session);
  BITNET_TRY(needed);
  if (needed->peak_bytes > options.memory_limit)
    return Error(ErrorCode::MemoryLimit)
           << needed->peak_bytes << " bytes (weights " << needed->weight_bytes_most << ", session "
           << needed->session_bytes << "), the limit is " << options.memory_limit;
  return {};
}

} // namespace bitnet::detail
