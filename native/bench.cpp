// How fast: `bench` with random ids and medians, and `cpu` the way articles report it.
#include "commands.h"

#include "platform/clock.h"

#include <algorithm>

namespace cli {
namespace {

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

/// `count` random ids that are ordinary text: no control token has any.
Status random_prompt(const bitnet::Model& model, std::uint32_t count, std::uint64_t seed,
                     bitnet::Vec<bitnet::TokenId>& out) {
  std::uint64_t state = seed * 2 + 0x9E3779B97F4A7C15ULL;
  bitnet::Text text;
  // A vocabulary without any text is no reason to look for ever.
  for (std::uint64_t tries = 0; out.size() < count && tries < 1000 + 100ULL * count; ++tries) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const auto id = static_cast<bitnet::TokenId>((state >> 33) % model.info().vocabulary);
    text.clear();
    BITNET_TRY(model.detokenize({&id, 1}, false, text));
    if (!text.empty() && !model.ends_generation(id))
      BITNET_TRY(out.push(id));
  }
  return out.size() == count ? Status() : Error(ErrorCode::EmptyPrompt) << "no ordinary tokens";
}

} // namespace

int bench(Arguments arguments) {
  Options options;
  ModelOptions model_options;
  bitnet::SessionOptions session_options;
  std::uint32_t prompt_tokens = 128;
  std::uint32_t new_tokens = 64;
  std::uint32_t runs = 3;
  bool json = false;
  Words words;
  model_options.declare(options);
  declare(options, session_options);
  options.number("-p, --prompt-tokens", "N", "prompt length (default: 128)", prompt_tokens, 1,
                 1U << 20);
  options.number("-n, --max-tokens", "N", "tokens to generate (default: 64)", new_tokens, 1,
                 1U << 20);
  options.number("-r, --runs", "N", "how often; the medians count (default: 3)", runs, 1, 1000);
  options.flag("--json", "one JSON object", json);
  if (const auto status = parse("bench", "bench [-m FILE] [OPTION]...", options, arguments, words))
    return *status;
  if (session_options.context == 0)
    session_options.context = prompt_tokens + new_tokens + 1;

  const std::uint64_t start = bitnet::now_ns();
  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  const std::uint64_t load_ns = bitnet::now_ns() - start;
  const auto parallel = model_options.parallel();
  if (!parallel)
    return fail(parallel.error());
  auto session = bitnet::Session::make(*model, session_options, **parallel);
  if (!session)
    return fail(session.error());

  std::vector<double> prefill;
  std::vector<double> decode;
  const auto no_output = [](const bitnet::Step&) { return true; };
  bitnet::GenerateOptions generate_options;
  generate_options.ignore_end = true;
  generate_options.max_tokens = new_tokens + 1; // the first comes out of the prompt's last logits
  for (std::uint32_t run = 0; run < runs; ++run) {
    bitnet::Vec<bitnet::TokenId> prompt;
    if (const Status status = random_prompt(*model, prompt_tokens, run, prompt); !status)
      return fail(status.error());
    session->truncate(0);
    Timing timing;
    if (const Status status =
            generate(*session, prompt.span(), generate_options, no_output, timing);
        !status)
      return fail(status.error());
    std::uint64_t decode_ns = 0;
    for (std::size_t i = 1; i < timing.tokens_ns.size(); ++i)
      decode_ns += timing.tokens_ns[i];
    prefill.push_back(prompt_tokens / seconds(timing.prompt_ns));
    decode.push_back(static_cast<double>(timing.tokens_ns.size() - 1) / seconds(decode_ns));
  }

  Output out;
  const bitnet::ModelInfo& i = model->info();
  if (json) {
    Json line;
    line.text("engine", engine_name(*model))
        .number("threads", std::uint64_t{(*parallel)->threads()});
    line.text("model", i.name)
        .text("weight_type", i.weight_type)
        .number("parameters", i.parameters);
    line.number("prompt_tokens", std::uint64_t{prompt_tokens});
    line.number("new_tokens", std::uint64_t{new_tokens});
    line.number("batch", std::uint64_t{session_options.batch});
    line.real("prefill_tokens_per_second", median(prefill)).reals("prefill_runs", prefill);
    line.real("decode_tokens_per_second", median(decode)).reals("decode_runs", decode);
    line.real("load_seconds", seconds(load_ns)).number("peak_bytes", bitnet::peak_memory());
    out.write(line.line());
    return out.finish();
  }
  const auto list = [](const std::vector<double>& rates) {
    std::string text;
    for (const double rate : rates)
      text += " " + decimal(rate, 2);
    return text;
  };
  out.write(printable(i.name) + ", " + decimal(static_cast<double>(i.parameters) / 1e6, 1) +
            " M parameters, " + printable(i.weight_type) + "; " + engine_name(*model) + ", " +
            std::to_string((*parallel)->threads()) +
            ((*parallel)->threads() == 1 ? " thread\n" : " threads\n"));
  out.write("prefill  " + decimal(median(prefill), 2) + " tokens/s  (" +
            std::to_string(prompt_tokens) + " random ids in batches of " +
            std::to_string(session_options.batch) + "; runs" + list(prefill) + ")\n");
  out.write("decode   " + decimal(median(decode), 2) + " tokens/s  (" + std::to_string(new_tokens) +
            " greedy tokens after them; runs" + list(decode) + ")\n");
  out.write("load     " + decimal(seconds(load_ns), 3) + " s for " + megabytes(i.file_bytes) +
            "\n");
  out.write("memory   " + megabytes(bitnet::peak_memory()) + " at the peak\n");
  return out.finish();
}

