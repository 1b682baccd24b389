// Every byte layout we read, each drawn beside its code. Enters: blocks of bytes, of which nothing is believed but
// their length. Leaves: floats or ternary codes. Never allocates, never reads past the bytes it was given.
//
// All numbers are little-endian. d is a half-precision scale. "w[a..b]" are the weights a to b of a block.
#include "tensor/rows.h"

#include "base/checked.h"
#include "base/half.h"
#include "base/reader.h"

namespace bitnet {
namespace {

float half_at(const std::uint8_t* bytes) noexcept {
  return half_to_float(load_le<std::uint16_t>(bytes));
}

// F32, F16, BF16: one weight after the other.
void floats_f32(const std::uint8_t* in, std::size_t count, float* out) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = load_le<float>(in + 4 * i);
}
void floats_f16(const std::uint8_t* in, std::size_t count, float* out) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = half_at(in + 2 * i);
}
void floats_bf16(const std::uint8_t* in, std::size_t count, float* out) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = bfloat_to_float(load_le<std::uint16_t>(in + 2 * i));
}

// Q8_0, 32 weights:  | d 2 | 32 x int8 |        w = d * q
void floats_q8_0(const std::uint8_t* in, float* out) noexcept {
  const float d = half_at(in);
  for (std::size_t j = 0; j < 32; ++j)
    out[j] = static_cast<float>(static_cast<std::int8_t>(in[2 + j])) * d;
}

// Q4_0, 32 weights:  | d 2 | 16 bytes |         w = d * (q - 8)
//   byte j, bits 7..4: w[16+j]   bits 3..0: w[j]
void floats_q4_0(const std::uint8_t* in, float* out) noexcept {
  const float d = half_at(in);
  for (std::size_t j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((in[2 + j] & 15) - 8) * d;
    out[16 + j] = static_cast<float>((in[2 + j] >> 4) - 8) * d;
  }
}

// Q6_K, 256 weights: | low 128 | high 64 | 16 x int8 scale | d 2 |      w = d * scale * (q - 32)
// Each half of 128 weights has 64 low bytes, 32 high bytes and 8 scales (one for 16 weights). For l = 0..31:
//   low[l]     bits 3..0: w[l]      bits 7..4: w[64+l]     (the low four bits of q)
//   low[32+l]  bits 3..0: w[32+l]   bits 7..4: w[96+l]
//   high[l]    bits 1..0: w[l]   3..2: w[32+l]   5..4: w[64+l]   7..6: w[96+l]    (the high two)
void floats_q6_k(const std::uint8_t* in, float* out) noexcept {
  const float d = half_at(in + 208);
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint8_t* low = in + 64 * half;
    const std::uint8_t* high = in + 128 + 32 * half;
    const std::uint8_t* scales = in + 192 + 8 * half;
    for (std::size_t quarter = 0; quarter < 4; ++quarter)
      for (std::size_t l = 0; l < 32; ++l) {
        const int four = low[32 * (quarter % 2) + l] >> (quarter < 2 ? 0 : 4) & 15;
        const int two = high[l] >> (2 * quarter) & 3;
        const auto scale = static_cast<std::int8_t>(scales[2 * quarter + l / 16]);
        out[128 * half + 32 * quarter + l] =
            static_cast<float>(scale * ((two << 4 | four) - 32)) * d;
      }
  }
}

// Five base-3 digits in a byte, as the fraction 0.abcde in base 3 scaled to 0..255 and rounded up: multiplying by 3^n
// modulo 256 drops the first n digits, multiplying by 3 then carries digit n out at the top.
// The digit is 0..2 for any byte at all.
constexpr std::uint8_t digit(std::uint8_t byte, unsigned power) noexcept {
  return static_cast<std::uint8_t>(((byte * power & 255U) * 3U) >> 8);
}
constexpr unsigned kPowers[] = {1, 3, 9, 27, 81};

