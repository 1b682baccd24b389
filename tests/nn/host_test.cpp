// The WASI-NN host, called as a runtime would call it, by guests that behave and by guests that do not.
#include "nn/guest.h"
#include "nn/limits.h"

#include <cstdio>
#include <fstream>

#include "platform/threads.h"

using namespace bitnet;
using namespace bitnet::test;

namespace {

/// The text that the engine gives for the same prompt.
std::string expected(const Model& model, std::string_view prompt, std::uint32_t tokens,
                     std::vector<std::string>* pieces = nullptr) {
  Serial serial;
  Session session = make_session(model, serial);
  Vec<TokenId> ids;
  CHECK(model.tokenize_framed(prompt, true, ids));
  GenerateOptions options;
  options.max_tokens = tokens;
  options.ignore_end = true;
  CHECK(session.start(ids.span(), options));
  std::string text;
  for (;;) {
    const auto step = session.next();
    REQUIRE(step);
    text += step->text;
    if (pieces != nullptr && !step->text.empty())
      pieces->emplace_back(step->text);
    if (step->kind == Step::Kind::kEnd)
      return text;
  }
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The number behind `"key": ` in a JSON.
long number_of(std::string_view json, std::string_view key) {
  const std::size_t at = json.find("\"" + std::string(key) + "\": ");
  REQUIRE(at != std::string_view::npos);
  return std::stol(std::string(json.substr(at + key.size() + 4)));
}

std::string config_of(std::string_view rest) {
  return R"({"ignore-eos": true, "n-predict": 12, )" + std::string(rest) + "}";
}

} // namespace

TEST_CASE("the table has the twelve functions with their parameters", "[nn]") {
  const std::vector<std::pair<std::string_view, unsigned>> wanted = {
      {"load", 5},        {"load_by_name", 3},   {"load_by_name_with_config", 5},
      {"set_input", 3},   {"compute", 1},        {"init_execution_context", 2},
      {"get_output", 5},  {"compute_single", 1}, {"get_output_single", 5},
      {"fini_single", 1}, {"unload", 1},         {"finalize_execution_context", 1},
  };
  CHECK(nn::functions().size() == wanted.size());
  for (const auto& [name, parameters] : wanted) {
    const auto found = std::ranges::find(nn::functions(), name, &nn::Function::name);
    INFO(name);
    REQUIRE(found != nn::functions().end());
    CHECK(found->parameters == parameters);
    CHECK(found->parameters <= nn::kMostParameters);
  }
}

TEST_CASE("a computation gives the engine's text, and its numbers", "[nn]") {
  Ready ready;
  CHECK(ready.graph == 0); // guests print "Graph#0"
  CHECK(ready.context == 0);
  Guest& guest = ready.guest;
  CHECK(guest.set_input(0, 0, "Hello the world") == Errno::kSuccess);
  Vec<TokenId> ids;
  CHECK(ready.world.model.tokenize_framed("Hello the world", true, ids));
  const std::string before = guest.metadata(0); // right after set_input
  CHECK(number_of(before, "input_tokens") == static_cast<long>(ids.size()));
  CHECK(number_of(before, "output_tokens") == 0);
  CHECK(has(before, "\"llama_commit\": \"bitnet-edge "));
  CHECK(has(before, "\"llama_build_number\": "));

  CHECK(guest.call("compute", {0}) == Errno::kSuccess);
  std::string text;
  CHECK(guest.output(0, 0, text) == Errno::kSuccess);
  CHECK(text == expected(ready.world.model, "Hello the world", 12));
  CHECK_FALSE(text.empty());
  const std::string after = guest.metadata(0);
  CHECK(number_of(after, "output_tokens") == 12);
  CHECK(has(after, "\"finish_reason\": \"length\""));
  CHECK(guest.printed.empty());
  CHECK(guest.log.empty());
}

TEST_CASE("piece by piece is the same text", "[nn]") {
  Ready ready;
  Guest& guest = ready.guest;
  CHECK(guest.set_input(0, 0, "Hello") == Errno::kSuccess);
  std::vector<std::string> pieces;
  const std::string whole = expected(ready.world.model, "Hello", 12, &pieces);
  for (int round = 0; round < 2; ++round) { // after the end it begins anew
    std::vector<std::string> got;
    Errno code = Errno::kSuccess;
    while ((code = guest.call("compute_single", {0})) == Errno::kSuccess && got.size() < 100)
      guest.output(0, 0, got.emplace_back(), "get_output_single");
    CHECK(code == Errno::kEndOfSequence);
    CHECK(got == pieces);
    std::string all;
    CHECK(guest.output(0, 0, all) == Errno::kSuccess);
    CHECK(all == whole);
  }
  CHECK(number_of(guest.metadata(0), "output_tokens") == 12);
  CHECK(guest.call("fini_single", {0}) == Errno::kSuccess);
  std::string cleared = "x";
  CHECK(guest.output(0, 0, cleared) == Errno::kSuccess);
  CHECK(cleared.empty());
  // Ended half way, it begins anew too.
  CHECK(guest.call("compute_single", {0}) == Errno::kSuccess);
  CHECK(guest.call("fini_single", {0}) == Errno::kSuccess);
  CHECK(guest.call("compute_single", {0}) == Errno::kSuccess);
  std::string first;
  CHECK(guest.output(0, 0, first, "get_output_single") == Errno::kSuccess);
  CHECK(first == pieces[0]);
}

TEST_CASE("stream-stdout prints what compute() makes; without a reader it ends", "[nn]") {
  Ready ready(config_of(R"("stream-stdout": true)"));
  const std::string text = ready.guest.computed(0, "Hello");
  CHECK(ready.guest.printed == text);
  CHECK_FALSE(text.empty());
  ready.guest.reader = false;
  CHECK(ready.guest.call("compute", {0}) == Errno::kRuntimeError);
  CHECK(number_of(ready.guest.metadata(0), "output_tokens") < 12);
}

TEST_CASE("a conversation that is sent whole again is not computed again", "[nn]") {
  Ready ready;
  Guest& guest = ready.guest;
  const std::string answer = guest.computed(0, "Hello the world");
  const long first = number_of(guest.metadata(0), "input_tokens");
  CHECK(number_of(guest.metadata(0), "cached_tokens") == 0);
  const std::string next = "Hello the world and the other world";
  const std::string warm = guest.computed(0, next);
  CHECK(number_of(guest.metadata(0), "cached_tokens") >= first - 1);
  Ready fresh;
  CHECK(fresh.guest.computed(0, next) == warm); // and not a bit differs
}

TEST_CASE("messages are framed by the host; the prompt's own control tokens count or not", "[nn]") {
  Ready ready(config_of(R"("messages": true)"));
  Guest& guest = ready.guest;
  const ChatMessage messages[] = {{"user", "Hello \"world\" <|eot_id|>"}};
  Vec<TokenId> ids;
  CHECK(ready.world.model.tokenize_chat(messages, true, ids));
  CHECK(guest.set_input(0, 0,
                        R"([{"role":"user","name":7,"content":"Hello \"world\" <|eot_id|>"}])") ==
        Errno::kSuccess);
  CHECK(number_of(guest.metadata(0), "input_tokens") == static_cast<long>(ids.size()));
  for (const auto& [json, code] : std::initializer_list<std::pair<const char*, Errno>>{
           {"", Errno::kInvalidEncoding},
           {"[", Errno::kInvalidEncoding},
           {"7", Errno::kInvalidEncoding},
           {"{}", Errno::kInvalidEncoding},
           {"[[]]", Errno::kInvalidEncoding},
           {"[\"user\"]", Errno::kInvalidEncoding},
           {"[{}]", Errno::kInvalidArgument},
           {R"([{"role":"user"}])", Errno::kInvalidArgument},
           {R"([{"role":"user","content":7}])", Errno::kInvalidArgument},
           {R"([{"role":"user","content":null}])", Errno::kInvalidArgument},
           {R"([{"role":"user","content":["x"]}])", Errno::kInvalidArgument},
           {R"([{"role":"god","content":"x"}])", Errno::kInvalidArgument},
           {"[{\"role\":\"user\",\"content\":\"\xff\"}]", Errno::kInvalidEncoding}}) {
    INFO(json);
    CHECK(guest.set_input(0, 0, json) == code);
    CHECK(guest.call("compute", {0}) == Errno::kInvalidArgument); // there is no prompt now
  }
  CHECK(
      guest.set_input(0, 0, R"([{"role":"user","content":"x","extra":{"role":["y",{"a":1}]}}])") ==
      Errno::kSuccess);

  Ready plain;
  CHECK(plain.guest.set_input(0, 0, "<|eot_id|>Hello") == Errno::kSuccess);
  const long framed = number_of(plain.guest.metadata(0), "input_tokens");
  CHECK(framed == 3); // BOS, the control token, Hello
  // Metadata that comes after the prompt changes how it is read.
  CHECK(plain.guest.set_input(0, 1, R"({"parse-special": false})") == Errno::kSuccess);
  CHECK(number_of(plain.guest.metadata(0), "input_tokens") > framed);
  CHECK(plain.guest.set_input(0, 1, R"({"parse-special": true})") == Errno::kSuccess);
  CHECK(plain.guest.set_input(0, 0, "<|begin_of_text|>Hello") == Errno::kSuccess);
  CHECK(number_of(plain.guest.metadata(0), "input_tokens") == 2); // not two BOS
}

