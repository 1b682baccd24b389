// One prompt, one answer, with the standard's functions alone: this program starts on every host of WASI-NN.
//   one_shot.wasm PROMPT [NAME]      NAME: the host's name for the model, "default" when not given
#include "bitnet_nn.hpp"

#include <cstdio>

namespace nn = bitnet::guest;

namespace {

int fail(const nn::Error& error) {
  std::fprintf(stderr, "one_shot: %s\n", error.text().c_str());
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: one_shot.wasm PROMPT [NAME]\n", stderr);
    return 2;
  }
  const auto graph = nn::StandardGraph::load(argc > 2 ? argv[2] : "default", {.max_tokens = 100});
  if (!graph)
    return fail(graph.error());
  auto context = graph->context();
  if (!context)
    return fail(context.error());
  const auto answer = context->complete(argv[1]);
  if (!answer)
    return fail(answer.error());
  std::printf("%s\n", answer->c_str());
  return 0;
}
