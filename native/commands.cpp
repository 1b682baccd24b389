// The commands that answer once: run, info, tokenize, logits, selftest.
#include "commands.h"

#include "builtin.h"
#include "platform/clock.h"

#include <bit>
#include <cstdio>

namespace cli {
namespace {

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

double rate(std::size_t tokens, std::uint64_t ns) {
  return ns == 0 ? 0 : static_cast<double>(tokens) * 1e9 / static_cast<double>(ns);
}

void print_stats(const Timing& timing) {
  std::uint64_t ns = 0;
  for (const std::uint64_t token : timing.tokens_ns)
    ns += token;
  std::fprintf(
      stderr,
      "prompt %u tokens, %.1f tokens/s; generated %zu tokens, %.1f tokens/s; peak memory %s\n",
      timing.prompt, rate(timing.prompt, timing.prompt_ns), timing.tokens_ns.size(),
      rate(timing.tokens_ns.size(), ns), megabytes(bitnet::peak_memory()).c_str());
}

/// A token as a line of JSON: --logprobs.
std::string logprob_line(const bitnet::Model& model, const bitnet::Step& step) {
  const auto entry = [&](bitnet::TokenId id, float logprob) {
    bitnet::Text text;
    const Status read = model.detokenize({&id, 1}, true, text);
    Json json;
    json.number("id", id).text("text", read ? bitnet::view(text) : std::string_view());
    return json.real("logprob", static_cast<double>(logprob), 6);
  };
  std::vector<Json> top;
  for (const bitnet::TokenLogprob& likely : step.top_logprobs)
    top.push_back(entry(likely.id, likely.logprob));
  return entry(step.id, step.logprob).list("top", top).line();
}

/// The newest token into the context that is to be saved: unless it is in there, behind the `before` tokens that were there
/// when it was chosen, or there is no room.
Status complete(bitnet::Session& session, bitnet::TokenId newest, std::size_t before) {
  const std::size_t now = session.tokens().size();
  if (newest == bitnet::kNoToken || now != before || now >= session.capacity())
    return {};
  return session.evaluate({&newest, 1});
}

std::string info_line(const bitnet::Estimate& answer) {
  const bitnet::ModelInfo& i = answer.model;
  Json line;
  line.text("name", i.name).text("architecture", i.architecture).text("weight_type", i.weight_type);
  line.number("parameters", i.parameters).number("ternary_parameters", i.ternary_parameters);
  line.number("file_bytes", i.file_bytes).number("weight_bytes", i.weight_bytes);
  line.number("session_bytes", answer.session_bytes);
  if (answer.peak_bytes != 0)
    line.number("weight_bytes_most", answer.weight_bytes_most)
        .number("peak_bytes", answer.peak_bytes);
  line.number("layers", std::uint64_t{i.layers}).number("hidden", std::uint64_t{i.hidden});
  line.number("ffn", std::uint64_t{i.ffn}).number("heads", std::uint64_t{i.heads});
  line.number("kv_heads", std::uint64_t{i.kv_heads}).number("head_dim", std::uint64_t{i.head_dim});
  line.number("vocabulary", std::uint64_t{i.vocabulary})
      .number("context", std::uint64_t{i.context});
  line.number("bos", i.bos).number("eos", i.eos).text("tokenizer", i.tokenizer);
  line.truth("tokenizer_guessed", i.tokenizer_guessed).text("chat_template", i.chat_template);
  line.text("isa", i.isa);
  return line.line();
}

void info_table(const bitnet::Estimate& answer, Output& out) {
  const bitnet::ModelInfo& i = answer.model;
  const auto row = [&out](std::string label, const std::string& value) {
    label.resize(14, ' ');
    out.write(label + value + "\n");
  };
  const auto count = [](std::uint64_t n) { return std::to_string(n); };
  row("name", i.name.empty() ? "(none)" : printable(i.name));
  row("architecture", printable(i.architecture));
  row("parameters", decimal(static_cast<double>(i.parameters) / 1e6, 1) + " M, " +
                        decimal(static_cast<double>(i.ternary_parameters) / 1e6, 1) +
                        " M ternary (" + printable(i.weight_type) + ")");
  row("shape", count(i.layers) + " layers, hidden " + count(i.hidden) + ", FFN " + count(i.ffn) +
                   ", " + count(i.heads) + " heads (" + count(i.kv_heads) + " KV) of " +
                   count(i.head_dim));
  row("vocabulary", count(i.vocabulary) + " tokens, rules " + printable(i.tokenizer) +
                        (i.tokenizer_guessed ? " (guessed: the file names none)" : ""));
  row("chat", printable(i.chat_template));
  row("context", count(i.context) + " tokens");
  row("file", megabytes(i.file_bytes));
  row("memory",
      megabytes(i.weight_bytes) + " weights, " + megabytes(answer.session_bytes) + " per session" +
          (answer.peak_bytes == 0 ? std::string()
                                  : "; at most " + megabytes(answer.peak_bytes) + " at a time"));
  row("kernels", std::string(i.isa));
}

} // namespace

int run(Arguments arguments) {
  Options options;
  ModelOptions model_options;
  bitnet::SessionOptions session_options;
  PromptOptions prompt_options;
  GenerateOptions generate_options;
  bool print_ids = false;
  bool echo = false;
  bool logits_hash = false;
  bool stats = false;
  std::string save_path;
  std::string restore_path;
  Words words;
  prompt_options.declare(options);
  model_options.declare(options);
  generate_options.declare(options);
  declare(options, session_options);
  options.flag("--echo", "print the prompt before its continuation", echo);
  options.flag("--print-ids", "print the ids generated, not their text", print_ids);
  options.flag("--logits-hash", "print a line `logits ENGINE THREADS HASH` at the end",
               logits_hash);
  options.flag("--stats", "speed and memory on stderr at the end", stats);
  options.custom("--logprobs", "N",
                 "a line of JSON for each token, with its log-probability and the N likeliest's",
                 [&](std::string_view text) -> std::string {
                   const auto ids = parse_ids(text); // a list of one number
                   if (!ids || ids->size() != 1 || (*ids)[0] < 0 ||
                       (*ids)[0] > static_cast<std::int32_t>(bitnet::kMostTopLogprobs))
                     return "is 0 to 20";
                   generate_options.value.logprobs = true;
                   generate_options.value.top_logprobs = static_cast<std::uint32_t>((*ids)[0]);
                   return {};
                 });
  options.text("--save", "FILE", "write the context to a file at the end", save_path);
  options.text("--restore", "FILE", "go on from a context that was saved", restore_path);
  if (const auto status = parse("run", "run [-m FILE] [-p TEXT | --ids 1,2,3] [OPTION]...", options,
                                arguments, words))
    return *status;
  if (const auto status = prompt_options.complete("run"))
    return *status;

  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  const auto parallel = model_options.parallel();
  if (!parallel)
    return fail(parallel.error());
  auto session = bitnet::Session::make(*model, session_options, **parallel);
  if (!session)
    return fail(session.error());
  bitnet::Vec<bitnet::TokenId> prompt;
  Status ready;
  if (!restore_path.empty())
    ready = restore_session(*session, restore_path);
  if (ready)
    ready = prompt.append(session->tokens());
  if (ready)
    ready = prompt_options.tokens(*model, prompt);
  if (!ready)
    return fail(ready.error());

  Output out;
  if (echo && prompt_options.text && !print_ids)
    out.write(*prompt_options.text);
  Timing timing;
  std::uint64_t hash = bitnet::kHashStart;
  bitnet::TokenId newest = bitnet::kNoToken;
  std::size_t before = 0; // tokens in the context when it was chosen
  const auto show = [&](const bitnet::Step& step) {
    const bool token = step.kind == bitnet::Step::Kind::kToken;
    if (token && logits_hash) // those that this token was chosen by
      hash = bitnet::hash_logits(session->logits(), hash);
    newest = token ? step.id : newest;
    before = token ? session->tokens().size() : before;
    if (generate_options.value.logprobs)
      out.write(token ? logprob_line(*model, step) : "");
    else if (!print_ids)
      out.say(step.text);
    else if (token)
      out.write((timing.tokens_ns.size() > 1 ? " " : "") + std::to_string(step.id));
    return out.flush();
  };
  const Status status = generate(*session, prompt.span(), generate_options.get(), show, timing);
  if (!generate_options.value.logprobs && (!timing.tokens_ns.empty() || status))
    out.write("\n");
  if (!status) {
    out.finish();
    return fail(status.error());
  }
  if (logits_hash)
    out.write("logits " + engine_name(*model) + " " + std::to_string((*parallel)->threads()) + " " +
              hex(hash) + "\n");
  if (stats)
    print_stats(timing);
  if (!save_path.empty()) {
    if (const Status whole = complete(*session, newest, before); !whole) {
      out.finish();
      return fail(whole.error());
    }
    if (const int saved = save_session(*session, save_path); saved != kOk) {
      out.finish();
      return saved;
    }
  }
  return out.finish();
}

int info(Arguments arguments) {
  Options options;
  ModelOptions model_options;
  bitnet::SessionOptions session_options;
  bool json = false;
  bool estimate = false;
  Words words;
  model_options.declare(options);
  declare(options, session_options);
  options.flag("--json", "one JSON object", json);
  options.flag("--estimate",
               "from the header alone, with the most memory that loading and a session would take",
               estimate);
  if (const auto status =
          parse("info", "info [-m FILE] [--estimate] [--json]", options, arguments, words, 1))
    return *status;
  if (!words.empty() && model_options.path.empty())
    model_options.path = words[0];

  Output out;
  const auto show = [&](const bitnet::Estimate& answer) {
    if (json)
      out.write(info_line(answer));
    else
      info_table(answer, out);
  };
  if (estimate) {
    if (const Status status = model_options.estimate(session_options, show); !status)
      return fail(status.error());
    return out.finish();
  }
  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  const auto session_bytes = model->session_bytes(session_options);
  if (!session_bytes)
    return fail(session_bytes.error());
  bitnet::Estimate answer; // no peak: it has been
  answer.model = model->info();
  answer.session_bytes = *session_bytes;
  show(answer);
  return out.finish();
}

int tokenize(Arguments arguments) {
  Options options;
  ModelOptions model_options;
  bool pieces = false;
  bool as_chat = false;
  bool no_bos = false;
  Words words;
  model_options.declare(options);
  options.flag("--pieces", "one id and its text per line", pieces);
  options.flag("--chat", "frame the text as a user's message, ready for an answer", as_chat);
  options.flag("--no-bos", "no begin-of-text token in front", no_bos);
  if (const auto status =
          parse("tokenize", "tokenize [-m FILE] [TEXT] [OPTION]...", options, arguments, words, 1))
    return *status;
  if (words.empty() && stdin_is_terminal())
    return misuse("tokenize", "no text: give it as an argument, or pipe it in");
  const auto input = words.empty() ? read_stdin() : Result<std::string>(words[0]);
  if (!input)
    return fail(input.error());
  const std::string& text = *input;

  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  bitnet::Vec<bitnet::TokenId> ids;
  const bitnet::ChatMessage message{"user", text};
  const Status status = as_chat ? model->tokenize_chat({&message, 1}, true, ids)
                                : model->tokenize(text, !no_bos, ids);
  if (!status)
    return fail(status.error());
  Output out;
  bitnet::Text piece;
  for (const bitnet::TokenId& id : ids) {
    if (!pieces) {
      out.write((&id != ids.begin() ? " " : "") + std::to_string(id));
      continue;
    }
    piece.clear();
    if (const Status read = model->detokenize({&id, 1}, true, piece); !read)
      return fail(read.error());
    out.write(Json().number("id", id).text("text", bitnet::view(piece)).line());
  }
  if (!pieces)
    out.write("\n");
  return out.finish();
}

int logits(Arguments arguments) {
  static_assert(std::endian::native == std::endian::little);
  Options options;
  ModelOptions model_options;
  bitnet::SessionOptions session_options;
  PromptOptions prompt_options;
  std::string path;
  Words words;
  prompt_options.declare(options);
  options.text("-o, --output", "FILE", "where to; - is standard output", path);
  model_options.declare(options);
  declare(options, session_options);
  if (const auto status = parse("logits", "logits [-m FILE] --ids 1,2,3 -o FILE [OPTION]...",
                                options, arguments, words))
    return *status;
  if (path.empty())
    return misuse("logits", "where to? Give -o FILE, or -o - for standard output");
  if (const auto status = prompt_options.complete("logits"))
    return *status;

  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  const auto parallel = model_options.parallel();
  if (!parallel)
    return fail(parallel.error());
  bitnet::Vec<bitnet::TokenId> ids;
  if (const Status status = prompt_options.tokens(*model, ids); !status)
    return fail(status.error());
  if (ids.empty())
    return fail(Error(ErrorCode::EmptyPrompt));
  auto session = bitnet::Session::make(*model, session_options, **parallel);
  if (!session)
    return fail(session.error());
  Output out(path);
  const auto sink = [](void* context, std::uint32_t,
                       std::span<const float> row) noexcept -> Status {
    const auto bytes = std::as_bytes(row);
    if (!static_cast<Output*>(context)->write(
            {reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
      return Error(ErrorCode::Aborted); // finish() knows why
    return {};
  };
  const Status status = session->evaluate_all(ids.span(), sink, &out);
  const int written = out.finish();
  return status || written != kOk ? written : fail(status.error());
}

int selftest(Arguments arguments) {
  Options options;
  std::uint32_t threads = 0;
  std::string only;
  Words words;
  options.number("-t, --threads", "N", "threads (default: as many as the machine has)", threads, 0,
                 256);
  options.text("--isa", "NAME", "only these kernels (default: all that the machine runs)", only);
  if (const auto status = parse("selftest", "selftest [--isa NAME]", options, arguments, words))
    return *status;

  std::vector<std::string> isas{only};
  if (only.empty())
    isas.assign(bitnet::available_isas().begin(), bitnet::available_isas().end());
  int result = kOk;
  Output out;
  for (const std::string& isa : isas) {
    const ModelOptions model_options{.path = {}, .isa = isa, .threads = threads};
    const auto model = model_options.load();
    if (!model)
      return fail(model.error());
    const auto parallel = model_options.parallel();
    if (!parallel)
      return fail(parallel.error());
    const auto report = bitnet::self_test(*model, **parallel);
    if (!report) {
      result = fail(report.error());
      continue;
    }
    out.write(engine_name(*model) + ": ok, " + std::to_string(report->kernel_cases) +
              " kernel cases equal to scalar, " + std::to_string(report->tokens) +
              " tokens equal to the stored ones, logits " + hex(report->logits_hash) + "\n");
  }
  const int written = out.finish();
  return result != kOk ? result : written;
}

} // namespace cli