TEST_CASE("how a computation ends", "[nn]") {
  SECTION("the context is full: 101, and the text is there") {
    Ready ready(R"({"ignore-eos": true, "ctx-size": 16})");
    CHECK(ready.guest.set_input(0, 0, "Hello") == Errno::kSuccess);
    CHECK(ready.guest.call("compute", {0}) == Errno::kContextFull);
    std::string text;
    CHECK(ready.guest.output(0, 0, text) == Errno::kSuccess);
    CHECK(text == expected(ready.world.model, "Hello", 15));
    Errno code = Errno::kSuccess;
    while (code == Errno::kSuccess)
      code = ready.guest.call("compute_single", {0});
    CHECK(code == Errno::kContextFull);
  }
  SECTION("the prompt is too long: 102") {
    Ready ready(R"({"ctx-size": 4})");
    CHECK(ready.guest.set_input(0, 0, "Hello the world and the other world") == Errno::kSuccess);
    CHECK(ready.guest.call("compute", {0}) == Errno::kPromptTooLong);
    CHECK(ready.guest.call("compute_single", {0}) == Errno::kPromptTooLong);
    // Metadata may make room.
    CHECK(ready.guest.set_input(0, 1, R"({"ctx-size": 60, "n-predict": 2})") == Errno::kSuccess);
    CHECK(ready.guest.call("compute", {0}) == Errno::kSuccess);
  }
  SECTION("a reverse prompt") {
    Ready ready;
    const std::string text = ready.guest.computed(0, "Hello");
    const auto letter =
        std::ranges::find_if(text, [](char c) { return c >= 'A' && c <= 'z' && c != '\\'; });
    REQUIRE(letter != text.end());
    CHECK(
        ready.guest.set_input(0, 1, R"({"reverse-prompt": ")" + std::string(1, *letter) + "\"}") ==
        Errno::kSuccess);
    CHECK(ready.guest.computed(0, "Hello") == std::string(text.begin(), letter));
    CHECK(has(ready.guest.metadata(0), "\"finish_reason\": \"stop\""));
  }
  SECTION("nothing is to be generated") {
    Ready ready(R"({"n-predict": 0})");
    CHECK(ready.guest.computed(0, "Hello").empty());
    CHECK(ready.guest.call("compute_single", {0}) == Errno::kEndOfSequence);
  }
  SECTION("the guest has gone away") {
    Ready ready;
    CHECK(ready.guest.set_input(0, 0, "Hello") == Errno::kSuccess);
    CHECK(ready.guest.call("compute_single", {0}) == Errno::kSuccess);
    ready.guest.host.cancel();
    CHECK(ready.guest.call("compute_single", {0}) == Errno::kRuntimeError);
    CHECK(ready.guest.call("compute", {0}) == Errno::kRuntimeError);
  }
}

