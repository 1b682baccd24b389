// Chat framing: messages in, token ids out, by one of the built-in templates. The file's template is data: it chooses
// among the built-in ones and is never executed.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "bitnet/types.hpp"
#include "text/tokenizer.h"

#include <string_view>

namespace bitnet {

enum class ChatTemplate : std::uint8_t {
  kNone, ///< the file has no template: chat is refused with UnsupportedTemplate, plain generation works
  kUnknown, ///< a template we do not have: the same
  kBitNet,  ///< 2B-4T: `User: hi<|eot_id|>Assistant: `
  kLlama3,  ///< <|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>
  kChatMl,  ///< <|im_start|>role\ncontent<|im_end|>\n
  kFalcon3, ///< <|role|>\ncontent\n
  kFalconE, ///< never chosen, always refused: its template was never seen (formats.md 1.6)
  kZephyr,  ///< <|role|>\ncontent</s>\n
  kLlama2,  ///< [INST] content [/INST] answer </s>
};

/// Choose from the file's template text (formats.md 1.1 to 1.7). One that contains `BITNETAssistant` is the broken one
/// shipped with 2B-4T and is replaced by kBitNet. A template counts as known when it is byte-equal to a published one
/// or has all of that family's markers and no marker of another.
ChatTemplate choose_template(std::string_view file_template) noexcept;
const char* template_name(ChatTemplate chosen) noexcept;

/// The ids of a whole conversation, BOS where the template has it, ending where the assistant is to speak when
/// `add_generation_prompt`. Roles and special tokens come from here as ids; contents pass through encode() joined with
/// the plain framing text around them, so they can never become control tokens. Unknown role: InvalidArgument.
/// A special token the template needs and the vocabulary lacks: UnsupportedTemplate naming it.
Status frame_chat(const Tokenizer& tokenizer, ChatTemplate chosen,
                  std::span<const ChatMessage> messages, bool add_generation_prompt,
                  Vec<TokenId>& out) noexcept;

} // namespace bitnet
