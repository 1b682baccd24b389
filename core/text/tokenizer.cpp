// The tokenizer as a whole: reads the metadata, settles which tokens plain text may become, cuts user-defined tokens
// out of a text and hands the stretches between them to BPE or SPM.
#include "text/tokenizer.h"

#include "gguf/limits.h"
#include "text/bpe.h"
#include "text/spm.h"
#include "text/vocabulary.h"

#include <algorithm>
#include <atomic>
#include <new>

namespace bitnet {

namespace {

/// Longest text that encode() takes: positions are 32-bit and SPM makes three bytes of a space.
constexpr std::uint64_t kTextBytes = 1ULL << 28;
/// Longest token that is looked for in a text: bounds the time that matching takes at each position of a hostile one.
constexpr std::uint64_t kWordBytes = 256;

constexpr std::string_view kTurnEnds[] = {"<|eot_id|>",    "<|im_end|>",    "<|end|>",
                                          "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"};

/// Files exist that mark control tokens as user-defined or normal. A text of this shape is taken for control whatever
/// the file says: the price of a wrong guess is a few more tokens, that of the opposite a user who ends the turn.
bool looks_like_control(std::string_view text) noexcept {
  return (text.size() > 4 && text.starts_with("<|") && text.ends_with("|>")) ||
         std::find(std::begin(kTurnEnds), std::end(kTurnEnds), text) != std::end(kTurnEnds);
}

/// The value of an id key; kNoToken when it is absent.
Result<TokenId> token_id(const Metadata& metadata, std::string_view key,
                         std::size_t size) noexcept {
  if (!metadata.has(key))
    return kNoToken;
  const auto value = metadata.integer(key);
  if (!value)
    return value.error();
  if (*value >= size)
    return Error(ErrorCode::Malformed)
           << key << " is " << *value << " in a vocabulary of " << std::uint64_t{size};
  return static_cast<TokenId>(*value);
}

Status check_size(std::string_view key, std::uint64_t size, std::uint64_t tokens) noexcept {
  if (size == tokens)
    return {};
  return Error(ErrorCode::Malformed)
         << key << " has " << size << " entries, tokenizer.ggml.tokens " << tokens;
}

/// Finds the tokens of one kind that a text spells whole: at each place the longest, the first of equal ones.
class WordFinder {
public:
  /// With `escaped`, in texts whose spaces are marks.
  static Result<WordFinder> make(const Vocabulary& vocabulary, TokenKind kind,
                                 bool escaped) noexcept {
    WordFinder finder;
    for (std::size_t i = 0; i < vocabulary.size(); ++i) {
      const auto id = static_cast<TokenId>(i);
      const std::string_view text = vocabulary.text(id);
      if (vocabulary.kind(id) != kind || text.empty())
        continue;
      if (text.size() > kWordBytes && kind == TokenKind::kControl)
        continue; // no template spells such a one
      if (text.size() > kWordBytes)
        return Error(ErrorCode::LimitExceeded)
               << "user-defined token " << id << " has " << std::uint64_t{text.size()} << " bytes";
      const std::size_t begin = finder.arena_.size();
      if (escaped)
        BITNET_TRY(escape_spaces(text, finder.arena_));
      else
        BITNET_TRY(finder.arena_.append(text));
      BITNET_TRY(
          finder.words_.push({static_cast<std::uint32_t>(begin),
                              static_cast<std::uint32_t>(finder.arena_.size() - begin), id}));
    }
    std::sort(finder.words_.begin(), finder.words_.end(), [&](const Word& a, const Word& b) {
      const int order = finder.text(a).compare(finder.text(b));
      return order != 0 ? order < 0 : a.id < b.id;
    });
    for (const Word& word : finder.words_)
      finder.begins_[static_cast<std::uint8_t>(finder.text(word)[0])] = true;
    return finder;
  }

