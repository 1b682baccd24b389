// GGUF files made in memory, for tests: GgufBuilder writes any header, true or lying; make_tiny_model() a whole small
// model that loads and runs. Enters: what a test wants in the file. Leaves: the file's bytes. Never reads one.
#pragma once

#include "gguf/metadata.h"
#include "support/encode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitnet::test {

template <class T> constexpr ValueType value_type_of() {
  if constexpr (std::is_same_v<T, bool>)
    return ValueType::kBool;
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? ValueType::kF32 : ValueType::kF64;
  else if constexpr (sizeof(T) == 1)
    return std::is_signed_v<T> ? ValueType::kI8 : ValueType::kU8;
  else if constexpr (sizeof(T) == 2)
    return std::is_signed_v<T> ? ValueType::kI16 : ValueType::kU16;
  else if constexpr (sizeof(T) == 4)
    return std::is_signed_v<T> ? ValueType::kI32 : ValueType::kU32;
  else
    return std::is_signed_v<T> ? ValueType::kI64 : ValueType::kU64;
}

inline void put_string(ByteVector& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out.insert(out.end(), text.begin(), text.end());
}

class GgufBuilder {
public:
  struct Entry {
    std::string key;
    std::uint32_t type = 0;
    ByteVector value; ///< as it stands in the file (arrays: element type, count, items)
  };
  struct Tensor {
    std::string name;
    std::uint32_t type = 0;
    std::vector<std::uint64_t> shape;
    ByteVector data;
    std::optional<std::uint64_t> offset{}; ///< a lie; otherwise the running padded sum
  };
  /// Where an integer stands in the header, for tests that set each to nasty values.
  struct Field {
    const char* what;
    std::size_t offset;
    std::size_t width;
  };

  // What the file begins with; counts default to the truth.
  std::array<std::uint8_t, 4> magic{'G', 'G', 'U', 'F'};
  std::uint32_t version = 3;
  std::optional<std::uint64_t> tensor_count, entry_count;
  std::uint64_t alignment =
      32; ///< used for the layout; the key is written only by set("general.alignment", ...)
  std::vector<Entry> entries;
  std::vector<Tensor> tensors;

  /// Set (or replace) a key. T: bool, any integer of fixed width, float or double.
  template <class T> GgufBuilder& set(std::string_view key, T value) {
    static_assert(std::is_arithmetic_v<T>);
    ByteVector bytes;
    put(bytes, value);
    return raw(key, static_cast<std::uint32_t>(value_type_of<T>()), std::move(bytes));
  }
  GgufBuilder& set(std::string_view key, std::string_view text) {
    ByteVector bytes;
    put_string(bytes, text);
    return raw(key, static_cast<std::uint32_t>(ValueType::kString), std::move(bytes));
  }
  GgufBuilder& set(std::string_view key, const char* text) {
    return set(key, std::string_view(text));
  }
  GgufBuilder& set(std::string_view key, const std::string& text) {
    return set(key, std::string_view(text));
  }
  GgufBuilder& set(std::string_view key, const std::vector<std::string>& texts) {
    ByteVector bytes = array_head(ValueType::kString, texts.size());
    for (const auto& text : texts)
      put_string(bytes, text);
    return raw(key, static_cast<std::uint32_t>(ValueType::kArray), std::move(bytes));
  }
  template <class T> GgufBuilder& set(std::string_view key, const std::vector<T>& numbers) {
    ByteVector bytes = array_head(value_type_of<T>(), numbers.size());
    for (const T number : numbers)
      put(bytes, number);
    return raw(key, static_cast<std::uint32_t>(ValueType::kArray), std::move(bytes));
  }
  /// Any type number over any bytes.
  GgufBuilder& raw(std::string_view key, std::uint32_t type, ByteVector value) {
    for (auto& entry : entries)
      if (entry.key == key) {
        entry.type = type;
        entry.value = std::move(value);
        return *this;
      }
    return duplicate(key, type, std::move(value));
  }
  /// The same without looking whether the key is there already.
  GgufBuilder& duplicate(std::string_view key, std::uint32_t type, ByteVector value) {
    entries.push_back({std::string(key), type, std::move(value)});
    return *this;
  }
  GgufBuilder& remove(std::string_view key) {
    std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
    return *this;
  }

  GgufBuilder& tensor(std::string_view name, DType type, std::vector<std::uint64_t> shape,
                      ByteVector data) {
    tensors.push_back(
        {std::string(name), static_cast<std::uint32_t>(type), std::move(shape), std::move(data)});
    return *this;
  }
  GgufBuilder& remove_tensor(std::string_view name) {
    std::erase_if(tensors, [&](const Tensor& t) { return t.name == name; });
    return *this;
  }
  /// nullptr when there is none.
  Tensor* find_tensor(std::string_view name) {
    for (auto& t : tensors)
      if (t.name == name)
        return &t;
    return nullptr;
  }

