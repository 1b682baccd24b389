// What an engine does with its context beside generating (engine.h): embeddings, copies, saving and restoring.
#include "engine/engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bitnet {

Status Engine::embed(std::span<const TokenId> ids, const EmbedOptions& options,
                     std::span<float> out) noexcept {
  if (ids.empty())
    return Error(ErrorCode::EmptyPrompt);
  if (out.size() != network_->config.hidden)
    return Error(ErrorCode::InvalidArgument) << "room for " << std::uint64_t{out.size()}
                                             << " floats, hidden size " << network_->config.hidden;
  if (ids.size() > state_.kv.capacity)
    return Error(ErrorCode::ContextFull)
           << std::uint64_t{ids.size()} << " tokens, context of " << capacity();
  BITNET_TRY(check_ids(ids));
  auto sums = Buffer<double>::make(out.size(), "embedding");
  BITNET_TRY(sums);
  truncate(0);
  const bool all = options.pooling == Pooling::kMean;
  const std::size_t count = all ? ids.size() : 1;
  while (!ids.empty()) {
    if (options.go_on != nullptr && !options.go_on(options.context))
      return Error(ErrorCode::Aborted);
    const auto batch = ids.first(std::min(ids.size(), state_.batch));
    ids = ids.subspan(batch.size());
    forward(*network_, state_, batch, history_.size(), *parallel_);
    BITNET_TRY(history_.append(batch));
    for (std::size_t i = all ? 0 : batch.size() - 1; (all || ids.empty()) && i < batch.size();
         ++i) {
      const auto state = hidden(*network_, state_, i, *parallel_);
      for (std::size_t d = 0; d < state.size(); ++d)
        (*sums)[d] += static_cast<double>(state[d]);
    }
  }
  double squares = 0.0;
  for (double& value : *sums) {
    value /= static_cast<double>(count);
    squares += value * value;
  }
  const double length = options.normalize && squares > 0.0 ? std::sqrt(squares) : 1.0;
  for (std::size_t d = 0; d < out.size(); ++d)
    out[d] = static_cast<float>((*sums)[d] / length);
  return {};
}

Result<Engine> Engine::fork(Parallel& parallel) const noexcept {
  auto other = make(*network_, *tokenizer_, options_, parallel);
  BITNET_TRY(other);
  const KvCache& from = state_.kv;
  KvCache& to = other->state_.kv;
  const std::size_t bytes = history_.size() * from.stride * from.element_bytes();
  for (std::size_t layer = 0; bytes != 0 && layer < network_->config.layers; ++layer)
    for (std::size_t head = 0; head < from.kv_heads; ++head) {
      const std::size_t at = from.at(layer, head, 0);
      std::memcpy(to.keys.data() + at, from.keys.data() + at, bytes);
      std::memcpy(to.values.data() + at, from.values.data() + at, bytes);
    }
  BITNET_TRY(other->history_.append(history_.span()));
  return other;
}

std::uint64_t Engine::save_begin() noexcept {
  restorer_.reset();
  return saver_.emplace(*network_, state_.kv, history_.span()).size();
}

Result<Bytes> Engine::save_piece() noexcept {
  if (!saver_)
    return Error(ErrorCode::InvalidState) << "nothing is being saved";
  return saver_->next(state_.kv, history_.span());
}

Status Engine::restore_begin(std::uint64_t size) noexcept {
  truncate(0);
  auto restorer = Restorer::begin(size);
  BITNET_TRY(restorer);
  restorer_ = std::move(*restorer);
  return {};
}

MutableBytes Engine::restore_wanted() noexcept {
  return restorer_ ? restorer_->wanted(state_.kv) : MutableBytes();
}

Status Engine::restore_accept() noexcept {
  if (!restorer_)
    return Error(ErrorCode::InvalidState) << "nothing is being restored";
  Status accepted = restorer_->accept(*network_, state_.kv);
  if (accepted && restorer_->wanted(state_.kv).empty())
    accepted = history_.append(restorer_->history());
  if (!accepted || restorer_->wanted(state_.kv).empty())
    restorer_.reset();
  return accepted;
}

} // namespace bitnet
