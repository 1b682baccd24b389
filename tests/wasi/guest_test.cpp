// What the examples do not reach of wasi/nn/guest/bitnet_nn.hpp: guest.test.mjs runs this on a host of its own making,
// whose model is called "test" and whose vectors are {0.5, -1e-05, 3}. The exit status is the number of failures.
//   guest_test.wasm PROMPT MAX_TOKENS STOP      tells instead, as JSON, what that gives as a whole and in pieces
#include "bitnet_nn.hpp"

#include <cstdio>
#include <cstdlib>

namespace nn = bitnet::guest;

namespace {

int failures = 0;

void check(bool passed, const char* what) {
  if (passed)
    return;
  ++failures;
  std::fprintf(stderr, "failed: %s\n", what);
}

void json() {
  check(nn::to_json({}) == "{}", "no options");
  check(nn::to_json({.max_tokens = 0, .temperature = 0.5F, .embedding = false}) ==
            R"({"n-predict":0,"temp":0.5,"embedding":false})",
        "only what is set");
  check(nn::to_json({.stop = "\"\n", .more = R"("pooling":"mean")"}) ==
            R"({"reverse-prompt":"\"\u000a","pooling":"mean"})",
        "text and more");
  check(nn::to_json({.more = R"("a":1)"}) == R"({"a":1})", "more alone");
  check(nn::json_string("\xC3\xA9\xF0\x9F\x90\xBE\x7F/") == "\"\xC3\xA9\xF0\x9F\x90\xBE\x7F/\"",
        "UTF-8 stays");
  check(nn::json_string(std::string_view("a\0b", 3)) == R"("a\u0000b")", "a zero byte");
  for (const std::string_view bad : {"\x80", "\xC1", "\xC3", "\xF5", "\xFF"})
    check(nn::json_string(bad) == R"("\ufffd")", "a byte that is not UTF-8");
  check(nn::json_string("\xE2\x82") == R"("\ufffd\ufffd")", "a character cut short");
  check(nn::json_string("\xED\xA0\x80") == R"("\ufffd\ufffd\ufffd")", "a surrogate");
  check(nn::json_string("\xF0\x80\x80\x80") == R"("\ufffd\ufffd\ufffd\ufffd")", "an overlong form");
  check(nn::Chat::to_json({}) == "[]", "no messages");
}

void embeddings() {
  auto graph = nn::Graph::load("test", {.embedding = true});
  check(static_cast<bool>(graph), "graph");
  auto context = graph->context();
  check(static_cast<bool>(context), "context");
  const auto vector = context->embed("text");
  check(vector && *vector == std::vector<float>{0.5F, -1e-05F, 3.0F}, "vector");
}

void handles() {
  const std::uint8_t bytes[] = {'G', 'G', 'U', 'F'};
  auto first = nn::Graph::load(bytes, {.context = 64}, nn::Encoding::kBitNet);
  auto second = nn::Graph::load("test");
  check(first && second, "graphs");
  *first = std::move(*second); // each is given back once
  auto context = first->context();
  check(static_cast<bool>(context), "a context of a moved graph");
  const auto missing = nn::Graph::load("missing");
  check(!missing && missing.error().text() == "load_by_name_with_config: NotFound", "error");
}

void stopping() {
  auto graph = nn::Graph::load("test", {.max_tokens = 3});
  auto context = graph->context();
  const auto limit = context->generate("on", [](std::string_view) {});
  check(limit && limit->finish == nn::Finish::kLimit && limit->tokens == 3, "limit");
  check(limit->details.starts_with('{'), "details");
  int pieces = 0;
  const auto stopped =
      context->generate("on", [&pieces](std::string_view) { return ++pieces < 2; });
  check(stopped && stopped->finish == nn::Finish::kStopped && pieces == 2, "stopped");
  check(static_cast<bool>(context->set({.max_tokens = 1})), "set");
  const auto one = context->generate("on", [](std::string_view) {});
  check(one && one->tokens == 1, "the new limit");
}

int tell(const char* prompt, const char* most, const char* stop) {
  auto graph = nn::Graph::load(
      "default", {.max_tokens = static_cast<std::uint32_t>(std::atoi(most)), .stop = stop});
  if (!graph)
    return 1;
  auto context = graph->context();
  if (!context)
    return 1;
  const auto whole = context->complete(prompt);
  std::string text;
  const auto end = context->generate(prompt, [&text](std::string_view piece) { text += piece; });
  if (!whole || !end)
    return 1;
  std::printf("{\"whole\":%s,\"pieces\":%s,\"finish\":%d,\"tokens\":%u,\"details\":%s}\n",
              nn::json_string(*whole).c_str(), nn::json_string(text).c_str(),
              static_cast<int>(end->finish), end->tokens, nn::json_string(end->details).c_str());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc == 4)
    return tell(argv[1], argv[2], argv[3]);
  json();
  embeddings();
  handles();
  stopping();
  return failures;
}