  /// The file up to the end of the tensor table. `fields` receives the place of each integer in it.
  ByteVector header(std::vector<Field>* fields = nullptr) const {
    ByteVector out(magic.begin(), magic.end());
    const auto integer = [&](const char* what, auto value) {
      if (fields != nullptr)
        fields->push_back({what, out.size(), sizeof value});
      put(out, value);
    };
    const auto string = [&](const char* what, std::string_view text) {
      integer(what, std::uint64_t{text.size()});
      out.insert(out.end(), text.begin(), text.end());
    };
    integer("version", version);
    integer("tensor count", tensor_count.value_or(tensors.size()));
    integer("entry count", entry_count.value_or(entries.size()));
    for (const Entry& entry : entries) {
      string("key length", entry.key);
      integer("value type", entry.type);
      if (fields != nullptr && entry.type == 8)
        fields->push_back({"string length", out.size(), 8});
      if (fields != nullptr && entry.type == 9) {
        fields->push_back({"element type", out.size(), 4});
        fields->push_back({"element count", out.size() + 4, 8});
        if (entry.value.size() >= 20 && entry.value[0] == 8)
          fields->push_back({"length of element 0", out.size() + 12, 8});
      }
      if (fields != nullptr && (entry.type == 4 || entry.type == 5))
        fields->push_back({"value", out.size(), 4});
      out.insert(out.end(), entry.value.begin(), entry.value.end());
    }
    std::uint64_t offset = 0;
    for (const Tensor& t : tensors) {
      string("name length", t.name);
      integer("dimensions", static_cast<std::uint32_t>(t.shape.size()));
      for (const std::uint64_t extent : t.shape)
        integer("extent", extent);
      integer("tensor type", t.type);
      integer("offset", t.offset.value_or(offset));
      offset = aligned(offset + t.data.size());
    }
    return out;
  }

  /// The whole file.
  ByteVector build() const {
    ByteVector out = header();
    for (const Tensor& t : tensors) {
      out.resize(static_cast<std::size_t>(aligned(out.size())));
      out.insert(out.end(), t.data.begin(), t.data.end());
    }
    return out;
  }

private:
  std::uint64_t aligned(std::uint64_t value) const {
    return (value + alignment - 1) / alignment * alignment;
  }
  static ByteVector array_head(ValueType element, std::uint64_t count) {
    ByteVector bytes;
    put(bytes, static_cast<std::uint32_t>(element));
    put(bytes, count);
    return bytes;
  }
};

struct TinyOptions {
  std::string architecture = "bitnet-b1.58"; ///< or "bitnet-25", "bitnet", "llama"
  std::string tokenizer{}; ///< "gpt2" or "llama" (SPM); empty: "llama" for bitnet, else "gpt2"
  std::string pre{}; ///< tokenizer.ggml.pre; empty: "llama-bpe" for arch llama, else no such key
  std::string chat_template{}; ///< empty: no such key
  DType ternary =
      DType::kI2_S; ///< TQ1_0 and TQ2_0 need hidden, ffn and heads * head_dim % 256 == 0
  DType embedding = DType::kF16; ///< Q6_K needs hidden % 256 == 0; Q8_0 and Q4_0 % 32
  bool tied = true;              ///< no output.weight
  std::uint64_t seed = 1;
  std::uint32_t layers = 2, hidden = 256, ffn = 512, heads = 4, kv_heads = 2;
  std::uint32_t head_dim = 0; ///< 0: hidden / heads
  std::uint32_t context = 256;
  std::uint32_t vocabulary = 0; ///< padded with unused tokens up to here
};

/// Byte-level BPE's spelling of a byte: itself when printable, otherwise the next of U+0100, U+0101, ...
inline std::string byte_spelling(unsigned byte) {
  unsigned code = 256;
  for (unsigned b = 0; b <= byte; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    if (b == byte)
      code = printable ? b : code;
    else if (!printable)
      ++code;
  }
  std::string out;
  if (code < 0x80)
    return out += static_cast<char>(code);
  out += static_cast<char>(0xc0U | code >> 6);
  return out += static_cast<char>(0x80U | (code & 0x3fU));
}

