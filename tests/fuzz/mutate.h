// A mutator that knows what a GGUF file is: it takes one apart, changes one to three things in it and writes it again,
// so that most mutants pass the magic, the lengths and the layout and die (or not) deeper inside.
// Enters: a file's bytes and a seed. Leaves: other bytes. What cannot be taken apart is mutated blindly by libFuzzer.
#pragma once

#include "gguf/reader.h"
#include "support/tiny_gguf.h"

#include <cmath>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace bitnet::test {

/// A file that parses, as a builder.
inline std::optional<GgufBuilder> take_apart(Bytes bytes) {
  const auto gguf = parse_gguf(bytes, bytes.size());
  if (!gguf)
    return std::nullopt;
  GgufBuilder file;
  file.version = gguf->version;
  file.alignment = gguf->alignment;
  for (const MetadataEntry& entry : gguf->metadata.entries()) {
    ByteVector value;
    if (entry.type == ValueType::kString)
      put(value, std::uint64_t{entry.value.size()});
    if (entry.type == ValueType::kArray) {
      put(value, static_cast<std::uint32_t>(entry.element));
      put(value, entry.count);
    }
    value.insert(value.end(), entry.value.begin(), entry.value.end());
    file.duplicate(entry.key, static_cast<std::uint32_t>(entry.type), std::move(value));
  }
  for (const TensorInfo& tensor : gguf->tensors) {
    const Bytes data = bytes.subspan(static_cast<std::size_t>(tensor.offset),
                                     static_cast<std::size_t>(tensor.bytes));
    file.tensor(tensor.name, tensor.type,
                {tensor.shape.begin(), tensor.shape.begin() + tensor.dimensions},
                ByteVector(data.begin(), data.end()));
  }
  return file;
}

class Mutator {
public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  /// One change out of kStrategies.
  void change(GgufBuilder& file) {
    auto& entries = file.entries;
    auto& tensors = file.tensors;
    const std::uint64_t strategy = random_.below(kStrategies);
    if (strategy < 20 && !entries.empty())
      return change_entry(file, entries[random_.below(entries.size())], strategy);
    if (strategy < 44 && !tensors.empty())
      return change_tensor(file, tensors[random_.below(tensors.size())], strategy);
    switch (strategy) {
    case 44: file.version = static_cast<std::uint32_t>(random_.below(5)); return;
    case 45: file.tensor_count = tensors.size() + 1; return;
    case 46: file.tensor_count = boundary(); return;
    case 47: file.entry_count = entries.size() + 1 - 2 * random_.below(2); return;
    case 48: file.entry_count = boundary(); return;
    case 49:
      file.magic[random_.below(4)] ^= static_cast<std::uint8_t>(1U << random_.below(8));
      return;
    case 50: // another alignment, truly
      file.alignment = 1ULL << random_.below(13);
      file.set("general.alignment", static_cast<std::uint32_t>(file.alignment));
      return;
    case 51: file.set("general.alignment", boundary()); return; // or only said
    default: file.set(pick(kKeys), static_cast<std::uint32_t>(boundary())); return;
    }
  }

private:
  static constexpr std::uint64_t kStrategies = 54;
  static constexpr const char* kKeys[] = {"general.architecture",
                                          "general.alignment",
                                          "general.name",
                                          "split.count",
                                          "tokenizer.ggml.model",
                                          "tokenizer.ggml.pre",
                                          "tokenizer.ggml.tokens",
                                          "tokenizer.ggml.scores",
                                          "tokenizer.ggml.token_type",
                                          "tokenizer.ggml.merges",
                                          "tokenizer.ggml.bos_token_id",
                                          "tokenizer.ggml.eos_token_id",
                                          "tokenizer.ggml.eot_token_id",
                                          "tokenizer.ggml.add_bos_token",
                                          "tokenizer.ggml.add_space_prefix",
                                          "tokenizer.chat_template",
                                          "bitnet-b1.58.block_count",
                                          "bitnet-b1.58.attention.head_count",
                                          "bitnet-b1.58.attention.head_count_kv",
                                          "bitnet-b1.58.attention.key_length",
                                          "bitnet.hidden_act",
                                          "llama.rope.scaling.type",
                                          "llama.rope.scaling.factor",
                                          "llama.rope.dimension_count"};
  static constexpr const char* kTexts[] = {
      "bitnet-b1.58", "bitnet-25", "bitnet",       "llama", "qwen3", "gpt2",   "llama-bpe",
      "gpt-2",        "default",   "relu2",        "silu",  "yarn",  "linear", "BITNETAssistant",
      "<|im_start|>", "\xff\xfe",  "\xe2\x96\x81", "",      "a b",   " "};
  static constexpr const char* kNames[] = {"output.weight",     "token_embd.weight",
                                           "rope_freqs.weight", "blk.0.attn_q.scale",
                                           "blk.0.attn_q.bias", "blk.9.attn_q.weight"};
  static constexpr std::uint32_t kTypes[] = {0, 1, 2, 3, 8, 12, 14, 30, 34, 35, 36, 37, 38, 41, 42};

