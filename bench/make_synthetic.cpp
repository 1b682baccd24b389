// make_synthetic: GGUF files of any size with random ternary weights, for benchmarks and tests.
// The numbers are random but sane: every projection keeps the variance of what enters it, logits
// have a deviation of about four. The vocabulary is one code point per token, so that a text of N
// characters is N tokens in every engine. The same seed gives the same weights in every type.
// Writes as it goes.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

static_assert(std::endian::native == std::endian::little);

// ---- What to make ----

struct Shape {
  std::string_view name;
  std::uint32_t hidden, ffn, layers, heads, kv_heads, vocabulary, context;
  bool words = false; ///< the vocabulary is of words, and not of code points
};
constexpr Shape kShapes[] = {
    {"tiny", 256, 512, 2, 4, 2, 1024, 512},
    {"0.7b", 1536, 4096, 24, 16, 16, 32000, 2048},    // bitnet_b1_58-large
    {"2b4t", 2560, 6912, 30, 20, 5, 128256, 4096},    // BitNet-b1.58-2B-4T
    {"100b", 10240, 27648, 92, 80, 10, 128256, 4096}, // the size that articles quote
};

struct Type {
  std::string_view name;
  std::uint32_t id;
  std::uint32_t block;
  std::uint32_t bytes;
};
constexpr Type kF32 = {"F32", 0, 1, 4};
constexpr Type kTernaryTypes[] = {
    {"I2_S", 36, 4, 1}, // and 32 bytes at the end of the tensor
    {"TQ1_0", 34, 256, 54},
    {"TQ2_0", 35, 256, 66},
};
constexpr Type kEmbeddingTypes[] = {
    {"F16", 1, 1, 2},
    {"Q8_0", 8, 32, 34},
    {"Q6_K", 14, 256, 210},
};
constexpr std::uint64_t kAlignment = 32;

// ---- Random numbers: xoshiro256**, seeded by splitmix64 from the seed and the tensor's name ----

