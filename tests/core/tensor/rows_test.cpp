// Decoders against published vectors, against a reader of single weights written from the layouts' description, and
// against encoders that share no code with them.
#include "support/encode.h"
#include "tensor/rows.h"

#include <catch_amalgamated.hpp>

#include <cmath>
#include <string_view>

using namespace bitnet;
using namespace bitnet::test;

namespace {

ByteVector from_hex(std::string_view hex, std::size_t zeros = 0) {
  ByteVector out;
  const auto nibble = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(nibble(hex[i]) << 4 | nibble(hex[i + 1])));
  out.resize(out.size() + zeros);
  return out;
}

// The vectors of formats.md 3.6 hold V(e) = ((e*e + e/7) mod 3) - 1.
std::uint8_t vector_code(std::size_t e) { return static_cast<std::uint8_t>((e * e + e / 7) % 3); }

const char* const kI2Vector =
    "2556600664400aa88448899558811990022aa112222556600664400aa88448890000403f";
const char* const kTq1Vector =
    "4782901198581cf8b76bc2d685b033c80953e723414782901198581cf8b76bc2e429ee3d35f70d501567a805"
    "705c22e38fc1e7560038";
const char* const kTq2Vector =
    "589509901901a02a122162562542640680a84a8488589509901901a02a12216209901901a02a122162562542"
    "640680a84a8488589509901901a02a12216256250038";

float half_at(const ByteVector& b, std::size_t i) {
  return half_to_float(static_cast<std::uint16_t>(b[i] | b[i + 1] << 8));
}

/// One weight, found from its number alone.
float weight_at(DType type, const ByteVector& b, std::size_t i, float scale) {
  const auto bits = [&](std::size_t byte, std::size_t shift, int width) {
    return b[byte] >> shift & ((1 << width) - 1);
  };
  const auto trit = [&](std::size_t byte, std::size_t n) {
    unsigned value = b[byte];
    for (std::size_t k = 0; k < n; ++k)
      value = value * 3 % 256;
    return static_cast<int>(value * 3 / 256) - 1;
  };
  const DTypeInfo& info = dtype_info(type);
  const std::size_t base = i / info.block_weights * info.block_bytes, p = i % info.block_weights;
  switch (type) {
  case DType::kF32: {
    float value = 0;
    std::memcpy(&value, &b[base], 4);
    return value;
  }
  case DType::kF16: return half_at(b, base);
  case DType::kBF16: {
    const std::uint32_t value = static_cast<std::uint32_t>(b[base] | b[base + 1] << 8) << 16;
    float out = 0;
    std::memcpy(&out, &value, 4);
    return out;
  }
  case DType::kQ8_0:
    return static_cast<float>(static_cast<std::int8_t>(b[base + 2 + p])) * half_at(b, base);
  case DType::kQ4_0:
    return static_cast<float>(bits(base + 2 + p % 16, p / 16 * 4, 4) - 8) * half_at(b, base);
  case DType::kQ6_K: {
    const std::size_t half = p / 128, quarter = p % 128 / 32, l = p % 32;
    const int low = bits(base + 64 * half + 32 * (quarter % 2) + l, quarter / 2 * 4, 4);
    const int high = bits(base + 128 + 32 * half + l, 2 * quarter, 2);
    const auto sub = static_cast<std::int8_t>(b[base + 192 + p / 16]);
    return half_at(b, base + 208) * static_cast<float>(sub * (low + 16 * high - 32));
  }
  case DType::kTQ1_0: {
    const int t = p < 160   ? trit(base + p % 32, p / 32)
                  : p < 240 ? trit(base + 32 + (p - 160) % 16, (p - 160) / 16)
                            : trit(base + 48 + (p - 240) % 4, (p - 240) / 4);
    return static_cast<float>(t) * half_at(b, base + 52);
  }
  case DType::kTQ2_0:
    return static_cast<float>(bits(base + p / 128 * 32 + p % 32, p % 128 / 32 * 2, 2) - 1) *
           half_at(b, base + 64);
  case DType::kI2_S:
    return static_cast<float>(bits(base + p % 32, 6 - 2 * (p / 32), 2) - 1) * scale;
  }
  return 0;
}

ByteVector random_bytes(Random& random, std::size_t count) {
  ByteVector out(count);
  for (auto& byte : out)
    byte = static_cast<std::uint8_t>(random.next());
  return out;
}

constexpr DType kTernary[] = {DType::kI2_S, DType::kTQ1_0, DType::kTQ2_0};
constexpr DType kFloats[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                             DType::kQ8_0, DType::kQ4_0, DType::kQ6_K};

} // namespace