  template <class T, std::size_t N> T pick(const T (&list)[N]) { return list[random_.below(N)]; }

  std::uint64_t boundary() {
    const std::uint64_t power = 1ULL << random_.below(64);
    switch (random_.below(5)) {
    case 0: return random_.below(10);
    case 1: return power - 1;
    case 2: return power;
    case 3: return power + 1;
    default: return 0 - random_.below(40);
    }
  }

  float strange_float() {
    const float list[] = {0.0F,  -0.0F,   1.0F,      -1.0F,      1e-45F, 1e-30F,
                          1e30F, 3.4e38F, HUGE_VALF, -HUGE_VALF, NAN,    1e-5F};
    return pick(list);
  }

  template <class T> void overwrite(ByteVector& bytes, std::size_t at, T value) {
    if (at + sizeof value <= bytes.size())
      std::memcpy(bytes.data() + at, &value, sizeof value);
  }

  void random_byte(ByteVector& bytes, std::size_t from = 0) {
    if (bytes.size() > from)
      bytes[from + random_.below(bytes.size() - from)] = static_cast<std::uint8_t>(random_.next());
  }

  void change_entry(GgufBuilder& file, GgufBuilder::Entry& entry, std::uint64_t strategy) {
    auto& entries = file.entries;
    auto& other = entries[random_.below(entries.size())];
    const bool array = entry.type == 9 && entry.value.size() >= 12; // the head is there
    const bool string = entry.type == 8;
    switch (strategy) {
    case 0: entries.erase(entries.begin() + (&entry - entries.data())); return;
    case 1: {
      auto copy = entry;
      entries.push_back(std::move(copy));
      return;
    }
    case 2: std::swap(entry.value, other.value); return; // types stay: a confusion
    case 3: std::swap(entry.key, other.key); return;
    case 4: entry.type = static_cast<std::uint32_t>(random_.below(14)); return;
    case 5: entry.key = pick(kKeys); return;
    case 6: entry.key.resize(random_.below(300), 'k'); return;
    case 7:
      std::rotate(entries.begin(), entries.begin() + (&entry - entries.data()), entries.end());
      return;
    case 8:
    case 9:
    case 10: // a number: another
      if (array || string)
        break;
      if (entry.type == 6)
        return overwrite(entry.value, 0, strange_float());
      for (std::uint64_t i = 0, value = boundary();
           i < std::min<std::size_t>(entry.value.size(), 8); ++i)
        entry.value[i] = static_cast<std::uint8_t>(value >> (8 * i));
      return;
    case 11:
    case 12: // a number: off by one
      if (array || string || entry.value.empty())
        break;
      entry.value[0] =
          static_cast<std::uint8_t>(entry.value[0] + (random_.below(2) == 0 ? 1 : 255));
      return;
    case 13:
      if (string) {
        file.set(std::string(entry.key), pick(kTexts));
        return;
      }
      break;
    case 14:
      if (string)
        return overwrite(entry.value, 0, boundary());
      break;
    case 15:
      if (array)
        return overwrite(entry.value, 4, boundary());
      break; // count
    case 16:
      if (array)
        return overwrite(entry.value, 0, static_cast<std::uint32_t>(random_.below(14)));
      break;
    case 17: // one item fewer in the count, all of them in the bytes, or the other way round
      if (array) {
        std::uint64_t n = 0;
        std::memcpy(&n, entry.value.data() + 4, sizeof n);
        return overwrite(entry.value, 4, n - 1 + 2 * random_.below(2));
      }
      break;
    case 18:
      if (array && entry.value[0] != 8) { // numbers cut off, truly
        const std::size_t width =
            entry.value[0] == 6 || entry.value[0] == 5 || entry.value[0] == 4 ? 4 : 1;
        const std::uint64_t n = random_.below((entry.value.size() - 12) / width + 1);
        overwrite(entry.value, 4, n);
        entry.value.resize(12 + n * width);
        return;
      }
      break;
    default: break;
    }
    random_byte(entry.value, array ? 12 : string ? 8 : 0);
  }