  struct Match {
    TokenId id = kNoToken;
    std::size_t size = 0;
  };
  /// Calls word(match) for each word found and stretch(text) for what lies before, between and behind them, the last
  /// one even when it is empty.
  template <class Stretch, class Found>
  Status cut(std::string_view text, Stretch stretch, Found found) const noexcept {
    if (empty())
      return stretch(text);
    std::size_t at = 0;
    while (at < text.size()) {
      const auto word = match(text.substr(at));
      if (word.id == kNoToken) {
        ++at;
        continue;
      }
      BITNET_TRY(stretch(text.substr(0, at)));
      BITNET_TRY(found(word.id));
      text.remove_prefix(at + word.size);
      at = 0;
    }
    return stretch(text);
  }
  /// The longest word that `text` (not empty) begins with.
  Match match(std::string_view text) const noexcept {
    Match best;
    if (!begins_[static_cast<std::uint8_t>(text[0])])
      return best;
    // Sorted words that share `at` bytes with the text are neighbours: narrow them byte by byte.
    const Word* low = words_.begin();
    const Word* high = words_.end();
    for (std::size_t at = 0; at < text.size() && low != high; ++at) {
      const auto wanted = static_cast<std::uint8_t>(text[at]);
      const auto byte_of = [&](const Word& word) { // a word that ends here sorts first
        return at < word.size ? static_cast<std::uint8_t>(this->text(word)[at]) : -1;
      };
      low = std::lower_bound(low, high, wanted,
                             [&](const Word& w, int byte) { return byte_of(w) < byte; });
      high = std::upper_bound(low, high, wanted,
                              [&](int byte, const Word& w) { return byte < byte_of(w); });
      if (low != high && low->size == at + 1)
        best = {low->id, low->size};
    }
    return best;
  }
  bool empty() const noexcept { return words_.empty(); }
  std::uint64_t bytes() const noexcept { return arena_.bytes() + words_.bytes(); }

private:
  struct Word {
    std::uint32_t begin, size;
    TokenId id;
  };
  std::string_view text(const Word& word) const noexcept {
    return view(arena_).substr(word.begin, word.size);
  }