TEST_CASE("published vectors decode, and encode to the same bytes", "[rows]") {
  const struct {
    DType type;
    std::size_t weights;
    float scale;
    ByteVector bytes;
  } vectors[] = {{DType::kI2_S, 128, 0.75F, from_hex(kI2Vector, 28)},
                 {DType::kTQ1_0, 256, 0.5F, from_hex(kTq1Vector)},
                 {DType::kTQ2_0, 256, 0.5F, from_hex(kTq2Vector)}};
  for (const auto& v : vectors) {
    INFO(dtype_info(v.type).name);
    REQUIRE(v.bytes.size() == *tensor_bytes(v.type, 1, v.weights));
    ByteVector codes(v.weights), expected(v.weights);
    std::vector<float> floats(v.weights);
    float group_scale = -1;
    REQUIRE(decode_codes(v.type, v.bytes, 0, v.weights, codes.data(), &group_scale));
    REQUIRE(decode_floats(v.type, v.bytes, 0, v.weights, 0.75F, floats.data()));
    unsigned wrong = 0;
    for (std::size_t i = 0; i < v.weights; ++i) {
      expected[i] = vector_code(i);
      wrong +=
          codes[i] != expected[i] || floats[i] != static_cast<float>(expected[i] - 1) * v.scale;
    }
    CHECK(wrong == 0);
    CHECK(group_scale == (v.type == DType::kI2_S ? -1.0F : 0.5F));
    CHECK(encode_codes(v.type, expected, v.scale) == v.bytes);
  }
}

TEST_CASE("five digits in a byte", "[rows]") {
  ByteVector block(54);
  const auto digits = [&](std::uint8_t byte, std::size_t n) {
    block[0] = byte;
    std::uint8_t codes[256];
    REQUIRE(decode_codes(DType::kTQ1_0, block, 0, 256, codes, nullptr));
    int value = 0;
    for (std::size_t i = 0; i < n; ++i)
      value = 10 * value + codes[32 * i];
    return value;
  };
  CHECK(digits(0, 5) == 0);
  CHECK(digits(128, 5) == 11111);
  CHECK(digits(255, 5) == 22222);
  CHECK(digits(49, 5) == 1201);
  CHECK(digits(127, 4) == 1111);
  CHECK(digits(48, 4) == 120);
  for (unsigned v = 0; v < 243; ++v) { // all values survive
    std::uint8_t d[5];
    for (unsigned n = 5, rest = v; n-- > 0; rest /= 3)
      d[n] = static_cast<std::uint8_t>(rest % 3);
    const int value = (((d[0] * 10 + d[1]) * 10 + d[2]) * 10 + d[3]) * 10 + d[4];
    if (digits(encode_trits(d), 5) != value)
      FAIL_CHECK("value " << v);
  }
}

TEST_CASE("Q6_K's published block", "[rows]") {
  ByteVector block(128, 0x21);
  block.resize(192, 0xe4);
  block.resize(208, 1);
  put(block, float_to_half(1.0F));
  float out[256];
  REQUIRE(decode_floats(DType::kQ6_K, block, 0, 256, 0, out));
  for (std::size_t i = 0; i < 256; ++i)
    CHECK(out[i] == (std::array{-31.0F, -15.0F, 2.0F, 18.0F}[i / 32 % 4]));
}

