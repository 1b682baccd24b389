#include "common.h"

#include "builtin.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/threads.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <unistd.h>

namespace cli {
namespace {

std::FILE* stream(void* file) { return static_cast<std::FILE*>(file); }

/// What to do about an error, where there is something to do.
std::string next_step(ErrorCode code) {
  switch (code) {
  case ErrorCode::NotFound:
    if constexpr (std::string_view(BITNET_CLI_PLATFORM) == "wasi")
      return "Check the path, and that the runtime shows the program this folder (--dir).";
    return "Check the path; without -m the built-in model answers.";
  case ErrorCode::NotGguf:
    return "Fetch it again: a login or error page is often saved under a model's name.";
  case ErrorCode::Truncated: return "Fetch the file again: it seems to have been cut off.";
  case ErrorCode::WrongParts:
    return "Name a part that ends in -00001-of-0000N.gguf; the others are looked for beside it.";
  case ErrorCode::OutOfMemory: return "Try a smaller --context, or --kv f16.";
  case ErrorCode::EmptyPrompt: return "Give text with -p, ids with --ids, or pipe text in.";
  case ErrorCode::ContextFull:
    return "Use a shorter prompt, a larger --context or --context-policy shift.";
  case ErrorCode::BadSession:
    return "Restore it with the model and the --kv that it was saved with.";
  case ErrorCode::UnsupportedTemplate: return "`bitnet run` continues plain text with any model.";
  case ErrorCode::UnknownIsa: {
    std::string names = "This program and machine have:";
    for (const std::string_view isa : bitnet::available_isas())
      names += " " + std::string(isa);
    return names;
  }
  default: return {};
  }
}

/// Bytes of the character that `text` begins with; 0 when that is not UTF-8.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80)
    return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length)
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80)
      return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

} // namespace

int fail(const Error& error) {
  const std::string detail(error.detail());
  std::fprintf(stderr, "bitnet: %s%s%s\n", bitnet::error_sentence(error.code()),
               detail.empty() ? "" : ": ", detail.c_str());
  if (const std::string step = next_step(error.code()); !step.empty())
    std::fprintf(stderr, "%s\n", step.c_str());
  return kFailed;
}

int misuse(const char* command, const std::string& what) {
  std::fprintf(stderr, "bitnet: %s\nTry `bitnet help%s%s`.\n", printable(what).c_str(),
               *command != '\0' ? " " : "", command);
  return kUsage;
}

Output::Output() : file_(stdout), name_("standard output"), terminal_(isatty(STDOUT_FILENO) != 0) {}

Output::Output(const std::string& path) : Output() {
  if (path == "-")
    return;
  terminal_ = false;
  name_ = path;
  file_ = std::fopen(path.c_str(), "wb");
  if (file_ == nullptr)
    failed();
}

Output::~Output() {
  if (file_ != nullptr && file_ != stdout)
    std::fclose(stream(file_));
}

bool Output::failed() {
  error_ = errno != 0 ? errno : EIO;
  return false;
}

bool Output::write(std::string_view text) {
  if (error_ != 0)
    return false;
  return std::fwrite(text.data(), 1, text.size(), stream(file_)) == text.size() || failed();
}

bool Output::say(std::string_view text) {
  return write(terminal_ ? printable(text, "\n\t") : std::string(text));
}

bool Output::flush() {
  if (error_ != 0)
    return false;
  return std::fflush(stream(file_)) == 0 || failed();
}

int Output::finish() {
  flush();
  if (file_ != nullptr && file_ != stdout) {
    // Some file systems say only now that the disk is full.
    if (std::fclose(stream(std::exchange(file_, nullptr))) != 0 && error_ == 0)
      failed();
  }
  if (error_ == 0)
    return kOk;
  if (error_ != EPIPE)
    std::fprintf(stderr, "bitnet: %s could not be written: %s\n", printable(name_).c_str(),
                 std::strerror(error_));
  return kFailed;
}

Json& Json::raw(std::string_view key, const std::string& value) {
  fields_ += (fields_.empty() ? "\"" : ",\"") + std::string(key) + "\":" + value;
  return *this;
}

