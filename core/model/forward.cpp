// The forward pass of formats.md 2.3 and 2.4 (BitNet b1.58, arXiv 2402.17764 and 2504.12285; Llama with BitLinear):
//
//   h = E[token]
//   for each layer:
//     x = norm(h);  q, k, v = W x;  rotate q, k;  o = softmax(q k^T / sqrt(d)) v
//     h = h + W_o subnorm(o)
//     x = norm(h);  u = act(W_gate x) * W_up x
//     h = h + W_down subnorm(u)
//   logits = W_head norm(h)
//
// Each verb stands in blocks.cpp and calls kernels. Nothing here depends on how many tokens run together or on how many
// threads, so neither changes a bit of the result.
#include "model/forward.h"

#include "model/blocks.h"

namespace bitnet {

void forward(const Network& network, State& state, std::span<const TokenId> ids,
             std::size_t position, Parallel& parallel) noexcept {
  const Config& c = network.config;
  Activations& a = state.a;
  const Pass pass{network, state, parallel, ids.size()};

  embed(pass, ids);
  turns(pass, position);
  for (std::size_t l = 0; l < c.layers; ++l) {
    const Layer& layer = network.weights.layers[l];

    norm(pass, {a.h.data(), state.width_h}, layer.attn_norm, {a.x.data(), state.width_x});
    linear(pass, {a.x.data(), state.width_x},
           {{&layer.q, a.q.data(), state.width_q},
            {&layer.k, a.k.data(), state.width_k},
            {&layer.v, a.v.data(), state.width_k}});
    rotate_and_cache(pass, l, position);
    attention(pass, l, position);
    if (c.architecture->sub_norms)
      norm(pass, {a.attended.data(), state.width_q}, layer.attn_sub_norm,
           {a.attended.data(), state.width_q});
    linear(pass, {a.attended.data(), state.width_q}, {{&layer.output, a.x.data(), state.width_x}});
    add_residual(pass);

    norm(pass, {a.h.data(), state.width_h}, layer.ffn_norm, {a.x.data(), state.width_x});
    linear(pass, {a.x.data(), state.width_x},
           {{&layer.gate, a.gate.data(), state.width_f}, {&layer.up, a.up.data(), state.width_f}});
    gate(pass);
    if (c.architecture->sub_norms)
      norm(pass, {a.gate.data(), state.width_f}, layer.ffn_sub_norm,
           {a.gate.data(), state.width_f});
    linear(pass, {a.gate.data(), state.width_f}, {{&layer.down, a.x.data(), state.width_x}});
    add_residual(pass);
  }
}

std::span<const float> hidden(const Network& network, State& state, std::size_t index,
                              Parallel& parallel) noexcept {
  Activations& a = state.a;
  const Pass pass{network, state, parallel, 1};
  norm(pass, {a.h.data() + index * state.width_h, state.width_h}, network.weights.output_norm,
       {a.x.data(), state.width_x});
  return {a.x.data(), network.config.hidden};
}

void logits(const Network& network, State& state, std::size_t index, Parallel& parallel,
            const LogitsNeeded& needed) noexcept {
  Activations& a = state.a;
  const Pass pass{network, state, parallel, 1};
  hidden(network, state, index, parallel);
  if (!network.weights.small_head.empty() && small_logits(pass, needed))
    return;
  linear(pass, {a.x.data(), state.width_x},
         {{&network.weights.output_head(), a.logits.data(), state.width_v}});
}

void logits_of_each(const Network& network, State& state, std::size_t count,
                    Parallel& parallel) noexcept {
  Activations& a = state.a;
  const Pass pass{network, state, parallel, count};
  norm(pass, {a.h.data(), state.width_h}, network.weights.output_norm, {a.x.data(), state.width_x});
  linear(pass, {a.x.data(), state.width_x},
         {{&network.weights.output_head(), a.logits.data(), state.width_v}});
}

} // namespace bitnet