TEST_CASE("random bytes decode as single weights do", "[rows]") {
  Random random(5);
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                           DType::kQ6_K, DType::kTQ1_0, DType::kTQ2_0}) {
    const DTypeInfo& info = dtype_info(type);
    INFO(info.name);
    constexpr std::size_t kBlocks = 20;
    const ByteVector bytes = random_bytes(random, kBlocks * info.block_bytes);
    unsigned wrong = 0;
    for (std::size_t first = 0; first < kBlocks; first += 3) {
      const std::size_t n = (kBlocks - first) * info.block_weights, at = first * info.block_weights;
      std::vector<float> floats(n);
      REQUIRE(decode_floats(type, bytes, at, n, 9, floats.data()));
      std::vector<std::uint8_t> codes(n);
      std::vector<float> scales(n / kTernaryGroup + 1);
      if (info.ternary)
        REQUIRE(decode_codes(type, bytes, at, n, codes.data(), scales.data()));
      for (std::size_t i = 0; i < n; ++i) {
        const float expected = weight_at(type, bytes, at + i, 9);
        const bool both_nan = std::isnan(expected) && std::isnan(floats[i]);
        wrong += floats[i] != expected && !both_nan;
        if (info.ternary && !both_nan)
          wrong += static_cast<float>(codes[i] - 1) * scales[i / kTernaryGroup] != expected;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("any range of an I2_S stream", "[rows]") {
  Random random(6);
  ByteVector all(128 * 5);
  for (auto& code : all)
    code = static_cast<std::uint8_t>(random.below(3));
  const ByteVector bytes = encode_codes(DType::kI2_S, all, 0.25F);
  const Bytes blocks = Bytes(bytes).first(all.size() / 4);
  unsigned wrong = 0;
  for (std::size_t first = 0; first <= all.size(); first += first < 140 ? 1 : 37)
    for (std::size_t count = 0; first + count <= all.size(); count += count < 140 ? 1 : 41) {
      ByteVector codes(count + 1, 77);
      std::vector<float> floats(count + 1, 77);
      const bool fine = decode_codes(DType::kI2_S, blocks, first, count, codes.data(), nullptr) &&
                        decode_floats(DType::kI2_S, blocks, first, count, 0.25F, floats.data());
      wrong += !fine || codes[count] != 77 || floats[count] != 77.0F;
      for (std::size_t i = 0; i < count; ++i)
        wrong += codes[i] != all[first + i] ||
                 floats[i] != weight_at(DType::kI2_S, bytes, first + i, 0.25F);
    }
  CHECK(wrong == 0);
}

TEST_CASE("I2_S code 3 is found wherever it stands", "[rows]") {
  const ByteVector clean(2 * 32, 0x55);
  ByteVector codes(256);
  std::vector<float> floats(256);
  REQUIRE(decode_codes(DType::kI2_S, clean, 0, 256, codes.data(), nullptr));
  for (std::size_t byte = 0; byte < clean.size(); ++byte)
    for (unsigned shift = 0; shift < 8; shift += 2) {
      ByteVector bytes = clean;
      bytes[byte] = static_cast<std::uint8_t>(bytes[byte] | 3U << shift);
      const std::size_t i = byte / 32 * 128 + (6 - shift) / 2 * 32 + byte % 32;
      const Status whole = decode_codes(DType::kI2_S, bytes, 0, 256, codes.data(), nullptr);
      const Status alone = decode_floats(DType::kI2_S, bytes, i, 1, 1, floats.data());
      const bool before =
          static_cast<bool>(decode_codes(DType::kI2_S, bytes, 0, i, codes.data(), nullptr));
      const bool after = static_cast<bool>(
          decode_codes(DType::kI2_S, bytes, i + 1, 255 - i, codes.data(), nullptr));
      if (whole || alone || whole.error().code() != ErrorCode::BadWeights || !before || !after)
        FAIL_CHECK("byte " << byte << " shift " << shift);
    }
}

TEST_CASE("what is encoded decodes", "[rows]") {
  Random random(7);
  std::vector<float> weights(256 * 8), out(weights.size());
  for (float& w : weights)
    w = random.uniform();
  for (const DType type : kFloats) {
    const ByteVector bytes = encode_floats(type, weights);
    REQUIRE(bytes.size() == *tensor_bytes(type, 8, 256));
    REQUIRE(decode_floats(type, bytes, 0, weights.size(), 0, out.data()));
    float worst = 0;
    for (std::size_t i = 0; i < weights.size(); ++i)
      worst = std::max(worst, std::fabs(out[i] - weights[i]));
    INFO(dtype_info(type).name << " worst error " << worst);
    CHECK(worst <= (type == DType::kF32    ? 0.0F
                    : type == DType::kF16  ? 0.0003F
                    : type == DType::kBF16 ? 0.002F
                    : type == DType::kQ8_0 ? 0.0045F
                    : type == DType::kQ4_0 ? 0.075F
                                           : 0.02F));
  }
  ByteVector codes(weights.size()), back(weights.size());
  for (auto& code : codes)
    code = static_cast<std::uint8_t>(random.below(3));
  for (const DType type : kTernary) {
    const ByteVector bytes = encode_codes(type, codes, 0.5F);
    REQUIRE(bytes.size() == *tensor_bytes(type, 8, 256));
    REQUIRE(decode_codes(type, bytes, 0, codes.size(), back.data(), nullptr));
    CHECK(back == codes);
  }
}

TEST_CASE("ranges that are not there are refused", "[rows]") {
  std::vector<float> floats(1024);
  ByteVector codes(1024);
  const auto code_of = [](const Status& status) {
    return status ? ErrorCode::Ok : status.error().code();
  };
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                           DType::kQ6_K, DType::kTQ1_0, DType::kTQ2_0, DType::kI2_S}) {
    const DTypeInfo& info = dtype_info(type);
    INFO(info.name);
    const std::size_t n = info.block_weights;
    const ByteVector bytes(2 * info.block_bytes);
    const Bytes all = bytes;
    const auto decode = [&](Bytes blocks, std::size_t first, std::size_t count) {
      return code_of(decode_floats(type, blocks, first, count, 1, floats.data()));
    };
    CHECK(decode(all, 0, 2 * n) == ErrorCode::Ok);
    CHECK(decode(all, 2 * n, 0) == ErrorCode::Ok);
    CHECK(decode({}, 0, 0) == ErrorCode::Ok);
    CHECK(decode({}, 0, n) == ErrorCode::Truncated);
    CHECK(decode(all, n, 2 * n) == ErrorCode::Truncated);
    CHECK(decode(all, 0, 3 * n) == ErrorCode::Truncated);
    CHECK(decode(all.first(bytes.size() - 1), 0, 2 * n) == ErrorCode::Truncated);
    const std::size_t huge = SIZE_MAX / n * n;
    CHECK(decode(all, huge, n) == ErrorCode::Truncated);
    CHECK(decode(all, n, huge) == ErrorCode::Truncated);
    if (n > 1 && info.rows_of_blocks) {
      CHECK(decode(all, 1, n) == ErrorCode::InvalidArgument);
      CHECK(decode(all, 0, n - 1) == ErrorCode::InvalidArgument);
    }
    if (!info.ternary)
      CHECK(code_of(decode_codes(type, all, 0, n, codes.data(), nullptr)) ==
            ErrorCode::UnsupportedType);
  }
}
