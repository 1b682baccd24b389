// Byte-level BPE: the escaped byte alphabet, the word splitters, and merging by rank.
#include "text/bpe.h"

#include "text/unicode.h"

namespace bitnet {

namespace {

// The escaped alphabet: printable bytes stand for themselves, the other 68, in order, for U+0100 and up.

constexpr bool is_printable(unsigned byte) noexcept {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}
constexpr unsigned kEscapes = 68;

constexpr auto kEscapedBytes = [] {
  std::array<std::uint8_t, kEscapes> bytes{};
  std::size_t count = 0;
  for (unsigned byte = 0; byte < 256; ++byte)
    if (!is_printable(byte))
      bytes[count++] = static_cast<std::uint8_t>(byte);
  return bytes;
}();

/// Each byte's letter as UTF-8: one byte or two.
struct Letter {
  char bytes[2];
  std::uint8_t size;
  constexpr std::string_view view() const noexcept { return {bytes, size}; }
};
constexpr auto kLetters = [] {
  std::array<Letter, 256> letters{};
  unsigned next_escape = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned code = is_printable(byte) ? byte : next_escape++;
    letters[byte] =
        code < 0x80
            ? Letter{{static_cast<char>(code), 0}, 1}
            : Letter{{static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))},
                     2};
  }
  return letters;
}();

// Words. Each splitter tries the alternatives of its expression in order; the first that matches is the word.

/// A place in the text: what stands here, or end.
class Cursor {
public:
  explicit Cursor(std::string_view text) noexcept : text_(text) { look(); }

  bool end() const noexcept { return at_ == text_.size(); }
  std::size_t at() const noexcept { return at_; }
  bool is(CharClass wanted) const noexcept { return !end() && class_ == wanted; }
  bool is(char wanted) const noexcept { return !end() && text_[at_] == wanted; }
  bool is_newline() const noexcept { return is('\r') || is('\n'); }
  char32_t code() const noexcept { return char_.code; }

  void step() noexcept {
    at_ += char_.size;
    look();
  }
  /// Past all characters of this class.
  void skip(CharClass skipped) noexcept {
    while (is(skipped))
      step();
  }

private:
  void look() noexcept {
    if (end())
      return;
    char_ = first_char(text_.substr(at_));
    class_ = char_.valid ? char_class(char_.code) : CharClass::kOther;
  }
  std::string_view text_;
  std::size_t at_ = 0;
  Utf8Char char_;
  CharClass class_ = CharClass::kOther;
};

