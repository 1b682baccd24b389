// Conversation on a terminal or through pipes. The whole conversation is tokenised at each turn;
// the session notices how much of it the KV cache already holds.
#include "commands.h"

#include <utility>

namespace cli {
namespace {

struct Turn {
  const char* role;
  std::string text;
};

constexpr std::string_view kHelp =
    "/reset forgets the conversation, /quit (or the end of input) ends it.\n";

/// The conversation's ids in place of what was in `prompt`.
Status frame(const bitnet::Model& model, const std::string& system, const std::vector<Turn>& turns,
             bitnet::Vec<bitnet::TokenId>& prompt) {
  std::vector<bitnet::ChatMessage> messages;
  if (!system.empty())
    messages.push_back({"system", system});
  for (const Turn& turn : turns)
    messages.push_back({turn.role, turn.text});
  prompt.clear();
  return model.tokenize_chat(messages, true, prompt);
}

} // namespace

int chat(Arguments arguments) {
  Options options;
  ModelOptions model_options;
  bitnet::SessionOptions session_options;
  GenerateOptions generate_options;
  std::string system;
  Words words;
  options.text("--system", "TEXT", "instructions that stand before the conversation", system);
  model_options.declare(options);
  generate_options.declare(options);
  declare(options, session_options);
  if (const auto status = parse("chat", "chat [-m FILE] [OPTION]...", options, arguments, words))
    return *status;

  const auto model = model_options.load();
  if (!model)
    return fail(model.error());
  // A model that cannot chat says so before anybody has typed a word.
  bitnet::Vec<bitnet::TokenId> framed;
  if (const Status status = frame(*model, system, {{"user", "Hello"}}, framed); !status)
    return fail(status.error());
  const auto parallel = model_options.parallel();
  if (!parallel)
    return fail(parallel.error());
  auto session = bitnet::Session::make(*model, session_options, **parallel);
  if (!session)
    return fail(session.error());

  Output out;
  const bool terminal = stdin_is_terminal();
  if (terminal)
    out.write(kHelp);
  std::vector<Turn> turns;
  bool forgotten = false;
  for (;;) {
    if (terminal)
      out.write("> ");
    if (!out.flush())
      return out.finish();
    const auto read = read_line();
    if (!read) {
      out.finish();
      return fail(read.error());
    }
    const std::optional<std::string>& line = *read;
    if (!line || *line == "/quit") {
      out.write(!line && terminal ? "\n" : ""); // the shell's prompt starts its own line
      return out.finish();
    }
    if (*line == "/reset") {
      turns.clear();
      continue;
    }
    if (line->empty())
      continue;
    if (line->starts_with('/') && line->find(' ') == std::string::npos && terminal) {
      out.write(kHelp);
      continue;
    }
    turns.push_back({"user", *line});

    bitnet::Vec<bitnet::TokenId> prompt;
    Status status = frame(*model, system, turns, prompt);
    // A quarter of the context is for the answer; the oldest exchanges make room.
    const std::size_t most = session->capacity() - session->capacity() / 4;
    for (; status && prompt.size() > most && turns.size() > 2; forgotten = true) {
      turns.erase(turns.begin(), turns.begin() + 2);
      status = frame(*model, system, turns, prompt);
    }
    std::string answer;
    Timing timing;
    bitnet::FinishReason finish = bitnet::FinishReason::kNone;
    if (status) {
      const auto show = [&](const bitnet::Step& step) {
        out.say(step.text);
        answer += step.text;
        finish = step.finish;
        return out.flush();
      };
      status = generate(*session, prompt.span(), generate_options.get(), show, timing);
    }
    if (!status) {
      fail(status.error());
      // Without the line that failed the conversation can go on, but only a person can decide that.
      if (!terminal)
        return kFailed;
      turns.pop_back();
      continue;
    }
    out.write("\n");
    if (terminal && finish == bitnet::FinishReason::kContext)
      out.write("[cut short: the context is full]\n");
    if (terminal && std::exchange(forgotten, false))
      out.write("[the context is full: the oldest of the conversation is forgotten]\n");
    turns.push_back({"assistant", std::move(answer)});
  }
}

} // namespace cli
