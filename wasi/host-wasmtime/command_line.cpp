#include "command_line.h"

#include "args.h"
#include "printable.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>
#include <wasmtime.h>

namespace bitnet::nn_wasmtime {
namespace {

using std::string;
using std::string_view;

constexpr string_view kUsage = "usage: bitnet-nn [OPTION]... GUEST.wasm [ARGUMENT]...\n\n"
                               "Runs a WASI preview 1 program under Wasmtime and gives it WASI-NN "
                               "over this machine's kernels.\n\n";
constexpr string_view kAfterOptions =
    "\nExit status: the guest's; 134 when it trapped or ran out of time, 1 when it could not be "
    "run,\n"
    "2 when the command line is wrong, 130 or 143 when it was interrupted or terminated.\n"
    "BITNET_NN_COMPAT is the default of --nn-compat. With --guests, each guest finds its number "
    "in\n"
    "BITNET_GUEST.\n";

/// What Wasmtime bears: its C API aborts on 0, and above what its fibers have (`async_stack_size`), used or not.
constexpr std::uint64_t kMostStackBytes = std::uint64_t{2} << 20;

/// The text's number, whole or none; "0x" goes before a hexadecimal one.
std::optional<std::uint64_t> parse_number(string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end)
    return std::nullopt;
  return value;
}

/// "2", "2s", "100ms", "5m", "1h": longer than nothing, and at most a year.
std::optional<std::chrono::microseconds> parse_duration(string_view text) {
  constexpr std::uint64_t kMost = std::uint64_t{365} * 24 * 3600 * 1000000;
  struct Unit {
    string_view name;
    std::uint64_t microseconds;
  };
  std::uint64_t scale = 1000000;
  for (const Unit& unit : {Unit{"us", 1}, Unit{"ms", 1000}, Unit{"s", 1000000}, Unit{"m", 60000000},
                           Unit{"h", 3600000000}}) {
    if (text.ends_with(unit.name)) {
      scale = unit.microseconds;
      text.remove_suffix(unit.name.size());
      break;
    }
  }
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > kMost / scale)
    return std::nullopt;
  return std::chrono::microseconds(*number * scale);
}

/// One "name" or "name=value" of -W or -S.
struct Setting {
  string_view name;
  std::optional<string_view> value;

  std::optional<bool> truth() const {
    if (!value || *value == "y" || *value == "yes" || *value == "true")
      return true;
    if (*value == "n" || *value == "no" || *value == "false")
      return false;
    return std::nullopt;
  }
};

/// Hands the settings in "name=value,name,..." to `set` one by one, which answers what is wrong.
template <class F> string each_setting(string_view list, const F& set) {
  for (;;) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const string_view item = list.substr(0, comma);
    const std::size_t equals = item.find('=');
    Setting setting{item.substr(0, equals), std::nullopt};
    if (equals != string_view::npos)
      setting.value = item.substr(equals + 1);
    if (string wrong = set(setting); !wrong.empty())
      return wrong;
    if (comma == list.size())
      return {};
    list.remove_prefix(comma + 1);
  }
}

string assign(const Setting& setting, bool& into) {
  const auto truth = setting.truth();
  if (!truth)
    return "wants y or n for " + string(setting.name);
  into = *truth;
  return {};
}

string assign(const Setting& setting, std::optional<std::uint64_t>& into) {
  const auto number = parse_number(setting.value.value_or(""));
  if (!number || *number > INT64_MAX)
    return "wants " + string(setting.name) + "=BYTES";
  into = number;
  return {};
}

string set_wasm(CommandLine& line, const Setting& setting) {
  if (setting.name == "timeout") {
    const auto time = parse_duration(setting.value.value_or(""));
    if (!time)
      return "wants timeout=DURATION (2, 2s, 100ms)";
    line.limits.timeout = *time;
    return {};
  }
  if (setting.name == "max-memory-size")
    return assign(setting, line.limits.memory_bytes);
  if (setting.name == "max-wasm-stack") {
    std::optional<std::uint64_t> bytes;
    if (string wrong = assign(setting, bytes); !wrong.empty())
      return wrong;
    if (*bytes == 0 || *bytes > kMostStackBytes)
      return "wants max-wasm-stack from 1 to " + std::to_string(kMostStackBytes) + " bytes";
    line.limits.stack_bytes = bytes;
    return {};
  }
  if (setting.name == "simd")
    return assign(setting, line.simd);
  if (setting.name == "relaxed-simd")
    return assign(setting, line.relaxed_simd);
  return "takes timeout, max-memory-size, max-wasm-stack, simd and relaxed-simd here";
}

void set_variable(CommandLine& line, string_view name, string_view value) {
  const auto known = std::ranges::find(line.environment, name, &CommandLine::Variable::name);
  if (known != line.environment.end())
    known->value = value;
  else
    line.environment.push_back({string(name), string(value)});
}

void inherit_environment(CommandLine& line) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const string_view text = *entry;
    if (const std::size_t equals = text.find('='); equals != string_view::npos && equals > 0)
      set_variable(line, text.substr(0, equals), text.substr(equals + 1));
  }
}

int misuse(const string& what) {
  std::fprintf(stderr, "bitnet-nn: %s\nTry `bitnet-nn --help`.\n", cli::printable(what).c_str());
  return cli::kUsage;
}

