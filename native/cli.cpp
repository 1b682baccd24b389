// The program `bitnet`: finds the command and hands it its arguments. Compiled as it is for WASI.
#include "commands.h"

#include <algorithm>
#include <cstdio>

#ifndef __wasi__ // which has no signals, and whose header says so with an #error
#include <csignal>
#endif

namespace cli {
namespace {

struct Command {
  std::string_view name;
  int (*run)(Arguments);
  const char* help;
};

int help(Arguments arguments);
int version(Arguments arguments);

constexpr Command kCommands[] = {
    {"run", run, "continue a prompt"},
    {"chat", chat, "talk, line by line, with a model that has a chat template"},
    {"info", info, "what a model file is"},
    {"tokenize", tokenize, "text to token ids"},
    {"logits", logits, "raw logits of every position, as float32 [positions, vocabulary]"},
    {"bench", bench, "tokens per second, load time and memory"},
    {"selftest", selftest, "check this machine's kernels against stored answers"},
    {"cpu", cpu, "--model FILE --prompt TEXT --max-tokens N: the text, then its cost"},
    {"help", help, "this, or `help COMMAND`"},
    {"version", version, "version and kernels"},
};

const Command* find(std::string_view name) {
  const auto* found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::end(kCommands) ? nullptr : found;
}

int unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands)
    names.push_back(command.name);
  const std::string_view near = nearest(name, names);
  return misuse("", "unknown command '" + std::string(name) + "'" +
                        (near.empty() ? "" : "; did you mean '" + std::string(near) + "'?"));
}

int help(Arguments arguments) {
  if (!arguments.empty()) {
    const Command* command = find(arguments[0]);
    if (command == nullptr)
      return unknown(arguments[0]);
    if (command->run != help && command->run != version) {
      constexpr std::string_view kHelp[] = {"--help"};
      return command->run(Arguments(kHelp));
    }
  }
  Output out;
  out.write("usage: bitnet COMMAND [OPTION]...\n\n");
  for (const Command& command : kCommands) {
    std::string line = "  " + std::string(command.name);
    line.resize(12, ' ');
    out.write(line + command.help + "\n");
  }
  out.write(
      "\nThe small built-in model answers where no -m FILE is given: bitnet run -p \"Once upon "
      "a time\"\nExit status: 0 done, 1 it failed (stderr says why), 2 the command line is "
      "wrong.\n");
  return out.finish();
}

int version(Arguments /*arguments*/) {
  std::string isas;
  for (const std::string_view isa : bitnet::available_isas())
    isas += " " + std::string(isa);
  Output out;
  out.write("bitnet " + std::string(bitnet::version()) +
            "\n" BITNET_CLI_PLATFORM ", kernels:" + isas + "\n");
  return out.finish();
}

int start(Arguments arguments) {
  const std::string_view program = arguments.empty() ? "" : arguments[0];
  const std::string_view name = program.substr(program.find_last_of("/\\") + 1);
  if (name.starts_with("bitnet-cpu"))
    return cpu(arguments.subspan(1));
  if (arguments.size() < 2) {
    help({});
    return kUsage;
  }
  std::string_view first = arguments[1];
  if (first == "--help" || first == "-h")
    first = "help";
  if (first == "--version")
    first = "version";
  const Command* command = find(first);
  return command == nullptr ? unknown(first) : command->run(arguments.subspan(2));
}

} // namespace

std::optional<int> parse(const char* command, const char* usage, const Options& options,
                         Arguments arguments, Words& words, std::size_t most_words) {
  Options all = options;
  bool wants_help = false;
  all.flag("-h, --help", "this", wants_help);
  const std::string wrong = all.parse(arguments, words, most_words);
  if (wants_help) {
    Output out;
    out.write("usage: bitnet " + std::string(usage) + "\n\n" + all.help());
    return out.finish();
  }
  if (!wrong.empty())
    return misuse(command, wrong);
  return std::nullopt;
}

} // namespace cli

int main(int argc, char** argv) {
#ifndef __wasi__
  std::signal(SIGPIPE, SIG_IGN); // a reader that leaves is a failed write
#endif
  const std::vector<std::string_view> arguments(argv, argv + argc);
  return cli::start(arguments);
}
