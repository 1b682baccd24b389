// The fingerprint of all logits of 200 greedy tokens: on every engine the same one for the same model. Only BitNet
// Edge's hosts tell it (option "logits-hash").
//   logits_hash.wasm [NAME]      prints "logits-hash HASH", once for a whole answer and once for one in pieces
#include "bitnet_nn.hpp"

#include <cstdio>
#include <string>

namespace nn = bitnet::guest;

namespace {

int fail(const nn::Error& error) {
  std::fprintf(stderr, "logits_hash: %s\n", error.text().c_str());
  return 1;
}

/// The sixteen digits that output 1 has for "logits_hash".
std::string hash_in(std::string_view details) {
  constexpr std::string_view kKey = "\"logits_hash\"";
  const std::size_t key = details.find(kKey);
  const std::size_t quote = details.find('"', key == details.npos ? key : key + kKey.size());
  return std::string(quote == details.npos ? "none" : details.substr(quote + 1, 16));
}

} // namespace

int main(int argc, char** argv) {
  const auto graph =
      nn::Graph::load(argc > 1 ? argv[1] : "default", {.max_tokens = 200,
                                                       .temperature = 0.0F,
                                                       .ignore_end = true,
                                                       .more = R"("logits-hash":true)"});
  if (!graph)
    return fail(graph.error());
  auto context = graph->context();
  if (!context)
    return fail(context.error());

  constexpr std::string_view kPrompt = "Once upon a time";
  const auto answer = context->complete(kPrompt);
  if (!answer)
    return fail(answer.error());
  const auto details = context->get_output(1);
  if (!details)
    return fail(details.error());
  std::printf("logits-hash %s\n", hash_in(*details).c_str());

  std::string pieces;
  const auto end =
      context->generate(kPrompt, [&pieces](std::string_view piece) { pieces += piece; });
  if (!end)
    return fail(end.error());
  std::printf("logits-hash %s\n", hash_in(end->details).c_str());

  if (pieces != *answer) {
    std::fprintf(stderr, "logits_hash: the pieces are not the answer\n");
    return 1;
  }
  return 0;
}