TEST_CASE("a model opened as BitNet takes a full context for success", "[nn]") {
  World world;
  const std::string path = std::string(getenv("TMPDIR") != nullptr ? getenv("TMPDIR") : "/tmp") +
                           "/bitnet-nn-" +
                           std::to_string(reinterpret_cast<std::uintptr_t>(&world)) + ".gguf";
  const ByteVector file = World::file();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  CHECK(world.models.preload("b:BitNet:auto:" + path));
  CHECK(world.models.preload("g:ggml:AUTO:" + path));
  CHECK(world.models.preload("gone:GGML:AUTO:" + path + ".gone"));
  CHECK(world.models.preload("bad:GGML:CPU:" + path + ".bad"));
  std::ofstream(path + ".bad", std::ios::binary) << "not a model";
  Guest guest(world.models);
  for (const auto& [name, code] :
       {std::pair{"b", Errno::kSuccess}, std::pair{"g", Errno::kContextFull}}) {
    std::uint32_t graph = 0;
    std::uint32_t context = 0;
    REQUIRE(guest.load(name, R"({"ignore-eos": true, "ctx-size": 16})", graph) == Errno::kSuccess);
    CHECK(guest.init(graph, context) == Errno::kSuccess);
    CHECK(guest.set_input(context, 0, "Hello") == Errno::kSuccess);
    CHECK(guest.call("compute", {context}) == code);
  }
  std::uint32_t graph = 77;
  CHECK(guest.load("gone", "", graph) == Errno::kModelNotFound);
  CHECK(guest.load("bad", "", graph) == Errno::kInvalidEncoding);
  REQUIRE_FALSE(guest.log.empty());
  CHECK(has(guest.log.back(), "NotGguf"));
  CHECK(guest.load("nobody", "", graph) == Errno::kNotFound);
  std::remove(path.c_str());
  std::remove((path + ".bad").c_str());
}

TEST_CASE("preloads that are spelled wrong say so", "[nn]") {
  Serial serial;
  nn::Models models(nn::open_model, {}, serial);
  for (const char* spec : {"", "a", "a:GGML", "a:GGML:AUTO", "a:GGML:AUTO:", ":GGML:AUTO:p",
                           "a:ONNX:AUTO:p", "a:GGML:NPU:p", "a::AUTO:p"}) {
    INFO(spec);
    const Status status = models.preload(spec);
    REQUIRE_FALSE(status);
    CHECK(status.error().code() == ErrorCode::InvalidArgument);
  }
  CHECK_FALSE(models.preload(std::string(300, 'n') + ":GGML:AUTO:p"));
  CHECK(models.preload("a:GGML:GPU:C:\\models:odd.gguf"));
}

TEST_CASE("options", "[nn]") {
  Ready ready;
  Guest& guest = ready.guest;
  for (
      const char* json :
      {"{}", R"({"llama3": false, "threads": 2, "n-gpu-layers": 0, "ctx-size": 32})",
       R"({"unknown": {"deep": [1, {"temp": "x"}]}, "use-mmap": true, "tensor-split": null})",
       R"({"temp": 0.8, "top-p": 0.9, "top-k": 40, "min-p": 0.05, "seed": 7, "repeat-penalty": 1.1,
            "presence-penalty": 0.0, "frequency-penalty": 0, "last-n-penalty": 64})",
       R"({"grammar": "", "json-schema": "", "mirostat": 0, "typ-p": 1.0, "image": "", "tts": false})",
       R"({"temp": null, "reverse-prompt": "", "batch-size": 2048, "stream-stdout": false})",
       R"({"top-p": 0, "min-p": 5, "temp": -1, "top-k": -3, "n-predict": -2, "last-n-penalty": -1})",
       R"({"embd-normalize": 2, "pooling": "mean", "seed": -1, "seed": 18446744073709551615})"}) {
    INFO(json);
    CHECK(guest.set_input(0, 1, json) == Errno::kSuccess);
    CHECK(guest.set_input(0, 0, "Hello") == Errno::kSuccess);
    CHECK(guest.call("compute_single", {0}) == Errno::kSuccess);
  }
  CHECK(guest.set_input(0, 1, std::string_view("{}\0", 3)) == Errno::kSuccess); // a C string's end
  const std::initializer_list<std::pair<std::string, Errno>> bad = {
      {"", Errno::kInvalidEncoding},
      {"{", Errno::kInvalidEncoding},
      {"[]", Errno::kInvalidEncoding},
      {"null", Errno::kInvalidEncoding},
      {"\"temp\"", Errno::kInvalidEncoding},
      {"{} {}", Errno::kInvalidEncoding},
      {"{\"temp\": 1,}", Errno::kInvalidEncoding},
      {"{\"temp\": 1e999}", Errno::kInvalidEncoding},
      {std::string("{}\0{}", 5), Errno::kInvalidEncoding},
      {std::string(50000, '['), Errno::kInvalidEncoding},
      {R"({"temp": "0.8"})", Errno::kInvalidArgument},
      {R"({"ctx-size": 1.5})", Errno::kInvalidArgument},
      {R"({"ctx-size": [512]})", Errno::kInvalidArgument},
      {R"({"enable-log": 1})", Errno::kInvalidArgument},
      {R"({"reverse-prompt": 1})", Errno::kInvalidArgument},
      {R"({"reverse-prompt": ")" + std::string(257, 'x') + "\"}", Errno::kInvalidArgument},
      {R"({"pooling": "cls"})", Errno::kInvalidArgument},
      {R"({"seed": 0.5})", Errno::kInvalidArgument},
      {R"({"grammar": 1})", Errno::kInvalidArgument},
      {R"({"json-schema": {"type": "object"}})", Errno::kInvalidArgument},
      {R"({"mmproj": "m.gguf"})", Errno::kUnsupportedOperation},
      {R"({"image": "i.png"})", Errno::kUnsupportedOperation},
      {R"({"tts": true})", Errno::kUnsupportedOperation},
      {R"({"mirostat": 2})", Errno::kUnsupportedOperation},
      {R"({"typ-p": 0.5})", Errno::kUnsupportedOperation},
      {R"({"embd-normalize": 1})", Errno::kUnsupportedOperation}};
  CHECK(guest.set_input(0, 1, R"({"n-predict": 4, "temp": 0})") == Errno::kSuccess);
  const std::string before = guest.computed(0, "Hello");
  for (const auto& [json, code] : bad) {
    INFO(json);
    std::uint32_t graph = 0;
    CHECK(guest.set_input(0, 1, json) == code);
    if (!json.empty()) {
      Guest other(ready.world.models);
      CHECK(other.load("default", json, graph) == code);
      CHECK(other.log.size() == 1);
    }
  }
  CHECK(guest.computed(0, "Hello") == before); // nothing of them was taken
}

TEST_CASE("sampling: a seed decides, another decides otherwise", "[nn]") {
  const auto text_with = [](const char* rest) {
    Ready ready(config_of(rest));
    return ready.guest.computed(0, "Hello");
  };
  const std::string seven = text_with(R"("temp": 5.0, "seed": 7)");
  CHECK(seven == text_with(R"("temp": 5.0, "seed": 7)"));
  CHECK(seven != text_with(R"("temp": 5.0, "seed": 8)"));
}