/// 's|'t|'re|'ve|'m|'ll|'d: bytes matched, 0 when none. Ignoring case folds U+017F (long s) with s, as Unicode does.
std::size_t match_contraction(std::string_view text, bool ignore_case) noexcept {
  Cursor c(text);
  if (!c.is('\''))
    return 0;
  c.step();
  const auto letter = [&]() -> char32_t {
    if (c.end())
      return 0;
    if (ignore_case && c.code() >= 'A' && c.code() <= 'Z')
      return c.code() - 'A' + 'a';
    return ignore_case && c.code() == 0x17F ? U's' : c.code();
  };
  const char32_t first = letter();
  if (first == 0)
    return 0;
  c.step();
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return c.at();
  const char32_t second = letter();
  if (second == 0)
    return 0;
  c.step();
  return (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                 (first == 'l' && second == 'l')
             ? c.at()
             : 0;
}

/// \s+(?!\S)|\s+ on a text that begins with white space: the run, without its last character when a word follows.
std::size_t match_spaces(std::string_view text) noexcept {
  Cursor c(text);
  std::size_t last = 0;
  while (c.is(CharClass::kSpace)) {
    last = c.at();
    c.step();
  }
  return c.end() || last == 0 ? c.at() : last;
}

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t first_word_gpt2(std::string_view text) noexcept {
  if (const std::size_t size = match_contraction(text, false))
    return size;
  Cursor c(text);
  if (c.is(' '))
    c.step();
  for (const CharClass run : {CharClass::kLetter, CharClass::kNumber, CharClass::kOther})
    if (c.is(run)) {
      c.skip(run);
      return c.at();
    }
  return match_spaces(text);
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// Qwen2 differs in taking one digit at a time.
std::size_t first_word_llama(std::string_view text, int digits) noexcept {
  if (const std::size_t size = match_contraction(text, true))
    return size;

  Cursor c(text);
  if (c.is(CharClass::kNumber)) {
    for (int i = 0; i < digits && c.is(CharClass::kNumber); ++i)
      c.step();
    return c.at();
  }
  // Letters, perhaps with one character before them.
  Cursor letters = c;
  if (!letters.is(CharClass::kLetter) && !letters.is_newline())
    letters.step();
  if (letters.is(CharClass::kLetter)) {
    letters.skip(CharClass::kLetter);
    return letters.at();
  }
  // Signs, perhaps with a space before and newlines behind.
  Cursor signs = c;
  if (signs.is(' '))
    signs.step();
  if (signs.is(CharClass::kOther)) {
    signs.skip(CharClass::kOther);
    while (signs.is_newline())
      signs.step();
    return signs.at();
  }
  // White space up to its last newline: \s* gives back until [\r\n]+ matches.
  std::size_t after_newline = 0;
  while (c.is(CharClass::kSpace)) {
    const bool newline = c.is_newline();
    c.step();
    if (newline)
      after_newline = c.at();
  }
  return after_newline != 0 ? after_newline : match_spaces(text);
}

std::uint64_t pair_hash(TokenId left, TokenId right) noexcept {
  return mix_hash(std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
                  static_cast<std::uint32_t>(right));
}

} // namespace

std::size_t first_word(WordRules rules, std::string_view text) noexcept {
  switch (rules) {
  case WordRules::kLlamaBpe: return first_word_llama(text, 3);
  case WordRules::kQwen2: return first_word_llama(text, 1);
  case WordRules::kGpt2: break;
  }
  return first_word_gpt2(text);
}

Result<Bpe> Bpe::make(const Vocabulary& vocabulary, StringArray merges, WordRules rules,
                      TokenId unknown) noexcept {
  Bpe bpe;
  bpe.rules_ = rules;
  bpe.unknown_ = unknown;
  for (std::size_t byte = 0; byte < 256; ++byte)
    bpe.byte_ids_[byte] = vocabulary.find_plain(kLetters[byte].view());

  auto index = HashIndex::make(merges.size(), "merge index");
  if (!index)
    return index.error();
  bpe.index_ = std::move(*index);
  BITNET_TRY(bpe.pairs_.reserve(static_cast<std::size_t>(merges.size())));
  Text joined;
  for (std::uint64_t i = 0; i < merges.size(); ++i) {
    const std::string_view merge = merges.next();
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos)
      return Error(ErrorCode::Malformed) << "tokenizer.ggml.merges: no space in entry " << i;
    const std::string_view left = merge.substr(0, space), right = merge.substr(space + 1);
    joined.clear();
    BITNET_TRY(joined.append(left));
    BITNET_TRY(joined.append(right));
    const Pair pair{vocabulary.find_plain(left), vocabulary.find_plain(right),
                    vocabulary.find_plain(view(joined))};
    if (pair.left == kNoToken || pair.right == kNoToken || pair.merged == kNoToken)
      continue;
    const auto rank = static_cast<std::uint32_t>(bpe.pairs_.size());
    BITNET_TRY(bpe.pairs_.push(pair));
    BITNET_TRY(bpe.index_.insert(pair_hash(pair.left, pair.right), rank, [&](std::uint32_t other) {
      return bpe.pairs_[other].left == pair.left && bpe.pairs_[other].right == pair.right;
    }));
  }
  return bpe;
}

std::optional<Merge> Bpe::find(TokenId left, TokenId right) const noexcept {
  if (left == kNoToken || right == kNoToken)
    return std::nullopt;
  const std::uint32_t rank = index_.find(pair_hash(left, right), [&](std::uint32_t other) {
    return pairs_[other].left == left && pairs_[other].right == right;
  });
  if (rank == HashIndex::kNone)
    return std::nullopt;
  return Merge{rank, pairs_[rank].merged};
}

Status Bpe::encode(const Vocabulary& vocabulary, std::string_view text,
                   Vec<TokenId>& out) const noexcept {
  // Llama's tokenizer takes a word that is a token as it stands, whatever the merges would make of it.
  const bool whole_words = rules_ == WordRules::kLlamaBpe;
  Merger merger;
  Text escaped;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, first_word(rules_, text));
    text.remove_prefix(word.size());
    if (whole_words) {
      escaped.clear();
      for (const char byte : word)
        BITNET_TRY(escaped.append(kLetters[static_cast<std::uint8_t>(byte)].view()));
      if (const TokenId id = vocabulary.find_plain(view(escaped)); id != kNoToken) {
        BITNET_TRY(out.push(id));
        continue;
      }
    }
    merger.clear();
    for (std::uint32_t i = 0; i < word.size(); ++i)
      BITNET_TRY(merger.add(i, 1, byte_ids_[static_cast<std::uint8_t>(word[i])]));
    BITNET_TRY(merger.run(
        [&](const Symbol& left, const Symbol& right) { return find(left.id, right.id); }));
    BITNET_TRY(merger.each([&](const Symbol& symbol) {
      const TokenId id = symbol.id == kNoToken ? unknown_ : symbol.id;
      return id == kNoToken ? Status() : out.push(id);
    }));
  }
  return {};
}

Status Bpe::unescape(std::string_view token, Text& out) noexcept {
  while (!token.empty()) {
    const Utf8Char c = first_char(token);
    if (c.valid && c.code < 0x100 && is_printable(c.code))
      BITNET_TRY(out.push(static_cast<char>(c.code)));
    else if (c.valid && c.code >= 0x100 && c.code < 0x100 + kEscapes)
      BITNET_TRY(out.push(static_cast<char>(kEscapedBytes[c.code - 0x100])));
    else
      BITNET_TRY(out.append(token.substr(0, c.size)));
    token.remove_prefix(c.size);
  }
  return {};
}

} // namespace bitnet