/// tokenizer.ggml.*: 256 byte tokens, some merges and the special tokens. Returns the vocabulary's size.
inline std::uint32_t add_tiny_tokenizer(GgufBuilder& file, const TinyOptions& options) {
  const bool spm =
      options.tokenizer.empty() ? options.architecture == "bitnet" : options.tokenizer == "llama";
  std::vector<std::string> tokens, merges;
  std::vector<std::int32_t> kinds; // 1 normal, 2 unknown, 3 control, 5 unused, 6 byte
  std::vector<float> scores;
  const auto token = [&](std::string text, std::int32_t kind, float score = 0) {
    tokens.push_back(std::move(text));
    kinds.push_back(kind);
    scores.push_back(score);
    return static_cast<std::uint32_t>(tokens.size() - 1);
  };
  std::uint32_t bos = 0, eos = 0, eot = 0;
  if (spm) {
    token("<unk>", 2);
    bos = token("<s>", 3);
    eos = token("</s>", 3);
    for (unsigned b = 0; b < 256; ++b) {
      constexpr char kHex[] = "0123456789ABCDEF";
      token(std::string("<0x") + kHex[b / 16] + kHex[b % 16] + '>', 6);
    }
    const std::string space = "\xe2\x96\x81"; // U+2581
    float score = -1;
    for (const char* piece : {"_t", "he", "_the",  "in",     "er", "_a", "an",     "_an", "_and",
                              "on", "ou", "_you",  "_s",     "at", "_w", "es",     "_to", "re",
                              "ll", "_m", "Hello", "_Hello", "ld", "or", "_world", "_wor"}) {
      std::string text = piece;
      if (text[0] == '_')
        text = space + text.substr(1);
      token(text, 1, score--);
    }
    token(space, 1, score--);
    for (char c = 33; c < 127; ++c)
      token(std::string(1, c), 1, score--);
    token("\xc3\xa9", 1, score--); // e with acute accent
  } else {
    for (unsigned b = 0; b < 256; ++b)
      token(byte_spelling(b), 1);
    const std::string space = byte_spelling(' ');
    for (const auto& [left, right] : std::initializer_list<std::pair<const char*, const char*>>{
             {"_", "t"},    {"h", "e"},     {"_t", "he"}, {"i", "n"},   {"e", "r"}, {"_", "a"},
             {"a", "n"},    {"_a", "n"},    {"_an", "d"}, {"o", "n"},   {"o", "u"}, {"_", "s"},
             {"a", "t"},    {"_", "w"},     {"l", "l"},   {"_t", "o"},  {"H", "e"}, {"He", "ll"},
             {"Hell", "o"}, {"_", "Hello"}, {"o", "r"},   {"_w", "or"}, {"l", "d"}, {"_wor", "ld"},
             {"i", "s"},    {"_", "is"},    {"1", "2"},   {"12", "3"},  {"U", "s"}, {"er", ":"}}) {
      const auto spell = [&](std::string text) {
        return text[0] == '_' ? space + text.substr(1) : text;
      };
      merges.push_back(spell(left) + ' ' + spell(right));
      token(spell(left) + spell(right), 1);
    }
    bos = token("<|begin_of_text|>", 3);
    eos = token("<|end_of_text|>", 3);
    token("<|start_header_id|>", 3);
    token("<|end_header_id|>", 3);
    eot = token("<|eot_id|>", 3);
  }
  while (tokens.size() < options.vocabulary)
    token("<unused_" + std::to_string(tokens.size()) + '>', 5);

  file.set("tokenizer.ggml.model", spm ? "llama" : "gpt2");
  if (!options.pre.empty())
    file.set("tokenizer.ggml.pre", options.pre);
  else if (!spm && options.architecture == "llama")
    file.set("tokenizer.ggml.pre", "llama-bpe");
  file.set("tokenizer.ggml.tokens", tokens).set("tokenizer.ggml.token_type", kinds);
  if (spm)
    file.set("tokenizer.ggml.scores", scores)
        .set("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  else
    file.set("tokenizer.ggml.merges", merges);
  file.set("tokenizer.ggml.bos_token_id", bos).set("tokenizer.ggml.eos_token_id", eos);
  file.set("tokenizer.ggml.add_bos_token", true);
  if (eot != 0 && options.architecture == "llama")
    file.set("tokenizer.ggml.eot_token_id", eot);
  if (!options.chat_template.empty())
    file.set("tokenizer.chat_template", options.chat_template);
  return static_cast<std::uint32_t>(tokens.size());
}

/// A whole model as a builder, so that a test can take something away or change it before build().
inline GgufBuilder tiny_model(const TinyOptions& options = {}) {
  const std::uint32_t head_dim =
      options.head_dim != 0 ? options.head_dim : options.hidden / options.heads;
  const std::uint32_t q_width = options.heads * head_dim, kv_width = options.kv_heads * head_dim;
  const bool sub_norms = options.architecture != "llama";
  Random random(options.seed);
  GgufBuilder file;

  file.set("general.architecture", options.architecture).set("general.name", "tiny");
  const auto number = [&](const char* key, auto value) {
    file.set(options.architecture + '.' + key, value);
  };
  number("context_length", options.context);
  number("embedding_length", options.hidden);
  number("block_count", options.layers);
  number("feed_forward_length", options.ffn);
  number("rope.dimension_count", head_dim);
  number("attention.head_count", options.heads);
  number("attention.head_count_kv", options.kv_heads);
  number("attention.layer_norm_rms_epsilon", 1e-5F);
  number("rope.freq_base", 10000.0F);
  if (head_dim != options.hidden / options.heads) {
    number("attention.key_length", head_dim);
    number("attention.value_length", head_dim);
  }
  const std::uint32_t vocabulary = add_tiny_tokenizer(file, options);
  number("vocab_size", vocabulary);

  const auto floats = [&](const std::string& name, DType type, std::vector<std::uint64_t> shape,
                          float middle, float spread) {
    std::vector<float> weights(
        static_cast<std::size_t>(shape[0] * (shape.size() > 1 ? shape[1] : 1)));
    for (float& w : weights)
      w = middle + spread * random.uniform();
    file.tensor(name, type, std::move(shape), encode_floats(type, weights));
  };
  const auto norm = [&](const std::string& name, std::uint64_t width) {
    floats(name, DType::kF32, {width}, 1.0F, 0.25F);
  };
  const auto ternary = [&](const std::string& name, std::uint32_t columns, std::uint32_t rows) {
    ByteVector codes(std::size_t{columns} * rows);
    for (auto& code : codes)
      code = static_cast<std::uint8_t>(random.below(3));
    // With two thirds of the weights at +-scale, outputs stay about as large as inputs.
    const float scale =
        (1.0F + 0.25F * random.uniform()) * 1.2F / std::sqrt(static_cast<float>(columns));
    file.tensor(name, options.ternary, {columns, rows},
                encode_codes(options.ternary, codes, scale));
  };

  floats("token_embd.weight", options.embedding, {options.hidden, vocabulary}, 0.0F, 1.0F);
  for (std::uint32_t layer = 0; layer < options.layers; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + '.';
    norm(prefix + "attn_norm.weight", options.hidden);
    ternary(prefix + "attn_q.weight", options.hidden, q_width);
    ternary(prefix + "attn_k.weight", options.hidden, kv_width);
    ternary(prefix + "attn_v.weight", options.hidden, kv_width);
    if (sub_norms)
      norm(prefix + "attn_sub_norm.weight", q_width);
    ternary(prefix + "attn_output.weight", q_width, options.hidden);
    norm(prefix + "ffn_norm.weight", options.hidden);
    ternary(prefix + "ffn_gate.weight", options.hidden, options.ffn);
    ternary(prefix + "ffn_up.weight", options.hidden, options.ffn);
    if (sub_norms)
      norm(prefix + "ffn_sub_norm.weight", options.ffn);
    ternary(prefix + "ffn_down.weight", options.ffn, options.hidden);
  }
  norm("output_norm.weight", options.hidden);
  if (!options.tied)
    floats("output.weight", options.embedding, {options.hidden, vocabulary}, 0.0F, 1.0F);
  return file;
}

/// The same model in `count` files, as gguf-split writes them: the first has the metadata, and tensors only with
/// `tensors_in_first`; each has about as many tensors as the next.
inline std::vector<GgufBuilder> split_model(const GgufBuilder& whole, std::size_t count,
                                            bool tensors_in_first = true) {
  std::vector<GgufBuilder> parts(count);
  const std::size_t first = tensors_in_first ? 0 : 1, holders = count - first;
  parts[0].entries = whole.entries;
  parts[0].alignment = whole.alignment;
  for (std::size_t i = 0; i < whole.tensors.size(); ++i)
    parts[first + i * holders / whole.tensors.size()].tensors.push_back(whole.tensors[i]);
  for (std::size_t i = 0; i < count; ++i)
    parts[i]
        .set("split.no", static_cast<std::uint16_t>(i))
        .set("split.count", static_cast<std::uint16_t>(count))
        .set("split.tensors.count", static_cast<std::int32_t>(whole.tensors.size()));
  return parts;
}

inline std::vector<ByteVector> build_all(const std::vector<GgufBuilder>& parts) {
  std::vector<ByteVector> files;
  for (const GgufBuilder& part : parts)
    files.push_back(part.build());
  return files;
}

/// The bytes of a small valid model.
inline ByteVector make_tiny_model(const TinyOptions& options = {}) {
  return tiny_model(options).build();
}

} // namespace bitnet::test
