// The program bitnet-nn: WASI guests under Wasmtime, with WASI-NN over the native kernels.
#include "guest.h"

#include "args.h"
#include "platform/threads.h"
#include "printable.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

#include <unistd.h>

namespace bitnet::nn_wasmtime {
namespace {

using std::string;
using std::string_view;

/// A guest's "stream-stdout". Not through stdio: the guest's own writes do not go there either, and
/// so the order stands.
bool print(void* /*context*/, string_view text) noexcept {
  static const bool terminal = isatty(STDOUT_FILENO) != 0;
  const string shown = terminal ? cli::printable(text, "\n\t") : string(text);
  for (string_view rest = shown; !rest.empty();) {
    const ssize_t written = write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno != EINTR)
      return false;
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

/// Calls that fail because the guest is being ended need no words.
void log(void* watch, string_view line) noexcept {
  if (static_cast<const Watch*>(watch)->end() == Watch::End::kNone)
    complain(string(line));
}

/// One guest on its thread.
struct Guest {
  Guest(nn::Models& models, const nn::HostOptions& options) : host(models, options) {}

  nn::Host host;
  const Program* program = nullptr;
  const CommandLine* line = nullptr;
  const Watch* watch = nullptr;
  std::uint32_t number = 0;
  pthread_t thread{};
  int status = cli::kFailed;

  static void* enter(void* guest) {
    auto& self = *static_cast<Guest*>(guest);
    self.status = self.program->run(*self.line, self.host, self.number, *self.watch);
    return nullptr;
  }
};

/// What the watch ends.
struct Running {
  const Program* program;
  const Watch* watch;
  std::vector<std::unique_ptr<Guest>> guests;

  static void interrupt(void* context) noexcept {
    auto& self = *static_cast<Running*>(context);
    if (self.watch->end() == Watch::End::kTimeout)
      complain("the time of -W timeout is over");
    for (const auto& guest : self.guests)
      guest->host.cancel();
    self.program->interrupt();
  }
};

/// All guests, the first on this thread. The first exit status that is not 0.
int run(Running& running) {
  std::size_t started = 1;
  for (; started < running.guests.size(); ++started) {
    Guest& guest = *running.guests[started];
    if (pthread_create(&guest.thread, nullptr, &Guest::enter, &guest) != 0) {
      complain("no thread could be had for guest " + std::to_string(started));
      break;
    }
  }
  Guest::enter(running.guests[0].get());
  for (std::size_t i = 1; i < started; ++i)
    pthread_join(running.guests[i]->thread, nullptr);
  for (const auto& guest : running.guests)
    if (guest->status != 0)
      return guest->status;
  return 0;
}

int start(std::span<const string_view> arguments) {
  CommandLine line;
  if (const auto status = line.parse(arguments))
    return *status;

  Watch watch;
  const auto parallel = make_parallel(line.threads);
  if (parallel == nullptr) {
    complain(error_sentence(ErrorCode::OutOfMemory));
    return cli::kFailed;
  }
  LoadOptions load;
  load.isa = line.isa;
  load.head = line.head;
  nn::Models models(nn::open_model, load, *parallel);
  for (const string& preload : line.preloads) {
    if (const Status status = models.preload(preload); !status) {
      complain(string(status.error().detail()));
      return cli::kUsage;
    }
  }
  const auto program = Program::load(line);
  if (!program)
    return cli::kFailed;

  nn::HostOptions options;
  options.output_rule = line.output_rule;
  options.max_session_bytes = line.max_session_bytes;
  options.hooks = {&watch, print, log};
  Running running{&*program, &watch, {}};
  for (std::uint32_t i = 0; i < line.guests; ++i) {
    auto& guest = *running.guests.emplace_back(std::make_unique<Guest>(models, options));
    guest.program = &*program;
    guest.line = &line;
    guest.watch = &watch;
    guest.number = i;
  }
  if (!watch.start(line.limits.timeout, Running::interrupt, &running)) {
    complain("no thread could be had to watch over the guest");
    return cli::kFailed;
  }
  const int status = run(running);
  watch.stop();
  return status;
}

} // namespace
} // namespace bitnet::nn_wasmtime

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // a reader that leaves is a failed write
  const std::vector<std::string_view> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return bitnet::nn_wasmtime::start(arguments);
}