Json& Json::text(std::string_view key, std::string_view value) {
  std::string quoted = "\"";
  while (!value.empty()) {
    const std::size_t length = utf8_length(value);
    const auto byte = static_cast<unsigned char>(value[0]);
    char escape[8];
    if (length == 0) { // a file's names need not be UTF-8, JSON must be
      quoted += "\\ufffd";
    } else if (byte < 0x20 || byte == 0x7F) {
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      quoted += escape;
    } else {
      if (byte == '"' || byte == '\\')
        quoted += '\\';
      quoted += value.substr(0, length);
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
  return raw(key, quoted + "\"");
}

Json& Json::number(std::string_view key, std::uint64_t value) {
  return raw(key, std::to_string(value));
}
Json& Json::number(std::string_view key, std::int32_t value) {
  return raw(key, std::to_string(value));
}
Json& Json::real(std::string_view key, double value, int digits) {
  return raw(key, decimal(value, digits));
}
Json& Json::truth(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }

Json& Json::reals(std::string_view key, std::span<const double> values) {
  std::string list;
  for (const double value : values)
    list += (list.empty() ? "" : ",") + decimal(value, 3);
  return raw(key, "[" + list + "]");
}

Json& Json::list(std::string_view key, std::span<const Json> values) {
  std::string list;
  for (const Json& value : values)
    list += (list.empty() ? "" : ",") + value.object();
  return raw(key, "[" + list + "]");
}

std::string decimal(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string megabytes(std::uint64_t bytes) {
  return decimal(static_cast<double>(bytes) / 1e6, bytes < 100'000'000 ? 1 : 0) + " MB";
}

double median(std::vector<double> values) {
  if (values.empty())
    return 0;
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

void ModelOptions::declare(Options& options) {
  options.text("-m, --model", "FILE", "GGUF model (default: the small built-in one)", path);
  options.number("-t, --threads", "N", "threads (default: as many as the machine has)", threads, 0,
                 256);
  options.text("--isa", "NAME", "kernels (default: the best; `bitnet --version` lists them)", isa);
  options.custom("--head", "file|int8|int4",
                 "what reads the output head: the file's matrix (default), or a small one",
                 [this](std::string_view text) -> std::string {
                   const auto type = bitnet::head_type(text);
                   head = type.value_or(head);
                   return type ? "" : "is file, int8 or int4";
                 });
  options.flag("--float-activations", "float instead of int8 activations: slow, a reference",
               float_activations);
}

Result<bitnet::Model> ModelOptions::load() const {
  if (path.empty()) {
    bitnet::MemorySource source(builtin_model());
    return bitnet::Model::load(source, load_options());
  }
  const auto files = bitnet::ModelFiles::open(path);
  if (!files)
    return files.error();
  auto model = bitnet::Model::load(files->sources(), load_options());
  if (!model)
    return named(model.error());
  return model;
}

Status ModelOptions::estimate(const bitnet::SessionOptions& session,
                              const std::function<void(const bitnet::Estimate&)>& show) const {
  bitnet::MemorySource builtin(builtin_model());
  bitnet::Source* const one[] = {&builtin};
  std::span<bitnet::Source* const> sources = one;
  std::optional<bitnet::ModelFiles> files;
  if (!path.empty()) {
    auto opened = bitnet::ModelFiles::open(path);
    if (!opened)
      return opened.error();
    files = std::move(*opened);
    sources = files->sources();
  }
  std::vector<std::uint64_t> sizes;
  for (const bitnet::Source* source : sources)
    sizes.push_back(source->size());
  auto loader = bitnet::ModelLoader::begin_estimate(sizes, load_options());
  if (!loader)
    return named(loader.error());
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted()) {
    Status status = sources[range.file]->read(range.offset, range.into);
    if (status)
      status = loader->accept();
    if (!status)
      return named(status.error());
  }
  const auto answer = loader->estimate(session);
  if (!answer)
    return answer.error();
  show(*answer);
  return {};
}

bitnet::LoadOptions ModelOptions::load_options() const {
  return {.isa = isa, .float_activations = float_activations, .head = head};
}

/// The library knows only bytes; people want to know which file.
Error ModelOptions::named(const Error& error) const {
  return path.empty() ? error : Error(error.code()) << path << ": " << error.detail();
}

Result<std::unique_ptr<bitnet::Parallel>> ModelOptions::parallel() const {
  auto pool = bitnet::make_parallel(threads);
  if (!pool)
    return Error(ErrorCode::OutOfMemory) << "threads";
  return pool;
}

std::string engine_name(const bitnet::Model& model) {
  return BITNET_CLI_PLATFORM "-" + std::string(model.info().isa);
}

Status restore_session(bitnet::Session& session, const std::string& path) {
  auto source = bitnet::open_file(path);
  if (!source)
    return source.error();
  Status status = session.restore(**source);
  if (!status)
    status = Error(status.error().code()) << path << ": " << status.error().detail();
  return status;
}

int save_session(bitnet::Session& session, const std::string& path) {
  Output out(path);
  const Status status = session.save(
      [](void* to, bitnet::Bytes bytes) noexcept -> Status {
        if (!static_cast<Output*>(to)->write(
                {reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
          return Error(ErrorCode::Aborted); // finish() knows why
        return {};
      },
      &out);
  const int written = out.finish();
  return status || written != kOk ? written : fail(status.error());
}

void declare(Options& options, bitnet::SessionOptions& session) {
  options.number("-c, --context", "N", "tokens of context (default: the model's, at most 2048)",
                 session.context);
  options.custom("--kv", "f32|f16", "type of the KV cache (default: f32)",
                 [&session](std::string_view text) -> std::string {
                   if (text != "f32" && text != "f16")
                     return "is f32 or f16";
                   session.kv_type = text == "f32" ? bitnet::KvType::kF32 : bitnet::KvType::kF16;
                   return {};
                 });
  options.number("-b, --batch", "N", "prompt tokens evaluated together, 1 to 512 (default: 64)",
                 session.batch, 1, 512);
}

void PromptOptions::declare(Options& options) {
  options.maybe_text("-p, --prompt", "TEXT", "prompt (default: standard input)", text);
  options.custom("--ids", "1,2,3", "prompt as token ids", [this](std::string_view list) {
    ids = parse_ids(list);
    return std::string(ids ? "" : "wants ids separated by commas");
  });
}

std::optional<int> PromptOptions::complete(const char* command) {
  if (text && ids)
    return misuse(command, "give -p or --ids, not both");
  if (text || ids)
    return std::nullopt;
  if (stdin_is_terminal())
    return misuse(command, "no prompt: give -p TEXT or --ids, or pipe text in");
  auto read = read_stdin();
  if (!read)
    return fail(read.error());
  text = std::move(*read);
  if (text->ends_with('\n')) // echo's, not the author's
    text->pop_back();
  return std::nullopt;
}

Status PromptOptions::tokens(const bitnet::Model& model, bitnet::Vec<bitnet::TokenId>& out) const {
  if (ids)
    return out.append(*ids);
  if (text->empty() &&
      out.empty()) // BOS alone would make a prompt, but nobody who wrote nothing meant that
    return Error(ErrorCode::EmptyPrompt);
  return model.tokenize(*text, out.empty(), out);
}

/// All of a file into `text`; what is wrong, or "".
static std::string read_text(std::string_view path, std::string& text) {
  const auto source = bitnet::open_file(std::string(path));
  if (!source)
    return printable(source.error().detail());
  if ((*source)->size() > kMostInput)
    return "more than " + std::to_string(kMostInput) + " bytes";
  text.resize(static_cast<std::size_t>((*source)->size()));
  const Status status =
      (*source)->read(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  if (!status)
    return printable(status.error().detail());
  return text.empty() ? "the file is empty" : "";
}

void GenerateOptions::declare(Options& options) {
  bitnet::SamplerOptions& sampler = value.sampler;
  options.number("-n, --max-tokens", "N", "tokens to generate (default: until the end)",
                 value.max_tokens);
  options.flag("--greedy", "the likeliest token each time (the default)", greedy);
  options.real("--temp, --temperature", "X", "sampling temperature; 0 is greedy",
               sampler.temperature);
  options.number("--top-k", "N", "sample among the N likeliest; 0 is off", sampler.top_k);
  options.real("--top-p", "X", "sample among the likeliest that make up X; 1 is off",
               sampler.top_p);
  options.real("--min-p", "X", "drop tokens below X times the likeliest; 0 is off", sampler.min_p);
  options.real("--repeat-penalty", "X", "make recent tokens less likely; 1 is off",
               sampler.repetition_penalty);
  options.real("--presence-penalty", "X", "less likely what occurred; 0 is off",
               sampler.presence_penalty);
  options.real("--frequency-penalty", "X", "less likely for each time it occurred; 0 is off",
               sampler.frequency_penalty);
  options.number("--seed", "N", "of the sampler (default: 0)", sampler.seed);
  options.texts("--stop", "TEXT", "end before this text; may be given up to 16 times", stop);
  options.flag("--ignore-end", "go on through end-of-text tokens", value.ignore_end);
  options.custom("--context-policy", "stop|error|shift",
                 "when the context is full: end (default), fail, or forget its older half",
                 [this](std::string_view text) -> std::string {
                   const auto policy = bitnet::context_policy(text);
                   value.context_policy = policy.value_or(value.context_policy);
                   return policy ? "" : "is stop, error or shift";
                 });
  options.number(
      "--draft", "N",
      "guess up to N tokens from what was said before: same text, faster where it repeats",
      value.draft, 0, bitnet::kMostDraft);
  options.number("--keep", "N", "tokens at the front that a shift never forgets (default: 0)",
                 value.keep);
  options.custom("--grammar", "FILE", "the text must be what this grammar (GBNF) says",
                 [this](std::string_view path) { return read_text(path, grammar); });
  options.custom("--json-schema", "FILE", "the text must be JSON that this schema accepts",
                 [this](std::string_view path) { return read_text(path, json_schema); });
}

const bitnet::GenerateOptions& GenerateOptions::get() {
  if (greedy)
    value.sampler.temperature = 0;
  stop_views_.assign(stop.begin(), stop.end());
  value.stop = stop_views_;
  value.grammar = grammar;
  value.json_schema = json_schema;
  return value;
}

Status generate(bitnet::Session& session, std::span<const bitnet::TokenId> prompt,
                const bitnet::GenerateOptions& options,
                const std::function<bool(const bitnet::Step&)>& sink, Timing& timing) {
  const std::uint64_t start = bitnet::now_ns();
  const std::uint32_t before = session.size();
  BITNET_TRY(session.start(prompt, options));
  timing = {};
  // What start() kept of the context is not evaluated again.
  timing.prompt = static_cast<std::uint32_t>(prompt.size()) - std::min(before, session.size());
  timing.prompt_ns = 0;
  std::uint64_t last = start;
  for (;;) {
    const auto step = session.next();
    if (!step)
      return step.error();
    const std::uint64_t now = bitnet::now_ns();
    if (step->kind == bitnet::Step::Kind::kPrefill) {
      if (timing.tokens_ns
              .empty()) { // otherwise a shift of the context, which the next token pays for
        timing.prompt_ns = now - start;
        last = now;
      }
      continue;
    }
    if (step->kind == bitnet::Step::Kind::kToken)
      timing.tokens_ns.push_back(now - std::exchange(last, now));
    if (!sink(*step) || step->kind == bitnet::Step::Kind::kEnd)
      return {};
  }
}

static Error too_long() {
  return Error(ErrorCode::LimitExceeded)
         << "more than " << std::uint64_t{kMostInput} << " bytes on standard input";
}

Result<std::string> read_stdin() {
  std::string text;
  char block[4096];
  while (const std::size_t got = std::fread(block, 1, sizeof block, stdin)) {
    if (text.size() + got > kMostInput)
      return too_long();
    text.append(block, got);
  }
  return text;
}

Result<std::optional<std::string>> read_line() {
  std::string line;
  int c;
  while ((c = std::getc(stdin)) != EOF && c != '\n') {
    if (line.size() == kMostInput)
      return too_long();
    line += static_cast<char>(c);
  }
  if (c == EOF && line.empty())
    return std::optional<std::string>();
  if (line.ends_with('\r'))
    line.pop_back();
  return std::optional(std::move(line));
}

bool stdin_is_terminal() { return ::isatty(0) != 0; }

} // namespace cli