class Random {
public:
  Random(std::uint64_t seed, std::string_view name) {
    std::uint64_t x = seed ^ 14695981039346656037ULL;
    for (const char c : name)
      x = (x ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    for (std::uint64_t& word : state_) {
      std::uint64_t z = x += 0x9E3779B97F4A7C15ULL;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Nearly normal, deviation 1: the sum of four uniform numbers.
  float gaussian() {
    const std::uint64_t bits = next();
    std::int32_t sum = -2 * 65535;
    for (int i = 0; i < 4; ++i)
      sum += static_cast<std::int32_t>((bits >> (16 * i)) & 0xFFFF);
    return static_cast<float>(sum) * (1.7320508F / 65536.0F);
  }

  /// Codes 0, 1, 2 with equal chance: a byte below 243 holds five.
  void ternary(std::span<std::uint8_t> codes) {
    std::size_t i = 0;
    while (i < codes.size()) {
      std::uint64_t bits = next();
      for (int byte = 0; byte < 8; ++byte, bits >>= 8) {
        auto value = static_cast<std::uint8_t>(bits);
        if (value >= 243)
          continue;
        for (int digit = 0; digit < 5 && i < codes.size(); ++digit, value /= 3)
          codes[i++] = value % 3;
      }
    }
  }

private:
  std::uint64_t state_[4];
};

// ---- Encodings (byte layouts: ggml's, and I2_S as microsoft/BitNet publishes it) ----

std::uint16_t to_half(float value) { // round to nearest, ties to even; no infinities here
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000;
  const float magnitude = std::fabs(value);
  if (magnitude < 6.103515625e-5F) // subnormal: multiples of 2^-24, which nearbyint rounds to even
    return static_cast<std::uint16_t>(
        sign + static_cast<std::uint32_t>(std::nearbyint(magnitude * 16777216.0F)));
  const std::uint32_t rounded = (bits & 0x7FFFFFFF) + 0xFFF + ((bits >> 13) & 1);
  return static_cast<std::uint16_t>(sign | ((rounded >> 13) - ((127 - 15) << 10)));
}

float from_half(std::uint16_t half) { // normal numbers only, which all our scales are
  const std::uint32_t bits =
      (static_cast<std::uint32_t>(half & 0x8000) << 16) |
      ((static_cast<std::uint32_t>(half & 0x7FFF) << 13) + ((127 - 15) << 23));
  return std::bit_cast<float>(bits);
}

void put_half(std::uint8_t* out, float value) {
  const std::uint16_t half = to_half(value);
  std::memcpy(out, &half, 2);
}

void encode_i2s(const std::uint8_t* codes, std::uint8_t* out) { // 128 codes, 32 bytes
  for (int i = 0; i < 32; ++i)
    out[i] = static_cast<std::uint8_t>(codes[i] << 6 | codes[i + 32] << 4 | codes[i + 64] << 2 |
                                       codes[i + 96]);
}

void encode_tq2(const std::uint8_t* codes, float scale, std::uint8_t* out) { // 256 codes, 66 bytes
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 32; ++i) {
      const std::uint8_t* c = codes + 128 * half + i;
      out[32 * half + i] = static_cast<std::uint8_t>(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
    }
  put_half(out + 64, scale);
}

/// Digits `stride` apart, most significant first, as the fraction of 243 that decoding multiplies
/// out.
std::uint8_t base3(const std::uint8_t* codes, int digits, int stride) {
  unsigned value = 0;
  for (int n = 0; n < 5; ++n)
    value = value * 3 + (n < digits ? codes[n * stride] : 0U);
  return static_cast<std::uint8_t>((value * 256 + 242) / 243);
}

void encode_tq1(const std::uint8_t* codes, float scale, std::uint8_t* out) { // 256 codes, 54 bytes
  for (int m = 0; m < 32; ++m)
    out[m] = base3(codes + m, 5, 32);
  for (int m = 0; m < 16; ++m)
    out[32 + m] = base3(codes + 160 + m, 5, 16);
  for (int j = 0; j < 4; ++j)
    out[48 + j] = base3(codes + 240 + j, 4, 4);
  put_half(out + 52, scale);
}

int round_to(float value, int low, int high) {
  return std::clamp(static_cast<int>(std::nearbyint(value)), low, high);
}

float most(std::span<const float> values) {
  float result = 0;
  for (const float value : values)
    result = std::max(result, std::fabs(value));
  return result;
}

void encode_q8_0(std::span<const float> x, std::uint8_t* out) { // 32 values, 34 bytes
  const float scale = most(x) / 127.0F;
  put_half(out, scale);
  for (std::size_t i = 0; i < 32; ++i)
    out[2 + i] = static_cast<std::uint8_t>(scale == 0 ? 0 : round_to(x[i] / scale, -127, 127));
}

void encode_q6k(std::span<const float> x, std::uint8_t* out) { // 256 values, 210 bytes
  std::memset(out, 0, 210);
  std::uint8_t* low = out;
  std::uint8_t* high = out + 128;
  std::uint8_t* scales = out + 192;
  const float scale =
      from_half(std::max<std::uint16_t>(to_half(most(x) / (31.0F * 127.0F)), 0x0400));
  put_half(out + 208, scale);
  for (std::size_t sub = 0; sub < 16; ++sub) {
    const auto part = x.subspan(16 * sub, 16);
    const int step = round_to(std::ceil(most(part) / (31.0F * scale)), 0, 127);
    scales[sub] = static_cast<std::uint8_t>(step);
    for (std::size_t i = 0; i < 16; ++i) {
      const int q =
          step == 0 ? 32 : 32 + round_to(part[i] / (scale * static_cast<float>(step)), -32, 31);
      // Weight 128 H + 32 quarter + l: low nibbles of ql by quarter 0 1, high by 2 3; two bits in
      // qh.
      const std::size_t index = 16 * sub + i;
      const std::size_t half = index / 128;
      const std::size_t quarter = index % 128 / 32;
      const std::size_t l = index % 32;
      low[64 * half + 32 * (quarter % 2) + l] |=
          static_cast<std::uint8_t>((q & 15) << (quarter < 2 ? 0 : 4));
      high[32 * half + l] |= static_cast<std::uint8_t>((q >> 4) << (2 * quarter));
    }
  }
}

// ---- GGUF ----

class Header {
public:
  template <class T> void raw(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(std::string_view text) {
    raw(std::uint64_t{text.size()});
    bytes_ += text;
  }
  void key(std::string_view name, std::uint32_t type) {
    string(name);
    raw(type);
    ++keys_;
  }
  void u32(std::string_view name, std::uint32_t value) { key(name, 4), raw(value); }
  void f32(std::string_view name, float value) { key(name, 6), raw(value); }
  void boolean(std::string_view name, bool value) { key(name, 7), raw(std::uint8_t{value}); }
  void text(std::string_view name, std::string_view value) { key(name, 8), string(value); }
  void array(std::string_view name, std::uint32_t type, std::uint64_t count) {
    key(name, 9), raw(type), raw(count);
  }
  std::uint64_t keys() const { return keys_; }
  const std::string& bytes() const { return bytes_; }

private:
  std::string bytes_;
  std::uint64_t keys_ = 0;
};

struct Tensor {
  enum class Kind { kNorm, kEmbedding, kTernary };
  std::string name;
  Kind kind;
  Type type;
  std::uint64_t columns, rows; ///< rows 0: one dimension

  std::uint64_t weights() const { return columns * std::max<std::uint64_t>(rows, 1); }
  std::uint64_t bytes() const {
    return weights() / type.block * type.bytes + (type.name == "I2_S" ? 32 : 0);
  }
};

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::string utf8(std::uint32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80)
    return {static_cast<char>(c)};
  if (c < 0x800)
    return {static_cast<char>(0xC0 | c >> 6), tail(0)};
  if (c < 0x10000)
    return {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
}

constexpr std::uint32_t kFirstText = 259; // after <unk> <s> </s> and the 256 bytes

/// Code points that stand for themselves: printable, unlike a space to SentencePiece, never half of
/// a pair.
std::vector<std::string> vocabulary(std::uint32_t size) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
    tokens.emplace_back(text);
  }
  for (std::uint32_t c = 0x21; tokens.size() < size; ++c) {
    const bool control = c >= 0x7F && c < 0xA1;
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    const bool no_character = (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c < 0xFDF0);
    if (!control && !surrogate && !no_character)
      tokens.push_back(utf8(c)); // U+2581, SentencePiece's space, among them
  }
  return tokens;
}

/// The same with all printable ASCII, then words of 2 to 12 letters, three in four with a space
/// before: what a grammar has to look through in a real vocabulary. Each once.
std::vector<std::string> words(std::uint32_t size) {
  std::vector<std::string> tokens = vocabulary(kFirstText + 94);
  std::set<std::string> known(tokens.begin(), tokens.end());
  constexpr std::string_view kLetters = "eeeeeetttttaaaaooooiiinnnssshhhrrrddlluccmmwwffggyyppbbvk";
  Random random(1, "words");
  while (tokens.size() < size) {
    std::string word = random.next() % 4 == 0 ? "" : "\xe2\x96\x81";
    for (std::uint64_t left = 2 + random.next() % 6 + random.next() % 6; left > 0; --left)
      word += kLetters[random.next() % kLetters.size()];
    if (known.insert(word).second)
      tokens.push_back(word);
  }
  return tokens;
}

void write_metadata(Header& header, const Shape& shape, const std::string& arch,
                    std::string_view type) {
  const std::string prefix = arch + ".";
  header.text("general.architecture", arch);
  header.text("general.name", "synthetic " + std::string(shape.name) + " " + std::string(type));
  header.u32("general.quantization_version", 2);
  header.u32("general.alignment", kAlignment);
  header.u32(prefix + "vocab_size", shape.vocabulary);
  header.u32(prefix + "context_length", shape.context);
  header.u32(prefix + "embedding_length", shape.hidden);
  header.u32(prefix + "block_count", shape.layers);
  header.u32(prefix + "feed_forward_length", shape.ffn);
  header.u32(prefix + "rope.dimension_count", shape.hidden / shape.heads);
  header.u32(prefix + "attention.head_count", shape.heads);
  header.u32(prefix + "attention.head_count_kv", shape.kv_heads);
  header.f32(prefix + "attention.layer_norm_rms_epsilon", 1e-5F);
  header.f32(prefix + "rope.freq_base", 10000.0F);

  const std::vector<std::string> tokens =
      shape.words ? words(shape.vocabulary) : vocabulary(shape.vocabulary);
  header.text("tokenizer.ggml.model", "llama");
  header.text("tokenizer.ggml.pre", "default");
  header.array("tokenizer.ggml.tokens", 8, tokens.size());
  for (const std::string& token : tokens)
    header.string(token);
  header.array("tokenizer.ggml.scores", 6, tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    header.raw(-static_cast<float>(i));
  header.array("tokenizer.ggml.token_type", 5, tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    header.raw(std::int32_t{i == 0 ? 2 : i < 3 ? 3 : i < kFirstText ? 6 : 1});
  header.u32("tokenizer.ggml.unknown_token_id", 0);
  header.u32("tokenizer.ggml.bos_token_id", 1);
  header.u32("tokenizer.ggml.eos_token_id", 2);
  header.boolean("tokenizer.ggml.add_bos_token", false);
  header.boolean("tokenizer.ggml.add_eos_token", false);
  header.boolean("tokenizer.ggml.add_space_prefix", false);
}

std::vector<Tensor> tensors(const Shape& shape, const std::string& arch, Type ternary,
                            Type embedding) {
  const std::uint64_t hidden = shape.hidden;
  const std::uint64_t kv = hidden / shape.heads * shape.kv_heads;
  const bool sub_norms = arch != "llama";
  std::vector<Tensor> all;
  const auto norm = [&all](const std::string& name, std::uint64_t width) {
    all.push_back({name, Tensor::Kind::kNorm, kF32, width, 0});
  };
  const auto matrix = [&all, ternary](const std::string& name, std::uint64_t in,
                                      std::uint64_t out) {
    all.push_back({name, Tensor::Kind::kTernary, ternary, in, out});
  };
  all.push_back(
      {"token_embd.weight", Tensor::Kind::kEmbedding, embedding, hidden, shape.vocabulary});
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    norm(block + "attn_norm.weight", hidden);
    matrix(block + "attn_q.weight", hidden, hidden);
    matrix(block + "attn_k.weight", hidden, kv);
    matrix(block + "attn_v.weight", hidden, kv);
    if (sub_norms)
      norm(block + "attn_sub_norm.weight", hidden);
    matrix(block + "attn_output.weight", hidden, hidden);
    norm(block + "ffn_norm.weight", hidden);
    matrix(block + "ffn_gate.weight", hidden, shape.ffn);
    matrix(block + "ffn_up.weight", hidden, shape.ffn);
    if (sub_norms)
      norm(block + "ffn_sub_norm.weight", shape.ffn);
    matrix(block + "ffn_down.weight", shape.ffn, hidden);
  }
  norm("output_norm.weight", hidden);
  return all;
}

// ---- Writing ----

class File {
public:
  explicit File(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "wb")) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(); }
  void write(const void* bytes, std::size_t size) {
    ok_ = ok_ && file_ != nullptr && std::fwrite(bytes, 1, size, file_) == size;
    position_ += size;
  }
  void pad() {
    constexpr char kZeros[kAlignment] = {};
    write(kZeros, static_cast<std::size_t>(padded(position_) - position_));
  }
  std::uint64_t position() const { return position_; }
  bool ok() const { return ok_ && file_ != nullptr; }
  bool close() {
    if (file_ != nullptr && std::fclose(file_) != 0)
      ok_ = false;
    const bool was_open = file_ != nullptr;
    file_ = nullptr;
    return was_open && ok_;
  }

private:
  std::string path_;
  std::FILE* file_;
  std::uint64_t position_ = 0;
  bool ok_ = true;
};

void write_norm(File& file, const Tensor& tensor, Random& random) {
  std::vector<float> values(tensor.columns);
  for (float& value : values)
    value = 1.0F + 0.1F * random.gaussian();
  file.write(values.data(), values.size() * sizeof(float));
}

void write_embedding(File& file, const Tensor& tensor, Random& random) {
  const float deviation = 4.0F / std::sqrt(static_cast<float>(tensor.columns));
  std::vector<float> row(tensor.columns);
  std::vector<std::uint8_t> bytes(tensor.columns / tensor.type.block * tensor.type.bytes);
  for (std::uint64_t r = 0; r < tensor.rows; ++r) {
    // Control and byte tokens get no direction, so that a greedy run of a tied head never chooses
    // them: half a character at the end of the stream brings some engines down.
    for (float& value : row)
      value = r < kFirstText ? 0.0F : deviation * random.gaussian();
    std::uint8_t* out = bytes.data();
    const std::span<const float> values(row);
    for (std::size_t i = 0; i < row.size(); i += tensor.type.block, out += tensor.type.bytes) {
      if (tensor.type.name == "F16")
        put_half(out, row[i]);
      else if (tensor.type.name == "Q8_0")
        encode_q8_0(values.subspan(i, 32), out);
      else
        encode_q6k(values.subspan(i, 256), out);
    }
    file.write(bytes.data(), bytes.size());
  }
}

void write_ternary(File& file, const Tensor& tensor, Random& random) {
  // Unit variance in, unit variance out: columns * 2/3 * scale^2 = 1. Rounded so that every type
  // has the same.
  const float scale =
      from_half(to_half(1.0F / std::sqrt(static_cast<float>(tensor.columns) * 2.0F / 3.0F)));
  std::vector<std::uint8_t> codes(tensor.columns);
  std::vector<std::uint8_t> bytes(tensor.columns / tensor.type.block * tensor.type.bytes);
  for (std::uint64_t r = 0; r < tensor.rows; ++r) {
    random.ternary(codes);
    std::uint8_t* out = bytes.data();
    if (tensor.type.name == "I2_S") {
      for (std::size_t i = 0; i < codes.size(); i += 128, out += 32)
        encode_i2s(&codes[i], out);
    } else {
      for (std::size_t i = 0; i < codes.size(); i += 256, out += tensor.type.bytes)
        (tensor.type.name == "TQ1_0" ? encode_tq1 : encode_tq2)(&codes[i], scale, out);
    }
    file.write(bytes.data(), bytes.size());
  }
  if (tensor.type.name == "I2_S") {
    const float tail[8] = {scale};
    file.write(tail, sizeof tail);
  }
}

bool write_model(const std::string& path, const Shape& shape, const std::string& arch, Type ternary,
                 Type embedding, std::uint64_t seed) {
  Header header;
  write_metadata(header, shape, arch, ternary.name);
  const std::vector<Tensor> all = tensors(shape, arch, ternary, embedding);
  const std::uint64_t keys = header.keys();
  std::uint64_t offset = 0;
  for (const Tensor& tensor : all) {
    header.string(tensor.name);
    header.raw(std::uint32_t{tensor.rows == 0 ? 1U : 2U});
    header.raw(tensor.columns);
    if (tensor.rows != 0)
      header.raw(tensor.rows);
    header.raw(tensor.type.id);
    header.raw(offset);
    offset += padded(tensor.bytes());
  }

  File file(path);
  file.write("GGUF", 4);
  const std::uint32_t version = 3;
  file.write(&version, 4);
  const std::uint64_t counts[] = {all.size(), keys};
  file.write(counts, sizeof counts);
  file.write(header.bytes().data(), header.bytes().size());
  file.pad();
  for (const Tensor& tensor : all) {
    if (!file.ok())
      return false;
    Random random(seed, tensor.name);
    switch (tensor.kind) {
    case Tensor::Kind::kNorm: write_norm(file, tensor, random); break;
    case Tensor::Kind::kEmbedding: write_embedding(file, tensor, random); break;
    case Tensor::Kind::kTernary: write_ternary(file, tensor, random); break;
    }
    file.pad();
  }
  return file.close();
}

// ---- The command line ----

int usage(const char* what) {
  std::fprintf(
      stderr,
      "make_synthetic: %s\n"
      "usage: make_synthetic -o FILE [--shape tiny|0.7b|2b4t|100b] [--type I2_S|TQ1_0|TQ2_0]\n"
      "                      [--embedding F16|Q8_0|Q6_K] [--arch "
      "bitnet|bitnet-b1.58|llama] [--seed N]\n"
      "                      [--layers N] [--context N]     (fewer or more than the shape's)\n"
      "                      [--words N]     (a vocabulary of N words, not of code points)\n",
      what);
  return 2;
}

template <class T> const T* named(std::span<const T> all, std::string_view name) {
  for (const T& one : all)
    if (one.name == name)
      return &one;
  return nullptr;
}

template <class T> bool whole(std::string_view text, T& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end;
}

} // namespace