int cpu(Arguments arguments) {
  Options options;
  ModelOptions model_options;
  bitnet::SessionOptions session_options;
  PromptOptions prompt_options;
  GenerateOptions generate_options;
  Words words;
  prompt_options.declare(options);
  model_options.declare(options);
  generate_options.declare(options);
  declare(options, session_options);
  if (const auto status = parse("cpu", "cpu --model FILE --prompt TEXT --max-tokens N [OPTION]...",
                                options, arguments, words))
    return *status;
  if (const auto status = prompt_options.complete("cpu"))
    return *status;

  const std::uint64_t start = bitnet::now_ns();
  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  const std::uint64_t load_ns = bitnet::now_ns() - start;
  const auto parallel = model_options.parallel();
  if (!parallel)
    return fail(parallel.error());
  bitnet::Vec<bitnet::TokenId> prompt;
  if (const Status status = prompt_options.tokens(*model, prompt); !status)
    return fail(status.error());
  auto session = bitnet::Session::make(*model, session_options, **parallel);
  if (!session)
    return fail(session.error());

  Output out;
  Timing timing;
  const auto show = [&out](const bitnet::Step& step) {
    out.say(step.text);
    return out.flush();
  };
  const Status status = generate(*session, prompt.span(), generate_options.get(), show, timing);
  out.write("\n");
  if (!status) {
    out.finish();
    return fail(status.error());
  }
  std::vector<std::uint64_t> sorted = timing.tokens_ns;
  std::ranges::sort(sorted);
  std::uint64_t sum = 0;
  for (const std::uint64_t ns : sorted)
    sum += ns;
  const double average = sum == 0 ? 0 : static_cast<double>(sorted.size()) / seconds(sum);
  // Nearest rank: the least time that 95 of 100 tokens did not exceed.
  const std::uint64_t p95 = sorted.empty() ? 0 : sorted[(sorted.size() * 95 + 99) / 100 - 1];
  out.write("\nload time: " + decimal(seconds(load_ns), 3) + " s\n");
  out.write("RAM: " + megabytes(bitnet::peak_memory()) + "\n");
  out.write("average: " + decimal(average, 2) + " tokens/s\n");
  out.write("p95: " + decimal(static_cast<double>(p95) / 1e6, 2) + " ms/token\n");
  return out.finish();
}

} // namespace cli