  void change_tensor(GgufBuilder& file, GgufBuilder::Tensor& tensor, std::uint64_t strategy) {
    auto& tensors = file.tensors;
    auto& other = tensors[random_.below(tensors.size())];
    auto& data = tensor.data;
    auto& shape = tensor.shape;
    const std::size_t d = random_.below(shape.size() + 1) % std::max<std::size_t>(shape.size(), 1);
    switch (strategy) {
    case 20: tensors.erase(tensors.begin() + (&tensor - tensors.data())); return;
    case 21: {
      auto copy = tensor;
      tensors.push_back(std::move(copy));
      return;
    }
    case 22: tensor.name = other.name; return;
    case 23: std::swap(tensor.name, other.name); return;
    case 24: tensor.name = pick(kNames); return;
    case 25:
      std::rotate(tensors.begin(), tensors.begin() + (&tensor - tensors.data()), tensors.end());
      return;
    case 26: tensor.type = pick(kTypes); return; // only said
    case 27:
    case 28: { // another type, with bytes to match
      tensor.type = pick(kTypes);
      std::uint64_t rows = 1;
      for (std::size_t i = 1; i < shape.size(); ++i)
        rows *= shape[i];
      if (const DTypeInfo* info = find_dtype(tensor.type);
          info != nullptr && !shape.empty() && rows < 1 << 16)
        if (const auto bytes = tensor_bytes(info->type, rows, shape[0]); bytes && *bytes < 1 << 20)
          data.resize(static_cast<std::size_t>(*bytes), 0x55);
      return;
    }
    case 29:
      if (!shape.empty())
        shape[d] += 1 - 2 * random_.below(2);
      return;
    case 30:
      if (!shape.empty())
        shape[d] = boundary();
      return;
    case 31: std::reverse(shape.begin(), shape.end()); return;
    case 32: shape.push_back(1); return;
    case 33:
      if (!shape.empty())
        shape.pop_back();
      return;
    case 34:
      if (!shape.empty()) {
        shape[d] /= 2;
        shape.push_back(2);
      }
      return;
    case 35: tensor.offset = file.alignment * random_.below(1000); return;
    case 36: tensor.offset = boundary(); return;
    case 37: data.resize(random_.below(data.size() + 1)); return;
    case 38: data.resize(data.size() + random_.below(100)); return;
    case 39: std::fill(data.begin(), data.end(), std::uint8_t{0xff}); return;
    case 40: std::fill(data.begin(), data.end(), std::uint8_t{0}); return;
    case 41: // the scale of I2_S, or a norm's weight
      overwrite(data,
                tensor.type == 36 && data.size() >= 32 ? data.size() - 32
                                                       : random_.below(data.size() / 4 + 1) * 4,
                strange_float());
      return;
    case 42: std::swap(data, other.data); return;
    default:
      for (int i = 0; i < 8; ++i)
        random_byte(data);
    }
  }

  Random random_;
};

/// For LLVMFuzzerCustomMutator.
inline std::size_t mutate(std::uint8_t* data, std::size_t size, std::size_t max_size,
                          unsigned seed) {
  Random random(seed);
  if (random.below(8) == 0) // sometimes blindly, wherever
    return LLVMFuzzerMutate(data, size, max_size);
  auto file = take_apart({data, size});
  if (!file) { // blindly, but in the header, where it counts
    const std::size_t head = std::min<std::size_t>(size, 8192);
    return head == size ? LLVMFuzzerMutate(data, size, max_size)
                        : (LLVMFuzzerMutate(data, head, head), size);
  }
  Mutator mutator(random.next());
  for (std::uint64_t i = 1 + random.below(3); i > 0; --i)
    mutator.change(*file);
  ByteVector bytes = file->build();
  if (random.below(16) == 0)
    bytes.resize(random.below(bytes.size() + 1)); // cut short
  if (bytes.empty() || bytes.size() > max_size)
    return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

} // namespace bitnet::test
