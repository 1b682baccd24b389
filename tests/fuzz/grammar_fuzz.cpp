// Any bytes as a grammar, a schema or a pattern, then a walk through it with tokens that other bytes choose. Whatever
// happens must be an error value or an answer: a mask agrees with the tokens it stands for, a token that was allowed is
// accepted, and the text is whole within the tokens that were left.
//   Byte 0: bit 0 schema, bit 1 SentencePiece, bits 2 to 7 tokens left beyond those needed. Byte 1: how many of the bytes
//   at the end choose tokens. The rest is the text.
#include "grammar/constraint.h"
#include "support/tiny_gguf.h"

#include "gguf/reader.h"

#include <bit>
#include <memory>

using namespace bitnet;

namespace {

void require(bool promise) {
  if (!promise)
    __builtin_trap();
}

std::unique_ptr<Tokenizer> made_tokenizer(const char* kind) {
  test::TinyOptions options;
  options.architecture = "llama";
  options.tokenizer = kind;
  options.layers = 1;
  options.hidden = 64;
  options.ffn = 96;
  const test::ByteVector file = test::make_tiny_model(options);
  const auto gguf = parse_gguf(file, file.size());
  require(static_cast<bool>(gguf));
  auto tokenizer = Tokenizer::make(gguf->metadata);
  require(static_cast<bool>(tokenizer));
  return std::make_unique<Tokenizer>(std::move(*tokenizer));
}

/// The `choice`-th token that a mask allows, counted around; kNoToken: none.
TokenId chosen(std::span<const std::uint64_t> mask, std::size_t choice) {
  std::size_t count = 0;
  for (const std::uint64_t word : mask)
    count += static_cast<std::size_t>(std::popcount(word));
  require(count > 0);
  choice %= count;
  for (std::size_t id = 0;; ++id)
    if ((mask[id / 64] >> id % 64 & 1) != 0 && choice-- == 0)
      return static_cast<TokenId>(id);
}

void walk(grammar::Constraint& constraint, const Tokenizer& tokenizer, Bytes choices,
          std::uint64_t left) {
  for (std::size_t i = 0; left > 0 && !constraint.must_end(); ++i, --left) {
    const auto mask = constraint.mask(left);
    if (!mask) { // too ambiguous; never a dead end
      require(mask.error().code() == ErrorCode::LimitExceeded);
      return;
    }
    const std::size_t choice = choices.empty() ? 0 : choices[i % choices.size()] * 7919U;
    const TokenId id = chosen(*mask, choice);
    const auto allowed = constraint.allows(id, left);
    require(!allowed || *allowed);
    if (tokenizer.ends_generation(id))
      return;
    if (!constraint.accept(id))
      return; // a limit
  }
  require(constraint.needed() == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  static const auto bpe = made_tokenizer("gpt2");
  static const auto spm = made_tokenizer("llama");
  const Tokenizer& tokenizer = (data[0] & 2U) != 0 ? *spm : *bpe;
  const Bytes rest(data + 2, size - 2);
  const Bytes choices = rest.last(std::min<std::size_t>(data[1], rest.size()));
  const std::string_view text(reinterpret_cast<const char*>(rest.data()),
                              rest.size() - choices.size());
  GenerateOptions options;
  ((data[0] & 1U) != 0 ? options.json_schema : options.grammar) = text;
  grammar::Constraint constraint;
  const Status begun = constraint.begin(tokenizer, tokenizer.size(), options);
  if (!begun) {
    const ErrorCode code = begun.error().code();
    require(code == ErrorCode::BadGrammar || code == ErrorCode::LimitExceeded ||
            code == ErrorCode::OutOfMemory);
    return 0;
  }
  if (constraint.active() && constraint.needed() < 2000)
    walk(constraint, tokenizer, choices, constraint.needed() + (data[0] >> 2));
  return 0;
}