TEST_CASE("a grammar or a schema holds the text, and costs what it may hold", "[nn]") {
  Ready ready(config_of(R"("temp": 1.0, "n-predict": 40)"));
  CHECK(ready.guest.set_input(0, 1, R"({"json-schema": "{\"enum\":[\"the\",\"and\"]}"})") ==
        Errno::kSuccess);
  const std::string chosen = ready.guest.computed(0, "Hello");
  CHECK((chosen == "\"the\"" || chosen == "\"and\""));
  CHECK(
      ready.guest.set_input(0, 1, R"({"json_schema": "", "grammar": "root ::= \"is\"+ \".\""})") ==
      Errno::kSuccess);
  const std::string listed = ready.guest.computed(0, "Hello");
  CHECK((listed.starts_with("is") && listed.ends_with("is.")));
  CHECK(ready.guest.set_input(0, 1, R"({"grammar": "root ::= x"})") == Errno::kSuccess);
  CHECK(ready.guest.set_input(0, 0, "Hello") == Errno::kSuccess);
  CHECK(ready.guest.call("compute", {0}) == Errno::kInvalidArgument);
  CHECK(has(ready.guest.log.back(), "BadGrammar"));
  CHECK(ready.guest.set_input(0, 1, R"({"grammar": "", "n-predict": 2})") == Errno::kSuccess);
  CHECK(ready.guest.set_input(0, 0, "Hello") == Errno::kSuccess);
  CHECK(ready.guest.call("compute", {0}) == Errno::kSuccess);

  World world;
  const auto session = world.model.session_bytes({.context = 64});
  REQUIRE(session);
  Guest poor(world.models, {.max_session_bytes = *session + (16U << 20)});
  std::uint32_t graph = 0;
  std::uint32_t context = 0;
  CHECK(poor.load("default", R"({"grammar": "root ::= [a-z]", "n-predict": 1})", graph) ==
        Errno::kSuccess);
  CHECK(poor.init(graph, context) == Errno::kSuccess);
  CHECK(poor.set_input(context, 0, "Hello") == Errno::kSuccess);
  CHECK(poor.call("compute", {context}) == Errno::kTooLarge);
}

TEST_CASE("the size of an output: probe, clamp, and LlamaEdge's zero", "[nn]") {
  const auto read = [](Guest& guest, std::uint32_t room, std::uint32_t& written) {
    const auto code = guest.call("get_output", {0, 0, Guest::kOutput, room, Guest::kResult});
    written = guest.word(Guest::kResult);
    return code;
  };
  std::uint32_t written = 0;
  SECTION("probe") {
    Ready ready;
    const std::string text = ready.guest.computed(0, "Hello");
    const auto size = static_cast<std::uint32_t>(text.size());
    std::memset(ready.guest.bytes().data() + Guest::kOutput, 0xaa, 1000);
    for (const std::uint32_t room : {0U, 1U, size - 1}) {
      CHECK(read(ready.guest, room, written) == Errno::kTooLarge);
      CHECK(written == size);
      CHECK(ready.guest.bytes()[Guest::kOutput] == 0xaa); // untouched
    }
    CHECK(read(ready.guest, size, written) == Errno::kSuccess);
    CHECK(ready.guest.text(Guest::kOutput, written) == text);
    CHECK(ready.guest.bytes()[Guest::kOutput + size] == 0xaa);
    CHECK(ready.guest.log.empty()); // probing is no failure
  }
  SECTION("clamp") {
    Ready ready(config_of(R"("temp": 0)"), {.output_rule = nn::OutputRule::kClamp});
    const std::string text = ready.guest.computed(0, "Hello");
    CHECK(read(ready.guest, 3, written) == Errno::kSuccess);
    CHECK(written == 3);
    CHECK(ready.guest.text(Guest::kOutput, 3) == text.substr(0, 3));
    CHECK(read(ready.guest, 0, written) == Errno::kTooLarge);
    CHECK(written == text.size());
  }
  SECTION("LlamaEdge") {
    Ready ready(config_of(R"("temp": 0)"), {.output_rule = nn::OutputRule::kLlamaEdge});
    const std::string text = ready.guest.computed(0, "Hello");
    CHECK(read(ready.guest, 0, written) == Errno::kSuccess);
    CHECK(ready.guest.text(Guest::kOutput, written) == text);
    CHECK(read(ready.guest, 3, written) == Errno::kTooLarge);
    // Never outside the memory.
    CHECK(ready.guest.call("get_output", {0, 0, kMemory - 2, 0, Guest::kResult}) ==
          Errno::kInvalidArgument);
  }
}

TEST_CASE("embeddings: last and mean, of length one or not", "[nn]") {
  Ready ready(R"({"embedding": true})");
  const auto vector_of = [&](const char* json) {
    CHECK(ready.guest.set_input(0, 1, json) == Errno::kSuccess);
    const std::string text = ready.guest.computed(0, "Hello the world");
    CHECK(text.starts_with("{\"n_embedding\": 64, \"embedding\": ["));
    CHECK(text.ends_with("]}"));
    std::vector<double> values;
    std::string rest = text.substr(text.find('[') + 1);
    for (std::size_t at = 0; at < rest.size() && rest[at] != ']';) {
      std::size_t used = 0;
      values.push_back(std::stod(rest.substr(at), &used));
      at += used + 1;
      if (rest[at - 1] == ']')
        break;
    }
    CHECK(values.size() == 64);
    return values;
  };
  const auto length = [](const std::vector<double>& v) {
    double squares = 0;
    for (const double x : v)
      squares += x * x;
    return std::sqrt(squares);
  };
  const auto last = vector_of(R"({"pooling": "last", "embd-normalize": -1})");
  const auto unit = vector_of(R"({"pooling": "last", "embd-normalize": 2})");
  const auto mean = vector_of(R"({"pooling": "mean", "embd-normalize": -1})");
  CHECK(std::abs(length(unit) - 1) < 1e-6);
  CHECK(last != mean);
  for (std::size_t i = 0; i < last.size(); ++i)
    CHECK(std::abs(last[i] / length(last) - unit[i]) < 1e-6);
  CHECK(number_of(ready.guest.metadata(0), "input_tokens") > 1);
  CHECK(ready.guest.call("compute_single", {0}) == Errno::kInvalidArgument);
}

