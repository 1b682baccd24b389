// Chat framing. Enters: messages. Leaves: ids, where special tokens are inserted as ids and everything else, framing
// words and contents alike, goes through encode() in one call per stretch between two special tokens, so that a
// content is cut into tokens exactly as in training and can never become a special token.
#include "text/chat.h"

#include "text/unicode.h"

namespace bitnet {

namespace {

bool has(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

template <std::size_t N>
bool has_all(std::string_view text, const std::string_view (&parts)[N]) noexcept {
  for (const std::string_view part : parts)
    if (!has(text, part))
      return false;
  return true;
}

/// Does the expression that prints a user's turn end it with the end-of-text token? It tells Zephyr from Falcon3.
bool user_turn_has_eos(std::string_view file_template) noexcept {
  const std::size_t begin = file_template.find("<|user|>");
  if (begin == std::string_view::npos)
    return false;
  const std::string_view turn =
      file_template.substr(begin, file_template.find("{%", begin) - begin);
  return has(turn, "eos_token") || has(turn, "</s>");
}

} // namespace

ChatTemplate choose_template(std::string_view file_template) noexcept {
  if (file_template.empty())
    return ChatTemplate::kNone;
  if (has(file_template, "BITNETAssistant"))
    return ChatTemplate::kBitNet;
  // Marks of families that are not built in, some of which contain another's marks.
  for (const std::string_view foreign :
       {"<|end|>", "<|im_middle|>", "<|header_start|>", "<|channel|>", "<|start_of_role|>",
        "<start_of_turn>", "[gMASK]", "[AVAILABLE_TOOLS]", "[SYSTEM_PROMPT]"})
    if (has(file_template, foreign))
      return ChatTemplate::kUnknown;

  const bool turns = has_all(file_template, {"<|user|>", "<|assistant|>"});
  const bool turns_end = user_turn_has_eos(file_template);
  const struct {
    ChatTemplate family;
    bool fits;
  } families[] = {
      {ChatTemplate::kBitNet, has_all(file_template, {"capitalize", "<|eot_id|>", "Assistant: "})},
      {ChatTemplate::kLlama3,
       has_all(file_template, {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"})},
      {ChatTemplate::kChatMl, has_all(file_template, {"<|im_start|>", "<|im_end|>"})},
      {ChatTemplate::kFalcon3, turns && !turns_end},
      {ChatTemplate::kZephyr, turns && turns_end},
      {ChatTemplate::kLlama2, has_all(file_template, {"[INST]", "[/INST]", "<<SYS>>"})},
  };
  ChatTemplate chosen = ChatTemplate::kUnknown;
  for (const auto& [family, fits] : families) {
    if (!fits)
      continue;
    if (chosen != ChatTemplate::kUnknown)
      return ChatTemplate::kUnknown;
    chosen = family;
  }
  return chosen;
}

const char* template_name(ChatTemplate chosen) noexcept {
  switch (chosen) {
  case ChatTemplate::kNone: return "none";
  case ChatTemplate::kUnknown: break;
  case ChatTemplate::kBitNet: return "bitnet";
  case ChatTemplate::kLlama3: return "llama3";
  case ChatTemplate::kChatMl: return "chatml";
  case ChatTemplate::kFalcon3: return "falcon3";
  case ChatTemplate::kFalconE: return "falcon-e";
  case ChatTemplate::kZephyr: return "zephyr";
  case ChatTemplate::kLlama2: return "llama2";
  }
  return "unknown";
}

namespace {

struct Role {
  std::string_view name, capitalised, marker;
};
constexpr Role kRoles[] = {{"system", "System", "<|system|>"},
                           {"user", "User", "<|user|>"},
                           {"assistant", "Assistant", "<|assistant|>"}};
constexpr const Role& kSystem = kRoles[0];
constexpr const Role& kUser = kRoles[1];
constexpr const Role& kAssistant = kRoles[2];

/// nullptr for a role that there is not.
const Role* find_role(std::string_view name) noexcept {
  for (const Role& role : kRoles)
    if (role.name == name)
      return &role;
  return nullptr;
}

/// Collects pieces. After the first error it does nothing, so that the framings below read like the templates.
class Framer {
public:
  Framer(const Tokenizer& tokenizer, Vec<TokenId>& out) noexcept
      : tokenizer_(tokenizer), out_(out) {}

  /// Plain text; joined with the plain text around it.
  Framer& text(std::string_view piece) noexcept {
    if (status_)
      status_ = plain_.append(piece);
    return *this;
  }
  /// The token spelled so.
  Framer& special(std::string_view spelling) noexcept { return id(find(spelling), spelling); }
  /// The same, or plain text in a vocabulary without that token.
  Framer& special_or_text(std::string_view spelling) noexcept {
    return find(spelling) != kNoToken ? special(spelling) : text(spelling);
  }
  Framer& bos() noexcept { return id(tokenizer_.bos(), "BOS"); }
  Framer& eos() noexcept { return id(tokenizer_.eos(), "EOS"); }
  /// For templates that leave BOS to the tokenizer.
  Framer& default_bos() noexcept { return tokenizer_.add_bos() ? bos() : *this; }
  Framer& fail(const Error& error) noexcept {
    if (status_)
      status_ = error;
    return *this;
  }

  Status finish() noexcept {
    flush();
    return status_;
  }

private:
  TokenId find(std::string_view spelling) const noexcept {
    const TokenId found = tokenizer_.find(spelling);
    const TokenKind kind = tokenizer_.kind(found);
    return kind == TokenKind::kControl || kind == TokenKind::kUserDefined ? found : kNoToken;
  }
  Framer& id(TokenId token, std::string_view name) noexcept {
    if (token == kNoToken)
      return fail(Error(ErrorCode::UnsupportedTemplate) << "the vocabulary has no " << name);
    flush();
    if (status_)
      status_ = out_.push(token);
    return *this;
  }
  void flush() noexcept {
    if (status_)
      status_ = tokenizer_.encode(view(plain_), out_);
    plain_.clear();
  }

  const Tokenizer& tokenizer_;
  Vec<TokenId>& out_;
  Text plain_;
  Status status_;
};

/// [INST] framing: the system text is part of the first user turn; turns alternate; each begins with BOS.
void frame_llama2(Framer& framer, std::span<const ChatMessage> messages) noexcept {
  std::string_view system;
  const bool has_system = !messages.empty() && messages[0].role == kSystem.name;
  if (has_system) {
    system = messages[0].content;
    messages = messages.subspan(1);
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const bool user = i % 2 == 0;
    if (messages[i].role != (user ? kUser.name : kAssistant.name)) {
      framer.fail(Error(ErrorCode::InvalidArgument)
                  << "this template needs user and assistant in turn, user first");
      return;
    }
    if (!user) {
      framer.text(" ").text(trim(messages[i].content)).text(" ").eos();
      continue;
    }
    framer.bos().text("[INST] ");
    if (i == 0 && has_system)
      framer.text("<<SYS>>\n")
          .text(system)
          .text("\n<</SYS>>\n\n")
          .text(trim_end(messages[i].content));
    else
      framer.text(trim(messages[i].content));
    framer.text(" [/INST]");
  }
}

Status frame(const Tokenizer& tokenizer, ChatTemplate chosen, std::span<const ChatMessage> messages,
             bool add_generation_prompt, Vec<TokenId>& out) noexcept {
  for (const ChatMessage& message : messages)
    if (find_role(message.role) == nullptr)
      return Error(ErrorCode::InvalidArgument) << "role '" << message.role << "'";

  Framer framer(tokenizer, out);
  switch (chosen) {
  case ChatTemplate::kNone:
  case ChatTemplate::kUnknown:
  case ChatTemplate::kFalconE: // its template was never seen: better none than a guessed one
    return Error(ErrorCode::UnsupportedTemplate) << template_name(chosen);

  case ChatTemplate::kBitNet:
    framer.bos();
    for (const ChatMessage& message : messages)
      framer.text(find_role(message.role)->capitalised)
          .text(": ")
          .text(trim(message.content))
          .special("<|eot_id|>");
    if (add_generation_prompt)
      framer.text("Assistant: ");
    break;

  case ChatTemplate::kLlama3: {
    const auto header = [&](const Role& role) {
      framer.special("<|start_header_id|>")
          .text(role.name)
          .special("<|end_header_id|>")
          .text("\n\n");
    };
    framer.bos();
    for (const ChatMessage& message : messages) {
      header(*find_role(message.role));
      framer.text(trim(message.content)).special("<|eot_id|>");
    }
    if (add_generation_prompt)
      header(kAssistant);
    break;
  }

  case ChatTemplate::kChatMl:
    framer.default_bos();
    for (const ChatMessage& message : messages)
      framer.special("<|im_start|>")
          .text(message.role)
          .text("\n")
          .text(message.content)
          .special("<|im_end|>")
          .text("\n");
    if (add_generation_prompt)
      framer.special("<|im_start|>").text("assistant\n");
    break;

  case ChatTemplate::kFalcon3:
    framer.default_bos();
    for (const ChatMessage& message : messages) {
      framer.special(find_role(message.role)->marker).text("\n").text(message.content);
      if (message.role == kAssistant.name)
        framer.special("<|endoftext|>");
      framer.text("\n");
    }
    if (add_generation_prompt)
      framer.special(kAssistant.marker).text("\n");
    break;

  case ChatTemplate::
      kZephyr: // Zephyr and TinyLlama have no tokens for the roles, StableLM's Zephyr has
    framer.default_bos();
    for (const ChatMessage& message : messages)
      framer.special_or_text(find_role(message.role)->marker)
          .text("\n")
          .text(message.content)
          .eos()
          .text("\n");
    if (add_generation_prompt)
      framer.special_or_text(kAssistant.marker).text("\n");
    break;

  case ChatTemplate::kLlama2: frame_llama2(framer, messages); break;
  }
  return framer.finish();
}

} // namespace

Status frame_chat(const Tokenizer& tokenizer, ChatTemplate chosen,
                  std::span<const ChatMessage> messages, bool add_generation_prompt,
                  Vec<TokenId>& out) noexcept {
  const std::size_t size = out.size();
  Status status = frame(tokenizer, chosen, messages, add_generation_prompt, out);
  if (!status)
    out.truncate(size);
  return status;
}

} // namespace bitnet