int print(const string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return std::fflush(stdout) == 0 && written ? cli::kOk : cli::kFailed;
}

string version_text() {
  string text = "bitnet-nn " + string(version()) + "\nWasmtime " WASMTIME_VERSION ", kernels:";
  for (const string_view isa : available_isas())
    text += " " + string(isa);
  return text + "\n";
}

} // namespace

std::optional<int> CommandLine::parse(std::span<const string_view> arguments) {
  bool help = false;
  bool show_version = false;
  bool inherit = false;
  std::vector<Variable> given;

  cli::Options options;
  options.texts("--nn-preload", "NAME:ENC:TARGET:PATH",
                "a model that guests load by NAME; ENC is GGML, BitNet or AUTODETECT, TARGET any",
                preloads);
  options.custom(
      "--dir", "HOST[::GUEST]", "show the guest this folder", [this](string_view text) -> string {
        const std::size_t colons = text.find("::");
        const string_view host = text.substr(0, colons);
        const string_view guest = colons == string_view::npos ? host : text.substr(colons + 2);
        if (host.empty() || guest.empty())
          return "wants HOST or HOST::GUEST";
        folders.push_back({string(host), string(guest)});
        return {};
      });
  options.custom("--env", "NAME[=VALUE]",
                 "set a variable of the guest's; without a value: as it is here",
                 [&given](string_view text) -> string {
                   const std::size_t equals = text.find('=');
                   const string name(text.substr(0, equals));
                   if (name.empty())
                     return "wants NAME or NAME=VALUE";
                   if (equals != string_view::npos)
                     given.push_back({name, string(text.substr(equals + 1))});
                   else if (const char* value = std::getenv(name.c_str()); value != nullptr)
                     given.push_back({name, value});
                   return {};
                 });
  options.maybe_text("--argv0", "NAME", "the guest's name for itself (its file's name)",
                     program_name);
  options.custom(
      "-W, --wasm", "NAME=VALUE,...",
      "timeout=DURATION, max-memory-size=BYTES, max-wasm-stack=BYTES, simd=y|n, relaxed-simd=y|n",
      [this](string_view text) {
        return each_setting(text, [this](const Setting& s) { return set_wasm(*this, s); });
      });
  options.custom("-S, --wasi", "NAME,...", "inherit-env; cli and nn, which are always on",
                 [&inherit](string_view text) {
                   return each_setting(text, [&inherit](const Setting& setting) -> string {
                     if (setting.name == "inherit-env")
                       return assign(setting, inherit);
                     const bool always =
                         setting.name == "cli" || setting.name == "nn" || setting.name == "common";
                     return always && setting.truth() == true
                                ? ""
                                : "takes inherit-env, cli and nn here";
                   });
                 });
  options.number("--nn-threads", "N", "threads that compute (all)", threads, 0, 256);
  options.custom("--nn-compat", "MODE",
                 "get_output into a small buffer: probe (an error and the size), clamp, llamaedge",
                 [this](string_view text) -> string {
                   const auto rule = nn::output_rule(text);
                   if (!rule)
                     return "wants probe, clamp or llamaedge";
                   output_rule = *rule;
                   return {};
                 });
  options.custom("--nn-max-kv", "SIZE",
                 "memory for one guest's contexts and own models, as 512M or 8G (8G)",
                 [this](string_view text) -> string {
                   const auto size = cli::parse_size(text);
                   if (!size)
                     return "wants a number of bytes, or one with K, M or G";
                   max_session_bytes = *size;
                   return {};
                 });
  options.number("--guests", "N", "run N of them at once, which share the models (1)", guests, 1,
                 kMostGuests);
  options.text("--isa", "NAME", "kernels (the best this machine runs)", isa);
  options.custom("--head", "file|int8|int4",
                 "what reads the output head: the file's matrix (default), or a small one",
                 [this](string_view text) -> string {
                   const auto type = head_type(text);
                   head = type.value_or(head);
                   return type ? "" : "wants file, int8 or int4";
                 });
  options.flag("-h, --help", "this", help);
  options.flag("-V, --version", "versions and kernels", show_version);

  if (const char* mode = std::getenv("BITNET_NN_COMPAT"); mode != nullptr && *mode != '\0') {
    const auto rule = nn::output_rule(mode);
    if (!rule)
      return misuse("BITNET_NN_COMPAT is probe, clamp or llamaedge, not '" + string(mode) + "'");
    output_rule = *rule;
  }
  if (const string wrong = options.parse_command(arguments, words); !wrong.empty())
    return misuse(wrong);
  if (help)
    return print(string(kUsage) + options.help() + string(kAfterOptions));
  if (show_version)
    return print(version_text());
  if (words.empty())
    return misuse("which guest? usage: bitnet-nn [OPTION]... GUEST.wasm [ARGUMENT]...");

  const auto isas = available_isas();
  if (!isa.empty() && std::ranges::find(isas, isa) == isas.end())
    return misuse("no kernels '" + isa + "' here; bitnet-nn --version names those there are");

  if (inherit)
    inherit_environment(*this);
  for (const Variable& variable : given)
    set_variable(*this, variable.name, variable.value);
  return std::nullopt;
}

} // namespace bitnet::nn_wasmtime