TEST_CASE("graphs and contexts come and go, numbers do not come again", "[nn]") {
  World world;
  Guest guest(world.models);
  std::uint32_t graph = 0;
  std::uint32_t again = 0;
  std::uint32_t context = 0;
  CHECK(guest.load("default", "{\"n-predict\": 3, \"ignore-eos\": true}", graph) ==
        Errno::kSuccess);
  CHECK(guest.load("default", "{\"n-predict\": 99}", again) == Errno::kSuccess);
  CHECK(again == graph); // a live name is the same graph
  CHECK(guest.init(graph, context) == Errno::kSuccess);
  const std::string text = guest.computed(context, "Hello");
  CHECK(guest.call("unload", {graph}) == Errno::kSuccess);
  CHECK(guest.call("unload", {graph}) == Errno::kInvalidArgument);
  std::string drained;
  CHECK(guest.output(context, 0, drained) == Errno::kSuccess); // what was computed is there
  CHECK(drained == text);
  CHECK(number_of(guest.metadata(context), "output_tokens") == 3);
  CHECK(guest.call("compute", {context}) == Errno::kInvalidArgument);
  CHECK(guest.call("compute_single", {context}) == Errno::kInvalidArgument);
  CHECK(guest.set_input(context, 0, "x") == Errno::kInvalidArgument);
  CHECK(guest.set_input(context, 1, "{}") == Errno::kInvalidArgument);
  CHECK(guest.call("fini_single", {context}) == Errno::kSuccess);
  CHECK(guest.call("finalize_execution_context", {context}) == Errno::kSuccess);
  CHECK(guest.call("finalize_execution_context", {context}) == Errno::kInvalidArgument);
  CHECK(guest.output(context, 0, drained) == Errno::kInvalidArgument);
  CHECK(guest.load("default", "", again) == Errno::kSuccess);
  CHECK(again == graph + 1);
}

TEST_CASE("ten thousand loads and unloads", "[nn]") {
  World world;
  Guest guest(world.models);
  const std::uint32_t name = guest.put("default");
  const std::uint32_t prompt = guest.put("Hello");
  const std::uint32_t tensor = guest.put_object(TensorWords{.data = prompt, .size = 5});
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    REQUIRE(guest.call("load_by_name", {name, 7, Guest::kResult}) == Errno::kSuccess);
    REQUIRE(guest.word(Guest::kResult) == i);
    REQUIRE(guest.call("init_execution_context", {i, Guest::kResult}) == Errno::kSuccess);
    REQUIRE(guest.word(Guest::kResult) == i);
    REQUIRE(guest.call("set_input", {i, 0, tensor}) == Errno::kSuccess);
    if (i % 500 == 0)
      REQUIRE(guest.call("compute_single", {i}) == Errno::kSuccess);
    REQUIRE(guest.call("unload", {i}) == Errno::kSuccess);
    REQUIRE(guest.call("finalize_execution_context", {i}) == Errno::kSuccess);
  }
}

TEST_CASE("a model from the guest's own memory", "[nn]") {
  World world;
  Guest guest(world.models);
  const ByteVector file = World::file();
  REQUIRE(file.size() < Guest::kResult / 2);
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  std::uint32_t graph = 0;
  std::uint32_t context = 0;
  CHECK(guest.load_bytes(bytes, R"({"ignore-eos": true, "n-predict": 12})", graph) ==
        Errno::kSuccess);
  CHECK(guest.init(graph, context) == Errno::kSuccess);
  CHECK(guest.computed(context, "Hello") == expected(world.model, "Hello", 12));
  CHECK(guest.load_bytes("GGUF....", "", graph) == Errno::kInvalidEncoding);
  CHECK(guest.load_bytes("", "", graph) == Errno::kInvalidEncoding);
  // A path is bytes like any other: only the host opens files.
  CHECK(guest.load_bytes("preload:/etc/passwd", "", graph) == Errno::kInvalidEncoding);

  const std::uint32_t builders = guest.put_object(TensorWords{});
  const auto load = [&](std::uint32_t at, std::uint32_t count, std::uint32_t encoding,
                        std::uint32_t target) {
    return guest.call("load", {at, count, encoding, target, Guest::kResult});
  };
  CHECK(load(builders, 0, kGgml, 0) == Errno::kInvalidArgument);
  CHECK(load(builders, 3, kGgml, 0) == Errno::kInvalidArgument);
  CHECK(load(builders, ~0U, kGgml, 0) == Errno::kInvalidArgument);
  CHECK(load(builders, 1, kGgml, 1) == Errno::kUnsupportedOperation);
  CHECK(load(builders, 1, kGgml, 4) == Errno::kInvalidArgument);
  for (const std::uint32_t encoding : {0U, 1U, 2U, 3U, 4U, 7U, 9U, 13U, 15U, ~0U})
    CHECK(load(builders, 1, encoding, 0) == Errno::kInvalidEncoding);
}

