// Text to token ids and back (formats.md 4): byte-level BPE and SentencePiece-style BPE, vocabulary from GGUF metadata.
// Text that a user typed never becomes a control token: encode() knows no special token at all; the framing of a chat
// inserts special ids itself. The one exception is user-defined tokens (type 4), which are plain words by definition.
// Callers who have framed a prompt themselves, as WASI-NN guests do, say so with encode_framed().
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/options.hpp"
#include "bitnet/types.hpp"
#include "gguf/metadata.h"
#include "text/token_trie.h"

#include <memory>
#include <string_view>

namespace bitnet {

enum class TokenKind : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

class Tokenizer {
public:
  /// Builds from the tokenizer.ggml.* keys; copies what it needs, so the metadata may go away.
  /// UnsupportedTokenizer for another model or an unknown pre; Malformed when the lists disagree.
  static Result<Tokenizer> make(const Metadata& metadata) noexcept;

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  std::size_t size() const noexcept;
  bool valid(TokenId id) const noexcept { return id >= 0 && static_cast<std::size_t>(id) < size(); }

  /// Plain text to ids, appended to `out`: no BOS, no EOS, no control token ever, not even one that the file marks as
  /// normal or user-defined (anything spelled `<|...|>`, or BOS or EOS spelled `<...>`). Invalid UTF-8 is taken byte
  /// by byte: nothing fails, and nothing is lost unless the vocabulary lacks a byte's token (then the unknown token
  /// stands for it, or nothing). `continuing` says that text came before in the same stretch, so that SPM adds no
  /// leading space. Time is O(n log n) in the text's length; above 256 MiB: LimitExceeded.
  Status encode(std::string_view text, Vec<TokenId>& out, bool continuing = false) const noexcept;

  /// The same, but control tokens that the text spells become their ids: for prompts that a template made, never for
  /// what a user typed. Each stretch of text between two of them begins anew, as in llama.cpp's tokenizer.
  Status encode_framed(std::string_view text, Vec<TokenId>& out) const noexcept;

  /// The bytes of one token, appended to `out`; a control token gives nothing unless `render_special`.
  /// Concatenating pieces gives the text; a piece alone may end inside a UTF-8 character. For SPM the leading space of
  /// the very first piece is dropped by the caller passing first=true.
  Status decode(TokenId id, Text& out, bool render_special = false,
                bool first = false) const noexcept;

  /// The token's text as the file spells it (escaped alphabet and all); empty when out of range.
  std::string_view raw(TokenId id) const noexcept;
  TokenKind kind(TokenId id) const noexcept;
  /// The id of the token spelled so, of any kind; kNoToken when there is none.
  TokenId find(std::string_view raw) const noexcept;

  TokenId bos() const noexcept;
  TokenId eos() const noexcept;
  bool add_bos() const noexcept;
  bool add_eos() const noexcept;
  /// eos, eot, eom and the tokens that end a turn by their text (formats.md 4.3).
  bool ends_generation(TokenId id) const noexcept;
  /// All tokens by their bytes, made when first asked for. Like everything here, from several threads at once.
  Result<const TokenTrie*> trie() const noexcept;
  /// "gpt-2", "llama-bpe", "qwen2", "spm": the rule set in use.
  const char* rules() const noexcept;
  /// True when tokenizer.ggml.pre was missing and the rule set was guessed from the vocabulary.
  bool guessed() const noexcept;
  /// Memory taken.
  std::uint64_t bytes() const noexcept;

private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

} // namespace bitnet