int main(int argc, char** argv) {
  Shape shape = kShapes[0];
  std::uint32_t layers = 0;  // 0: the shape's
  std::uint32_t context = 0; // 0: the shape's
  std::uint32_t words = 0;   // 0: the shape's vocabulary, of code points
  const Type* type = &kTernaryTypes[2];
  const Type* embedding = &kEmbeddingTypes[2];
  std::string arch = "bitnet";
  std::string path;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (i + 1 == argc)
      return usage("an option without a value");
    const std::string_view value = argv[i + 1];
    if (option == "-o") {
      path = value;
    } else if (option == "--shape") {
      const Shape* const known = named<Shape>(kShapes, value);
      if (known == nullptr)
        return usage("unknown shape");
      shape = *known;
    } else if (option == "--type") {
      type = named<Type>(kTernaryTypes, value);
    } else if (option == "--embedding") {
      embedding = named<Type>(kEmbeddingTypes, value);
    } else if (option == "--arch") {
      arch = value;
    } else if (option == "--seed") {
      if (!whole(value, seed))
        return usage("--seed wants a whole number");
    } else if (option == "--layers") {
      if (!whole(value, layers) || layers < 1 || layers > 1000)
        return usage("--layers wants a number from 1 to 1000");
    } else if (option == "--context") {
      if (!whole(value, context) || context < 1 || context > (1U << 20))
        return usage("--context wants a number from 1 to 1048576");
    } else if (option == "--words") {
      if (!whole(value, words) || words < 1024 || words > (1U << 20))
        return usage("--words wants a number from 1024 to 1048576");
    } else {
      return usage("unknown option");
    }
    if (type == nullptr || embedding == nullptr)
      return usage("unknown type");
  }
  if (path.empty())
    return usage("where to? Give -o FILE");
  if (arch != "bitnet" && arch != "bitnet-b1.58" && arch != "llama")
    return usage("unknown architecture");
  shape.words = words != 0;
  shape.vocabulary = words != 0 ? words : shape.vocabulary;
  shape.layers = layers != 0 ? layers : shape.layers;
  shape.context = context != 0 ? context : shape.context;
  if (!write_model(path, shape, arch, *type, *embedding, seed)) {
    std::fprintf(stderr, "make_synthetic: %s could not be written\n", path.c_str());
    return 1;
  }
  return 0;
}