TEST_CASE("memory has a budget", "[nn]") {
  World world;
  const auto session = world.model.session_bytes({.context = 64});
  REQUIRE(session);
  // And the ids, what sampling needs, prompt and output.
  const std::uint64_t one =
      *session + 8 * 64 + std::uint64_t{12} * world.model.info().vocabulary + 100;
  SECTION("sessions") {
    Guest guest(world.models, {.max_session_bytes = one * 2});
    std::uint32_t graph = 0;
    CHECK(guest.load("default", R"({"n-predict": 1, "ignore-eos": true})", graph) ==
          Errno::kSuccess);
    std::uint32_t contexts[3];
    for (std::uint32_t& context : contexts) {
      CHECK(guest.init(graph, context) == Errno::kSuccess);
      CHECK(guest.set_input(context, 0, "Hello") == Errno::kSuccess);
    }
    CHECK(guest.call("compute", {contexts[0]}) == Errno::kSuccess);
    CHECK(guest.call("compute", {contexts[1]}) == Errno::kSuccess);
    CHECK(guest.call("compute", {contexts[2]}) == Errno::kTooLarge);
    CHECK(guest.call("compute", {contexts[0]}) == Errno::kSuccess);
    CHECK(guest.call("finalize_execution_context", {contexts[0]}) == Errno::kSuccess);
    CHECK(guest.call("compute", {contexts[2]}) == Errno::kSuccess);
  }
  SECTION("models of the guest's own") {
    const ByteVector file = World::file();
    const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
    std::uint32_t graph = 0;
    const std::uint64_t whole = file.size() + world.model.info().weight_bytes;
    for (const std::uint64_t budget : {std::uint64_t{file.size() - 1}, whole - 1}) {
      Guest poor(world.models, {.max_session_bytes = budget});
      CHECK(poor.load_bytes(bytes, "", graph) == Errno::kTooLarge);
    }
    Guest guest(world.models, {.max_session_bytes = whole});
    CHECK(guest.load_bytes(bytes, "", graph) == Errno::kSuccess);
    CHECK(guest.load_bytes(bytes, "", graph) == Errno::kTooLarge);
    CHECK(guest.call("unload", {0}) == Errno::kSuccess);
    CHECK(guest.load_bytes(bytes, "", graph) == Errno::kSuccess);
  }
  SECTION("prompts, computed or not, and what was unloaded") {
    constexpr std::uint32_t kPrompt = 100'000;
    Guest guest(world.models, {.max_session_bytes = 5 * kPrompt});
    std::uint32_t graph = 0;
    CHECK(guest.load("default", "", graph) == Errno::kSuccess);
    const std::uint32_t prompt = guest.put(std::string(kPrompt, '~'));
    const std::uint32_t tensor = guest.put_object(TensorWords{.data = prompt, .size = kPrompt});
    for (std::uint32_t i = 0; i < 8; ++i) {
      std::uint32_t context = 0;
      CHECK(guest.init(graph, context) == Errno::kSuccess);
      CHECK(guest.call("set_input", {context, 0, tensor}) ==
            (i < 5 ? Errno::kSuccess : Errno::kTooLarge));
    }
    CHECK(number_of(guest.metadata(0), "input_tokens") > 10'000);
    CHECK(guest.call("compute", {0}) == Errno::kPromptTooLong);
    CHECK(guest.set_input(0, 0, "Hello") == Errno::kSuccess);           // gives back
    CHECK(guest.call("set_input", {5, 0, tensor}) == Errno::kTooLarge); // all but 5 bytes
    CHECK(guest.set_input(1, 0, "Hello") == Errno::kSuccess);
    CHECK(guest.call("set_input", {5, 0, tensor}) == Errno::kSuccess);
    CHECK(guest.call("unload", {graph}) == Errno::kSuccess); // gives all back, keeps the counts
    CHECK(number_of(guest.metadata(5), "input_tokens") > 10'000);
    CHECK(guest.load("default", "", graph) == Errno::kSuccess);
    for (std::uint32_t i = 0; i < 5; ++i) {
      std::uint32_t context = 0;
      CHECK(guest.init(graph, context) == Errno::kSuccess);
      CHECK(guest.call("set_input", {context, 0, tensor}) == Errno::kSuccess);
    }
  }
}

TEST_CASE("after cancel every call is refused, and one under way ends", "[nn]") {
  SECTION("every call") {
    Ready ready;
    CHECK(ready.guest.set_input(0, 0, "Hello") == Errno::kSuccess);
    CHECK(ready.guest.call("compute_single", {0}) == Errno::kSuccess);
    ready.guest.host.cancel();
    for (const nn::Function& function : nn::functions())
      CHECK(ready.guest.call(function.name, std::vector<std::uint32_t>(function.parameters)) ==
            Errno::kRuntimeError);
  }
  // Threads that cancel the guest when they have worked so many times.
  struct Cancels final : Parallel {
    nn::Host* host = nullptr;
    int left = 0;
    Serial serial;
    unsigned threads() const noexcept override { return 1; }
    void run(std::size_t count, Task task, void* context) noexcept override {
      if (--left == 0)
        host->cancel();
      serial.run(count, task, context);
    }
  };
  for (const char* config : {R"({"ignore-eos": true})", R"({"embedding": true})",
                             R"({"embedding": true, "pooling": "mean"})"}) {
    INFO(config);
    Cancels threads;
    nn::Models models(nullptr, {}, threads);
    TinyOptions options;
    options.hidden = 64;
    options.ffn = 128;
    options.context = 1024;
    CHECK(models.add("default", load_model(make_tiny_model(options))));
    Guest guest(models);
    threads.host = &guest.host;
    std::uint32_t graph = 0;
    std::uint32_t context = 0;
    CHECK(guest.load("default", config, graph) == Errno::kSuccess);
    CHECK(guest.init(graph, context) == Errno::kSuccess);
    std::string prompt;
    for (int i = 0; i < 500; ++i)
      prompt += " the";
    CHECK(guest.set_input(context, 0, prompt) == Errno::kSuccess);
    threads.left = 3; // in the first batch
    CHECK(guest.call("compute", {context}) == Errno::kRuntimeError);
    CHECK(threads.left > -200); // of the eight batches, one was evaluated
    CHECK(has(guest.log.back(), "Aborted"));
  }
}

TEST_CASE("a hook that calls back in gets Busy, and may use other contexts", "[nn]") {
  Ready ready(config_of(R"("stream-stdout": true)"));
  Guest& guest = ready.guest;
  std::uint32_t other = 0;
  CHECK(guest.init(ready.graph, other) == Errno::kSuccess);
  CHECK(guest.set_input(other, 0, "Hello") == Errno::kSuccess);
  int depth = 0;
  guest.on_print = [&] {
    if (depth++ > 0)
      return;
    for (const char* function :
         {"compute", "compute_single", "fini_single", "finalize_execution_context"})
      CHECK(guest.call(function, {0}) == Errno::kBusy);
    CHECK(guest.set_input(0, 0, "x") == Errno::kBusy);
    std::string text;
    CHECK(guest.output(0, 0, text) == Errno::kBusy);
    CHECK(guest.call("compute_single", {other}) == Errno::kSuccess);
    CHECK(guest.call("unload", {ready.graph}) == Errno::kSuccess); // the call under way goes on
  };
  const std::string text = guest.computed(0, "Hello");
  CHECK(text == expected(ready.world.model, "Hello", 12));
  CHECK(depth > 1);
  CHECK(guest.call("compute", {0}) == Errno::kInvalidArgument);
}

TEST_CASE("metadata in the middle of a stream begins it anew", "[nn]") {
  Ready ready(config_of(R"("enable-log": true)"));
  Guest& guest = ready.guest;
  CHECK(guest.set_input(0, 0, "<|eot_id|>Hello") == Errno::kSuccess);
  CHECK(guest.call("compute_single", {0}) == Errno::kSuccess);
  std::string first;
  CHECK(guest.output(0, 0, first, "get_output_single") == Errno::kSuccess);
  CHECK(guest.set_input(0, 1, R"({"n-predict": 3})") == Errno::kSuccess);
  std::string all;
  while (guest.call("compute_single", {0}) == Errno::kSuccess) {
  }
  CHECK(guest.output(0, 0, all) == Errno::kSuccess);
  CHECK(all.starts_with(first));
  CHECK(number_of(guest.metadata(0), "output_tokens") == 3);
  CHECK(has(guest.log.back(), "prompt 3 tokens (2 cached)"));
  // A prompt that the new options cannot read: both stay as they were.
  CHECK(guest.set_input(0, 1, R"({"messages": true, "n-predict": 1})") == Errno::kInvalidEncoding);
  CHECK(guest.call("compute", {0}) == Errno::kSuccess);
  CHECK(number_of(guest.metadata(0), "output_tokens") == 3);
}

TEST_CASE("the log of a guest has an end", "[nn]") {
  Ready ready;
  for (int i = 0; i < 1000; ++i)
    CHECK(ready.guest.call("compute", {77}) == Errno::kInvalidArgument);
  CHECK(ready.guest.log.size() == nn::limits::kToldFailures + 1);
  CHECK(has(ready.guest.log.back(), "not told"));
}

TEST_CASE("so many and no more", "[nn]") {
  World world;
  Guest guest(world.models);
  const std::uint32_t name = guest.put("default");
  std::uint32_t graph = 0;
  CHECK(guest.call("load_by_name", {name, 7, Guest::kResult}) == Errno::kSuccess);
  for (std::uint32_t i = 0; i < nn::limits::kContexts; ++i)
    REQUIRE(guest.init(0, graph) == Errno::kSuccess);
  CHECK(guest.init(0, graph) == Errno::kTooLarge);
  CHECK(guest.call("finalize_execution_context", {5}) == Errno::kSuccess);
  CHECK(guest.init(0, graph) == Errno::kSuccess);
  CHECK(graph == nn::limits::kContexts);
}

TEST_CASE("pointers that lead nowhere", "[nn]") {
  Ready ready;
  Guest& guest = ready.guest;
  const std::vector<std::uint8_t> before = guest.bytes();
  const std::uint32_t name = 64;
  const std::uint32_t nowhere[] = {kMemory, kMemory - 3, ~0U, ~0U - 3, 0x80000000U};
  for (const std::uint32_t p : nowhere) {
    INFO(p);
    // Where results go: nothing may have been made.
    CHECK(guest.call("load_by_name", {name, 7, p}) == Errno::kInvalidArgument);
    CHECK(guest.call("load_by_name_with_config", {name, 7, 0, 0, p}) == Errno::kInvalidArgument);
    CHECK(guest.call("load", {0, 1, kGgml, 0, p}) == Errno::kInvalidArgument);
    CHECK(guest.call("init_execution_context", {0, p}) == Errno::kInvalidArgument);
    CHECK(guest.call("get_output", {0, 0, 64, 64, p}) == Errno::kInvalidArgument);
    // Where arguments come from.
    CHECK(guest.call("load_by_name", {p, 7, 0}) == Errno::kInvalidArgument);
    CHECK(guest.call("load_by_name_with_config", {name, 7, p, 9, 0}) == Errno::kInvalidArgument);
    CHECK(guest.call("load", {p, 2, kGgml, 0, 0}) == Errno::kInvalidArgument);
    CHECK(guest.call("set_input", {0, 0, p}) == Errno::kInvalidArgument);
    CHECK(guest.call("get_output", {0, 0, p, 64, 0}) == Errno::kInvalidArgument);
  }
  // Lengths that wrap, or are more than anybody sends.
  for (const std::uint32_t length : {~0U, ~0U - 63, kMemory, 0x7fffffffU}) {
    INFO(length);
    CHECK(guest.call("load_by_name", {name, length, 0}) == Errno::kInvalidArgument);
    CHECK(guest.call("load_by_name_with_config", {name, 7, name, length, 0}) ==
          Errno::kInvalidArgument);
    CHECK(guest.call("get_output", {0, 0, 64, length, 0}) == Errno::kInvalidArgument);
  }
  CHECK(guest.call("load_by_name", {0, kMemory, 0}) == Errno::kTooLarge); // inside, and no name
  CHECK(guest.call("load_by_name_with_config", {name, 7, 0, kMemory, 0}) == Errno::kTooLarge);
  CHECK(guest.bytes() == before);
  for (const auto& [data, size] : {std::pair{kMemory - 4, 8U}, std::pair{~0U, 2U},
                                   std::pair{8U, ~0U}, std::pair{kMemory + 1, 0U}}) {
    const std::uint32_t tensor = guest.put_object(TensorWords{.data = data, .size = size});
    INFO(data << " " << size);
    CHECK(guest.call("set_input", {0, 0, tensor}) == Errno::kInvalidArgument);
    CHECK(guest.call("set_input", {0, 1, tensor}) == Errno::kInvalidArgument);
    const std::uint32_t builders[] = {data, size};
    const std::uint32_t at = guest.put_object(builders);
    CHECK(guest.call("load", {at, 1, kGgml, 0, Guest::kResult}) == Errno::kInvalidArgument);
  }
  // Handles from nowhere.
  for (const std::uint32_t handle : {1U, 7U, ~0U}) {
    CHECK(guest.call("init_execution_context", {handle, 0}) == Errno::kInvalidArgument);
    CHECK(guest.call("unload", {handle}) == Errno::kInvalidArgument);
    for (const char* function :
         {"compute", "compute_single", "fini_single", "finalize_execution_context"})
      CHECK(guest.call(function, {handle}) == Errno::kInvalidArgument);
    CHECK(guest.call("set_input", {handle, 0, 64}) == Errno::kInvalidArgument);
    CHECK(guest.call("get_output", {handle, 0, 64, 64, 0}) == Errno::kInvalidArgument);
    CHECK(guest.call("get_output_single", {handle, 0, 64, 64, 0}) == Errno::kInvalidArgument);
  }
  CHECK(guest.set_input(0, 2, "x") == Errno::kInvalidArgument);
  CHECK(guest.call("get_output", {0, 2, 64, 64, 0}) == Errno::kInvalidArgument);
  CHECK(guest.call("compute", {0}) == Errno::kInvalidArgument); // no prompt
  CHECK(guest.set_input(0, 0, "") == Errno::kSuccess);          // BOS alone
  CHECK(guest.call("compute", {0}) == Errno::kSuccess);
}

TEST_CASE("results may lie upon arguments", "[nn]") {
  World world;
  Guest guest(world.models);
  const std::uint32_t name = guest.put("default");
  CHECK(guest.call("load_by_name_with_config", {name, 7, name, 0, name}) == Errno::kSuccess);
  CHECK(guest.word(name) == 0);
  CHECK(guest.call("init_execution_context", {0, name}) == Errno::kSuccess);
  const std::uint32_t prompt = guest.put("Hello the world");
  const std::uint32_t tensor = guest.put_object(TensorWords{.data = prompt, .size = 15});
  CHECK(
      guest.call("set_input", {0, 1,
                               guest.put_object(TensorWords{.data = guest.put(R"({"n-predict":4})"),
                                                            .size = 15})}) == Errno::kSuccess);
  CHECK(guest.call("set_input", {0, 0, tensor}) == Errno::kSuccess);
  std::memset(guest.bytes().data() + prompt, 0, 15); // it was copied
  CHECK(guest.call("compute", {0}) == Errno::kSuccess);
  // The size over the text's own begin: both are written, in that order.
  CHECK(guest.call("get_output", {0, 1, tensor, 4096, tensor}) == Errno::kSuccess);
}

TEST_CASE("a guest without a byte of memory", "[nn]") {
  World world;
  nn::Host host(world.models, {});
  nn::LinearMemory none(nullptr, 0);
  const std::uint32_t zeros[nn::kMostParameters] = {};
  for (const nn::Function& function : nn::functions())
    CHECK((host.*function.call)(none, zeros) != Errno::kSuccess);
}

TEST_CASE("what each error is for a guest", "[nn]") {
  World world;
  Guest guest(world.models);
  std::uint32_t graph = 0;
  std::uint32_t context = 0;
  CHECK(guest.load("default", "{\"messages\": true}", graph) == Errno::kSuccess);
  CHECK(guest.init(graph, context) == Errno::kSuccess);
  const Model no_template = load_model(small_file());
  CHECK(world.models.add("plain", no_template));
  std::uint32_t plain = 0;
  CHECK(guest.load("plain", "{\"messages\": true}", plain) == Errno::kSuccess);
  CHECK(guest.init(plain, context) == Errno::kSuccess);
  CHECK(guest.set_input(context, 0, R"([{"role":"user","content":"x"}])") ==
        Errno::kUnsupportedOperation);
  CHECK(has(guest.log.back(), "set_input: UnsupportedTemplate: "));
}

TEST_CASE("threads of one guest: contexts side by side, one context one at a time",
          "[nn][threads]") {
  const World world;
  const auto pool = make_parallel(4);
  if (pool->threads() < 2) {
    WARN("skipped: one thread only");
    return;
  }
  nn::Models models(nn::open_model, {}, *pool);
  CHECK(models.add("default", world.model));
  Guest guest(models);
  std::uint32_t graph = 0;
  REQUIRE(guest.load("default", R"({"ignore-eos": true, "n-predict": 20})", graph) ==
          Errno::kSuccess);
  constexpr std::uint32_t kContexts = 4;
  for (std::uint32_t i = 0; i < kContexts; ++i) {
    std::uint32_t context = 0;
    CHECK(guest.init(graph, context) == Errno::kSuccess);
    CHECK(guest.set_input(context, 0, "Hello the world") == Errno::kSuccess);
  }
  std::atomic<int> wrong = 0;
  pool->each(kContexts, [&](std::size_t i) {
    nn::LinearMemory memory(guest.bytes().data(), guest.bytes().size());
    const auto context = static_cast<std::uint32_t>(i);
    for (int round = 0; round < 5; ++round)
      if (guest.host.compute(memory, &context) != Errno::kSuccess)
        ++wrong;
  });
  CHECK(wrong == 0);
  const std::string text = expected(world.model, "Hello the world", 20);
  for (std::uint32_t i = 0; i < kContexts; ++i) {
    std::string got;
    CHECK(guest.output(i, 0, got) == Errno::kSuccess);
    CHECK(got == text);
  }
  // All at the same context, which goes in the middle of it: an errno for each, and no harm.
  std::atomic<int> done = 0;
  pool->each(16, [&](std::size_t i) {
    nn::LinearMemory memory(guest.bytes().data(), guest.bytes().size());
    const std::uint32_t context = 0;
    const Errno code = i == 9    ? guest.host.finalize_execution_context(memory, &context)
                       : i == 12 ? guest.host.unload(memory, &graph)
                                 : guest.host.compute(memory, &context);
    done += code == Errno::kSuccess || code == Errno::kBusy || code == Errno::kInvalidArgument;
  });
  CHECK(done == 16);
}

TEST_CASE("threads that load and unload the same name", "[nn][threads]") {
  const World world;
  const auto pool = make_parallel(4);
  if (pool->threads() < 2) {
    WARN("skipped: one thread only");
    return;
  }
  nn::Models models(nn::open_model, {}, *pool);
  CHECK(models.add("default", world.model));
  Guest guest(models);
  const std::uint32_t name = guest.put("default");
  const std::uint32_t prompt = guest.put("Hello");
  const std::uint32_t tensor = guest.put_object(TensorWords{.data = prompt, .size = 5});
  std::atomic<int> wrong = 0;
  pool->each(4, [&](std::size_t i) {
    nn::LinearMemory memory(guest.bytes().data(), guest.bytes().size());
    const std::uint32_t place = Guest::kOutput + static_cast<std::uint32_t>(i) * 8;
    const auto fine = [&](Errno code) {
      wrong += code != Errno::kSuccess && code != Errno::kInvalidArgument;
    };
    for (int round = 0; round < 300; ++round) {
      const std::uint32_t load[] = {name, 7, place};
      fine(guest.host.load_by_name(memory, load));
      const std::uint32_t graph = guest.word(place);
      const std::uint32_t init[] = {graph, place};
      if (guest.host.init_execution_context(memory, init) == Errno::kSuccess) {
        const std::uint32_t context = guest.word(place);
        const std::uint32_t input[] = {context, 0, tensor};
        fine(guest.host.set_input(memory, input));
        if (round % 20 == 0)
          fine(guest.host.compute_single(memory, &context));
        fine(guest.host.finalize_execution_context(memory, &context));
      }
      fine(guest.host.unload(memory, &graph));
    }
  });
  CHECK(wrong == 0);
}
