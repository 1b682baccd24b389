// A conversation, answered as it is generated. Lines of standard input are what the user says.
//   chat.wasm [NAME]      NAME: the host's name for the model, "default" when not given
#include "bitnet_nn.hpp"

#include <cstdio>
#include <string>

namespace nn = bitnet::guest;

namespace {

int fail(const nn::Error& error) {
  std::fprintf(stderr, "chat: %s\n", error.text().c_str());
  return 1;
}

bool read_line(std::string& line) {
  line.clear();
  int c;
  while ((c = std::getchar()) != EOF && c != '\n')
    line += static_cast<char>(c);
  return c != EOF || !line.empty();
}

} // namespace

int main(int argc, char** argv) {
  const auto graph = nn::Graph::load(argc > 1 ? argv[1] : "default", {.max_tokens = 200});
  if (!graph)
    return fail(graph.error());
  auto chat = nn::Chat::start(*graph);
  if (!chat)
    return fail(chat.error());

  for (std::string line; read_line(line);) {
    if (line.empty())
      continue;
    const auto end = chat->say(line, [](std::string_view piece) {
      std::fwrite(piece.data(), 1, piece.size(), stdout);
      return std::fflush(stdout) == 0; // nobody reads any more: no need to go on
    });
    if (!end)
      return fail(end.error());
    std::puts("");
  }
  return 0;
}
