// What the commands share: options that mean the same everywhere, the way to a model, output that
// may fail, and errors as people read them. Policy and defaults are the library's.
#pragma once

#include "args.h"
#include "bitnet/bitnet.hpp"
#include "printable.h"

#include <functional>

namespace cli {

using bitnet::Error;
using bitnet::ErrorCode;
using bitnet::Result;
using bitnet::Status;
using Words = std::vector<std::string>;
using Arguments = std::span<const std::string_view>;

/// "bitnet: <sentence>: <detail>" and the next step, on stderr. Returns kFailed.
int fail(const Error& error);
/// "bitnet: <what>. Try bitnet help <command>" on stderr. Returns kUsage.
int misuse(const char* command, const std::string& what);

/// Bytes to stdout or a file. After a failure nothing more is written.
class Output {
public:
  Output();                                 ///< stdout
  explicit Output(const std::string& path); ///< "-" is stdout
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  /// False once a write has failed.
  bool write(std::string_view text);
  /// Text that a model made: on a terminal without the control characters that would steer it.
  bool say(std::string_view text);
  /// Everything written has left the program.
  bool flush();
  /// The exit status; says on stderr what went wrong, unless it is only that the reader left.
  int finish();

private:
  bool failed(); ///< keeps errno
  void* file_;
  std::string name_;
  int error_ = 0;
  bool terminal_ = false;
};

/// One JSON object on one line.
class Json {
public:
  Json& text(std::string_view key, std::string_view value);
  Json& number(std::string_view key, std::uint64_t value);
  Json& number(std::string_view key, std::int32_t value);
  Json& real(std::string_view key, double value, int digits = 3);
  Json& truth(std::string_view key, bool value);
  Json& reals(std::string_view key, std::span<const double> values);
  Json& list(std::string_view key, std::span<const Json> values);
  std::string object() const { return "{" + fields_ + "}"; }
  std::string line() const { return object() + "\n"; }

private:
  Json& raw(std::string_view key, const std::string& value);
  std::string fields_;
};

std::string decimal(double value, int digits);
/// "216 MB"
std::string megabytes(std::uint64_t bytes);
double median(std::vector<double> values);

/// -m and how to compute.
struct ModelOptions {
  std::string path; ///< empty: the built-in model
  std::string isa;
  bool float_activations = false;
  bitnet::HeadType head = bitnet::HeadType::kFile;
  std::uint32_t threads = 0;

  void declare(Options& options);
  Result<bitnet::Model> load() const;
  /// What load() and such a session would take, from the header alone; its texts live while `show` runs.
  Status estimate(const bitnet::SessionOptions& session,
                  const std::function<void(const bitnet::Estimate&)>& show) const;
  Result<std::unique_ptr<bitnet::Parallel>> parallel() const;

private:
  bitnet::LoadOptions load_options() const;
  Error named(const Error& error) const;
};
/// "native-avx2", "wasi-wasm_simd128"
std::string engine_name(const bitnet::Model& model);

/// Sessions in files.
Status restore_session(bitnet::Session& session, const std::string& path);
/// The exit status; why it failed has been told.
int save_session(bitnet::Session& session, const std::string& path);

void declare(Options& options, bitnet::SessionOptions& session);

/// -p, --ids or stdin.
struct PromptOptions {
  std::optional<std::string> text;
  std::optional<std::vector<std::int32_t>> ids;

  void declare(Options& options);
  /// Reads stdin when neither was given. An exit status when there is no prompt, and why has been told.
  std::optional<int> complete(const char* command);
  /// Appends the prompt; BOS only where nothing stands before it.
  Status tokens(const bitnet::Model& model, bitnet::Vec<bitnet::TokenId>& out) const;
};

/// Sampling and when to stop.
struct GenerateOptions {
  bitnet::GenerateOptions value; ///< stop: see get()
  bool greedy = false;
  std::vector<std::string> stop;
  std::string grammar;     ///< the text, not the path
  std::string json_schema; ///< the same

  void declare(Options& options);
  /// The same with `stop` in place. Views live as long as this.
  const bitnet::GenerateOptions& get();

private:
  std::vector<std::string_view> stop_views_;
};

struct Timing {
  std::uint32_t prompt = 0; ///< tokens evaluated before the first one generated
  std::uint64_t prompt_ns = 0;
  std::vector<std::uint64_t> tokens_ns; ///< between one token and the one before
};

/// The one loop over Session::next(). `sink` sees each token and the end; false stops.
Status generate(bitnet::Session& session, std::span<const bitnet::TokenId> prompt,
                const bitnet::GenerateOptions& options,
                const std::function<bool(const bitnet::Step&)>& sink, Timing& timing);

/// More than any prompt: what is longer is an error and not the end of the memory.
inline constexpr std::size_t kMostInput = std::size_t{64} << 20;
/// All of stdin, or one line without its end. Nothing at the end of the input.
Result<std::string> read_stdin();
Result<std::optional<std::string>> read_line();
bool stdin_is_terminal();

} // namespace cli