// TQ1_0, 256 weights: | qs 48 | qh 4 | d 2 |    w = d * (digit - 1)
//   digit n of qs[m],    m < 32: w[32n + m]          n < 5      w[0..159]
//   digit n of qs[32+m], m < 16: w[160 + 16n + m]    n < 5      w[160..239]
//   digit n of qh[m],    m < 4:  w[240 + 4n + m]     n < 4      w[240..255]
void codes_tq1_0(const std::uint8_t* in, std::uint8_t* codes) noexcept {
  for (std::size_t n = 0; n < 5; ++n) {
    for (std::size_t m = 0; m < 32; ++m)
      codes[32 * n + m] = digit(in[m], kPowers[n]);
    for (std::size_t m = 0; m < 16; ++m)
      codes[160 + 16 * n + m] = digit(in[32 + m], kPowers[n]);
  }
  for (std::size_t n = 0; n < 4; ++n)
    for (std::size_t m = 0; m < 4; ++m)
      codes[240 + 4 * n + m] = digit(in[48 + m], kPowers[n]);
}

// TQ2_0, 256 weights: | qs 64 | d 2 |           w = d * (code - 1); code 3 is legal and means +2
// Two halves of 128 weights in 32 bytes each; byte m of a half:
//   bits 7..6: w[96+m]   5..4: w[64+m]   3..2: w[32+m]   1..0: w[m]
void codes_tq2_0(const std::uint8_t* in, std::uint8_t* codes) noexcept {
  for (std::size_t half = 0; half < 2; ++half)
    for (std::size_t l = 0; l < 4; ++l)
      for (std::size_t m = 0; m < 32; ++m)
        codes[128 * half + 32 * l + m] = in[32 * half + m] >> (2 * l) & 3;
}

// I2_S: the tensor is one stream of blocks of 128 weights in 32 bytes, blind to rows; its scale (F32) stands behind
// the last block.                               w = scale * (code - 1); code 3 is not legal
// Byte m of a block:
//   bits 7..6: w[m]   5..4: w[32+m]   3..2: w[64+m]   1..0: w[96+m]          (the opposite order of TQ2_0)
constexpr std::size_t kI2Weights = 128, kI2Bytes = 32;

/// Returns not 0 when the block holds a code 3.
std::uint8_t codes_i2_s(const std::uint8_t* in, std::uint8_t* codes) noexcept {
  std::uint8_t both = 0;
  for (std::size_t m = 0; m < kI2Bytes; ++m) {
    const std::uint8_t byte = in[m];
    codes[m] = byte >> 6;
    codes[32 + m] = byte >> 4 & 3;
    codes[64 + m] = byte >> 2 & 3;
    codes[96 + m] = byte & 3;
    both |= byte & byte >> 1; // the low bit of a pair stays only where both bits are set
  }
  return both & 0x55;
}

std::uint8_t code_i2_s(const std::uint8_t* blocks, std::size_t i) noexcept {
  const std::size_t p = i % kI2Weights;
  return blocks[i / kI2Weights * kI2Bytes + p % 32] >> (6 - 2 * (p / 32)) & 3;
}

/// Any range of an I2_S stream: whole blocks fast, what sticks out at both ends one by one.
Status decode_i2_s(const std::uint8_t* blocks, std::size_t first, std::size_t count,
                   std::uint8_t* codes) noexcept {
  const std::size_t end = first + count;
  std::uint8_t bad = 0;
  for (std::size_t i = first; i < end;) {
    if (i % kI2Weights == 0 && end - i >= kI2Weights) {
      bad |= codes_i2_s(blocks + i / kI2Weights * kI2Bytes, codes);
      codes += kI2Weights;
      i += kI2Weights;
    } else {
      const std::uint8_t code = code_i2_s(blocks, i++);
      bad |= static_cast<std::uint8_t>(code == 3);
      *codes++ = code;
    }
  }
  if (bad != 0)
    return Error(ErrorCode::BadWeights)
           << "I2_S code 3 in weights " << std::uint64_t{first} << " to " << std::uint64_t{end - 1};
  return {};
}