  Text arena_;
  Vec<Word> words_;
  std::array<bool, 256> begins_{};
};

/// A file's name for its rules, or what the vocabulary suggests when it has none.
struct Rules {
  WordRules words;
  bool guessed;
};
Result<Rules> choose_rules(const Metadata& metadata, const Vocabulary& vocabulary) noexcept {
  const auto pre = metadata.string_or("tokenizer.ggml.pre", "default");
  if (!pre)
    return pre.error();
  if (*pre == "default") {
    const auto has = [&](std::string_view text) { return vocabulary.find(text) != kNoToken; };
    return Rules{has("<|begin_of_text|>") ? WordRules::kLlamaBpe
                 : has("<|im_start|>")    ? WordRules::kQwen2
                                          : WordRules::kGpt2,
                 true};
  }
  if (*pre == "gpt-2" || *pre == "gpt2")
    return Rules{WordRules::kGpt2, false};
  if (*pre == "qwen2")
    return Rules{WordRules::kQwen2, false};
  for (const std::string_view alias :
       {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e", "falcon-e"})
    if (*pre == alias)
      return Rules{WordRules::kLlamaBpe, false};
  return Error(ErrorCode::UnsupportedTokenizer) << "tokenizer.ggml.pre is " << *pre;
}

} // namespace

struct Tokenizer::Impl {
  Vocabulary vocabulary;
  WordFinder user_defined;
  WordFinder control;
  bool is_spm = false;
  WordRules words = WordRules::kGpt2;
  bool guessed = false;
  Bpe bpe; ///< one of these two is empty
  Spm spm;
  bool space_prefix = false;
  TokenId bos = kNoToken, eos = kNoToken;
  bool add_bos = false, add_eos = false;
  std::array<TokenId, 3 + std::size(kTurnEnds)> ends{};
  std::atomic<const TokenTrie*> trie{nullptr};

  Impl() noexcept = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { delete trie.load(std::memory_order_relaxed); }
  Status read(const Metadata& metadata) noexcept;
  Status read_kinds(const Metadata& metadata) noexcept;
};

Status Tokenizer::Impl::read_kinds(const Metadata& metadata) noexcept {
  const std::size_t size = vocabulary.size();
  constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
  if (metadata.has(kTypes)) {
    const auto types = metadata.numbers(kTypes);
    if (!types)
      return types.error();
    BITNET_TRY(check_size(kTypes, types->size(), size));
    for (std::size_t i = 0; i < size; ++i) {
      const std::int64_t type = types->integer(i);
      if (type < 0 || type > 6)
        return Error(ErrorCode::Malformed)
               << kTypes << " of token " << std::uint64_t{i} << " is " << type;
      if (type != 0) // undefined: normal
        vocabulary.set_kind(static_cast<TokenId>(i), static_cast<TokenKind>(type));
    }
  } else if (is_spm) {
    for (std::size_t i = 0; i < size; ++i)
      if (spelled_byte(vocabulary.text(static_cast<TokenId>(i))))
        vocabulary.set_kind(static_cast<TokenId>(i), TokenKind::kByte);
  }
  for (std::size_t i = 0; i < size; ++i) {
    const auto id = static_cast<TokenId>(i);
    if (vocabulary.plain(id) && looks_like_control(vocabulary.text(id)))
      vocabulary.set_kind(id, TokenKind::kControl);
  }
  // <s>, </s> and their like have no shape of their own; that the file names them is enough.
  for (const TokenId id : {bos, eos, ends[1], ends[2]}) {
    if (id == kNoToken || !vocabulary.plain(id))
      continue;
    const std::string_view text = vocabulary.text(id);
    if (text.size() > 2 && text.starts_with("<") && text.ends_with(">"))
      vocabulary.set_kind(id, TokenKind::kControl);
  }
  return {};
}

Status Tokenizer::Impl::read(const Metadata& metadata) noexcept {
  const auto model = metadata.string("tokenizer.ggml.model");
  if (!model)
    return model.error();
  is_spm = *model == "llama";
  if (!is_spm && *model != "gpt2")
    return Error(ErrorCode::UnsupportedTokenizer) << "tokenizer.ggml.model is " << *model;

  const auto tokens = metadata.strings("tokenizer.ggml.tokens");
  if (!tokens)
    return tokens.error();
  if (tokens->size() == 0)
    return Error(ErrorCode::Malformed) << "tokenizer.ggml.tokens is empty";
  if (tokens->size() > limits::kVocabulary)
    return Error(ErrorCode::LimitExceeded) << "tokenizer.ggml.tokens has " << tokens->size()
                                           << " entries, at most " << limits::kVocabulary;
  auto made = Vocabulary::make(*tokens);
  if (!made)
    return made.error();
  vocabulary = std::move(*made);

  TokenId unknown = kNoToken;
  const struct {
    std::string_view key;
    TokenId& id;
  } ids[] = {{"tokenizer.ggml.bos_token_id", bos},
             {"tokenizer.ggml.eos_token_id", eos},
             {"tokenizer.ggml.eot_token_id", ends[1]},
             {"tokenizer.ggml.eom_token_id", ends[2]},
             {"tokenizer.ggml.unknown_token_id", unknown}};
  for (const auto& [key, id] : ids) {
    const auto value = token_id(metadata, key, vocabulary.size());
    if (!value)
      return value.error();
    id = *value;
  }
  ends[0] = eos;
  for (std::size_t i = 0; i < std::size(kTurnEnds); ++i)
    ends[3 + i] = vocabulary.find(kTurnEnds[i]);
  BITNET_TRY(read_kinds(metadata));

  auto finder = WordFinder::make(vocabulary, TokenKind::kUserDefined, is_spm);
  if (!finder)
    return finder.error();
  user_defined = std::move(*finder);
  finder = WordFinder::make(vocabulary, TokenKind::kControl, false);
  if (!finder)
    return finder.error();
  control = std::move(*finder);

  if (is_spm) {
    const auto scores = metadata.numbers("tokenizer.ggml.scores");
    if (!scores)
      return scores.error();
    BITNET_TRY(check_size("tokenizer.ggml.scores", scores->size(), vocabulary.size()));
    auto made_spm = Spm::make(vocabulary, *scores, unknown);
    if (!made_spm)
      return made_spm.error();
    spm = std::move(*made_spm);
    const auto prefix = metadata.boolean_or("tokenizer.ggml.add_space_prefix", true);
    if (!prefix)
      return prefix.error();
    space_prefix = *prefix;
  } else {
    const auto rules = choose_rules(metadata, vocabulary);
    if (!rules)
      return rules.error();
    words = rules->words;
    guessed = rules->guessed;
    if (metadata.has(
            "tokenizer.ggml.scores")) { // unused, but a file that contradicts itself is not trusted
      const auto scores = metadata.numbers("tokenizer.ggml.scores");
      if (!scores)
        return scores.error();
      BITNET_TRY(check_size("tokenizer.ggml.scores", scores->size(), vocabulary.size()));
    }
    const auto merges = metadata.strings("tokenizer.ggml.merges");
    if (!merges)
      return merges.error();
    auto made_bpe = Bpe::make(vocabulary, *merges, words, unknown);
    if (!made_bpe)
      return made_bpe.error();
    bpe = std::move(*made_bpe);
  }

  const auto want_bos =
      metadata.boolean_or("tokenizer.ggml.add_bos_token", is_spm || words == WordRules::kLlamaBpe);
  if (!want_bos)
    return want_bos.error();
  add_bos = *want_bos && bos != kNoToken;
  const auto want_eos = metadata.boolean_or("tokenizer.ggml.add_eos_token", false);
  if (!want_eos)
    return want_eos.error();
  add_eos = *want_eos && eos != kNoToken;
  return {};
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::make(const Metadata& metadata) noexcept {
  std::unique_ptr<Impl> impl(new (std::nothrow) Impl);
  if (impl == nullptr)
    return Error(ErrorCode::OutOfMemory) << "tokenizer";
  BITNET_TRY(impl->read(metadata));
  return Tokenizer(std::move(impl));
}

Status Tokenizer::encode(std::string_view text, Vec<TokenId>& out, bool continuing) const noexcept {
  if (text.size() > kTextBytes)
    return Error(ErrorCode::LimitExceeded)
           << "text of " << std::uint64_t{text.size()} << " bytes, at most " << kTextBytes;
  if (text.empty())
    return {};
  Text escaped;
  if (impl_->is_spm) {
    if (impl_->space_prefix && !continuing)
      BITNET_TRY(escaped.append(kSpaceMark));
    BITNET_TRY(escape_spaces(text, escaped));
    text = view(escaped);
  }
  const auto encode_stretch = [&](std::string_view stretch) {
    return impl_->is_spm ? impl_->spm.encode(impl_->vocabulary, stretch, out)
                         : impl_->bpe.encode(impl_->vocabulary, stretch, out);
  };
  return impl_->user_defined.cut(text, encode_stretch, [&](TokenId id) { return out.push(id); });
}

Status Tokenizer::encode_framed(std::string_view text, Vec<TokenId>& out) const noexcept {
  return impl_->control.cut(
      text, [&](std::string_view stretch) { return encode(stretch, out); },
      [&](TokenId id) { return out.push(id); });
}

Status Tokenizer::decode(TokenId id, Text& out, bool render_special, bool first) const noexcept {
  if (!valid(id))
    return Error(ErrorCode::BadToken) << id << " in a vocabulary of " << std::uint64_t{size()};
  std::string_view text = raw(id);
  switch (kind(id)) {
  case TokenKind::kControl:
  case TokenKind::kUnknown:
  case TokenKind::kUnused: return render_special ? out.append(text) : Status();
  case TokenKind::kByte:
    if (const auto byte = spelled_byte(text))
      return out.push(static_cast<char>(*byte));
    return out.append(text);
  case TokenKind::kNormal:
    if (!impl_->is_spm)
      return Bpe::unescape(text, out);
    break;
  case TokenKind::kUserDefined:
    if (!impl_->is_spm)
      return out.append(text);
    break;
  }
  if (first && impl_->space_prefix && text.starts_with(kSpaceMark))
    text.remove_prefix(kSpaceMark.size());
  return unescape_spaces(text, out);
}

std::size_t Tokenizer::size() const noexcept { return impl_->vocabulary.size(); }
std::string_view Tokenizer::raw(TokenId id) const noexcept {
  return valid(id) ? impl_->vocabulary.text(id) : std::string_view();
}
TokenKind Tokenizer::kind(TokenId id) const noexcept {
  return valid(id) ? impl_->vocabulary.kind(id) : TokenKind::kUnknown;
}
TokenId Tokenizer::find(std::string_view raw) const noexcept { return impl_->vocabulary.find(raw); }
TokenId Tokenizer::bos() const noexcept { return impl_->bos; }
TokenId Tokenizer::eos() const noexcept { return impl_->eos; }
bool Tokenizer::add_bos() const noexcept { return impl_->add_bos; }
bool Tokenizer::add_eos() const noexcept { return impl_->add_eos; }
bool Tokenizer::ends_generation(TokenId id) const noexcept {
  return id != kNoToken &&
         std::find(impl_->ends.begin(), impl_->ends.end(), id) != impl_->ends.end();
}

Result<const TokenTrie*> Tokenizer::trie() const noexcept {
  if (const TokenTrie* known = impl_->trie.load(std::memory_order_acquire))
    return known;
  auto made = TokenTrie::make(*this);
  BITNET_TRY(made);
  std::unique_ptr<const TokenTrie> trie(new (std::nothrow) TokenTrie(std::move(*made)));
  if (trie == nullptr)
    return Error(ErrorCode::OutOfMemory) << "token trie";
  const TokenTrie* first = nullptr; // another thread's, which may be the faster one
  if (!impl_->trie.compare_exchange_strong(first, trie.get(), std::memory_order_acq_rel))
    return first;
  return trie.release();
}

const char* Tokenizer::rules() const noexcept {
  if (impl_->is_spm)
    return "spm";
  switch (impl_->words) {
  case WordRules::kLlamaBpe: return "llama-bpe";
  case WordRules::kQwen2: return "qwen2";
  case WordRules::kGpt2: break;
  }
  return "gpt-2";
}
bool Tokenizer::guessed() const noexcept { return impl_->guessed; }
std::uint64_t Tokenizer::bytes() const noexcept {
  return sizeof *impl_ + impl_->vocabulary.bytes() + impl_->user_defined.bytes() +
         impl_->control.bytes() + impl_->bpe.bytes() + impl_->spm.bytes();
}

} // namespace bitnet
