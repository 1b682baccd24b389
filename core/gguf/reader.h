// GGUF v2/v3 headers (formats.md 3.1): the first bytes of a file in, names, types, shapes and offsets out.
// Pure: reads no file, keeps views into the bytes it was given. This is the door that the fuzzers knock at.
#pragma once

#include "bitnet/memory.hpp"
#include "bitnet/types.hpp"
#include "gguf/metadata.h"
#include "tensor/dtype.h"

#include <array>
#include <string_view>

namespace bitnet {

struct TensorInfo {
  std::string_view name;
  DType type = DType::kF32;
  std::uint32_t dimensions = 0;
  std::array<std::uint64_t, 4> shape{
      1, 1, 1, 1};          ///< shape[0] = columns (K), the fastest; shape[1] = rows (M)
  std::uint64_t offset = 0; ///< from the start of its file
  std::uint64_t bytes = 0;
  std::uint32_t file = 0; ///< which of the model's files (parts.h)

  std::uint64_t columns() const noexcept { return shape[0]; }
  std::uint64_t rows() const noexcept { return shape[1] * shape[2] * shape[3]; }
};

struct Gguf {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset =
      0; ///< where tensor data begins; the header's bytes end at or before it
  Metadata metadata;
  Vec<TensorInfo> tensors;    ///< sorted by file and offset; inside it; none overlaps another
  Vec<std::uint32_t> by_name; ///< indices into tensors, sorted by name: find() is a binary search

  const TensorInfo* find(std::string_view name) const noexcept;
};

/// Parse the header. `prefix` is the first bytes of a file of `file_size` bytes. When the header is longer than the
/// prefix and the file goes on, the error is Truncated: call again with more. Everything that a header can say wrong
/// (lengths, counts, types, duplicate names, offsets outside the file, overlaps, shapes a type cannot have) is refused
/// here, with the offset or the name in the error. Type 36 whose byte span is not I2_S's is UnsupportedType.
/// A file that ends before its tensor data does is Truncated too: that answer is final once the prefix has
/// min(file_size, limits::kHeaderBytes) bytes.
Result<Gguf> parse_gguf(Bytes prefix, std::uint64_t file_size) noexcept;

/// Fill by_name from tensors; no two may have one name.
Status index_names(Gguf& gguf) noexcept;

} // namespace bitnet