/// Are the blocks of [first, first + count) all there, and is the range one the type can start and end at?
Status check_range(const DTypeInfo& info, Bytes blocks, std::size_t first,
                   std::size_t count) noexcept {
  const std::size_t n = info.block_weights;
  if (info.rows_of_blocks && (first % n != 0 || count % n != 0))
    return Error(ErrorCode::InvalidArgument)
           << info.name << " weights " << std::uint64_t{first} << " + " << std::uint64_t{count}
           << " are not whole blocks of " << info.block_weights;
  const auto end = checked_add(first, count);
  const std::uint64_t present = blocks.size() / info.block_bytes; // whole blocks
  if (!end || *end / n + (*end % n != 0 ? 1 : 0) > present)
    return Error(ErrorCode::Truncated)
           << info.name << " weights " << std::uint64_t{first} << " + " << std::uint64_t{count}
           << " wanted, " << present << " blocks of " << info.block_weights << " present";
  return {};
}

/// `block(in, out)` for each block.
template <class Out, class F>
void each_block(const DTypeInfo& info, const std::uint8_t* in, std::size_t count, Out* out,
                F block) noexcept {
  for (std::size_t i = 0; i < count; i += info.block_weights, in += info.block_bytes)
    block(in, out + i);
}

} // namespace

Status decode_codes(DType type, Bytes blocks, std::size_t first, std::size_t count,
                    std::uint8_t* codes, float* group_scales) noexcept {
  const DTypeInfo& info = dtype_info(type);
  if (!info.ternary)
    return Error(ErrorCode::UnsupportedType) << info.name << " is not ternary";
  BITNET_TRY(check_range(info, blocks, first, count));
  if (count == 0)
    return {};
  if (type == DType::kI2_S)
    return decode_i2_s(blocks.data(), first, count, codes);

  const std::uint8_t* in = blocks.data() + first / info.block_weights * info.block_bytes;
  if (type == DType::kTQ1_0)
    each_block(info, in, count, codes, codes_tq1_0);
  else
    each_block(info, in, count, codes, codes_tq2_0);
  if (group_scales != nullptr) // d ends the block in both
    for (std::size_t i = 0; i < count / kTernaryGroup; ++i)
      // NOLINTNEXTLINE(clang-analyzer-security.ArrayBound): the caller has one scale for each group
      group_scales[i] = half_at(in + (i + 1) * info.block_bytes - 2);
  return {};
}

Status decode_floats(DType type, Bytes blocks, std::size_t first, std::size_t count, float scale,
                     float* out) noexcept {
  const DTypeInfo& info = dtype_info(type);
  BITNET_TRY(check_range(info, blocks, first, count));
  if (count == 0)
    return {};
  const std::uint8_t* in = blocks.data() + first / info.block_weights * info.block_bytes;
  switch (type) {
  case DType::kF32: floats_f32(in, count, out); return {};
  case DType::kF16: floats_f16(in, count, out); return {};
  case DType::kBF16: floats_bf16(in, count, out); return {};
  case DType::kQ8_0: each_block(info, in, count, out, floats_q8_0); return {};
  case DType::kQ4_0: each_block(info, in, count, out, floats_q4_0); return {};
  case DType::kQ6_K: each_block(info, in, count, out, floats_q6_k); return {};
  case DType::kTQ1_0:
  case DType::kTQ2_0:
  case DType::kI2_S: break;
  }
  // Ternary: through the codes, a group at a time.
  std::uint8_t codes[kTernaryGroup] = {};
  for (std::size_t done = 0; done < count;) {
    const std::size_t n = count - done < kTernaryGroup ? count - done : kTernaryGroup;
    BITNET_TRY(decode_codes(type, blocks, first + done, n, codes, &scale));
    for (std::size_t i = 0; i < n; ++i)
      out[done + i] = static_cast<float>(codes[i] - 1) * scale;
    done += n;
  }
  return {};
}

} // namespace bitnet
