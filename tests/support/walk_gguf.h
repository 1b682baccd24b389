// Does with a parsed header what a loader would, and holds it to every promise of gguf/reader.h. Enters: a Gguf and the
// file it came from (perhaps cut short). Leaves: true, or false at the first broken promise. For tests and fuzzers.
#pragma once

#include "gguf/limits.h"
#include "gguf/reader.h"
#include "tensor/rows.h"

#include <algorithm>
#include <string_view>

namespace bitnet::test {

inline bool lies_in(std::string_view view, Bytes bytes) {
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  return view.empty() ||
         (view.data() >= begin && view.data() + view.size() <= begin + bytes.size());
}

inline bool walk_metadata(const Metadata& metadata, Bytes file) {
  std::string_view before;
  for (const MetadataEntry& entry : metadata.entries()) {
    if (!lies_in(entry.key, file) || (!before.empty() && entry.key <= before) ||
        !metadata.has(entry.key))
      return false;
    before = entry.key;
    // Each accessor either fits the type or refuses: exactly as the entry says.
    if (const auto text = metadata.string(entry.key); text && !lies_in(*text, file))
      return false;
    if (const auto number = metadata.number(entry.key); number && *number - *number != 0)
      return false;
    if (const auto integer = metadata.integer(entry.key); integer && *integer > INT64_MAX)
      return false;
    (void)metadata.boolean(entry.key);
    if (auto strings = metadata.strings(entry.key)) {
      for (std::uint64_t i = 0; i < entry.count; ++i)
        if (const std::string_view item = strings->next(); !lies_in(item, file))
          return false;
      if (!strings->next().empty()) // one too many
        return false;
    }
    if (const auto numbers = metadata.numbers(entry.key)) {
      volatile double sum = 0; // so that the reads stay
      for (std::uint64_t i = 0; i < numbers->size(); ++i)
        sum = sum + numbers->number(i) + static_cast<double>(numbers->integer(i));
      if (numbers->number(numbers->size()) != 0 || numbers->integer(UINT64_MAX) != 0)
        return false;
    }
  }
  return true;
}

inline bool walk(const Gguf& gguf, Bytes file, std::uint64_t file_size) {
  if (!walk_metadata(gguf.metadata, file) || (gguf.version != 2 && gguf.version != 3))
    return false;
  std::uint64_t free_from = gguf.data_offset;
  for (const TensorInfo& tensor : gguf.tensors) {
    if (tensor.offset < free_from ||
        tensor.offset % gguf.alignment != gguf.data_offset % gguf.alignment ||
        tensor.bytes > file_size || tensor.offset > file_size - tensor.bytes ||
        !lies_in(tensor.name, file) || gguf.find(tensor.name) != &tensor)
      return false;
    free_from = tensor.offset + tensor.bytes;
    const auto bytes = tensor_bytes(tensor.type, tensor.rows(), tensor.columns());
    if (!bytes || *bytes != tensor.bytes)
      return false;
    if (free_from > file.size())
      continue; // the file is cut short here
    const Bytes data = file.subspan(static_cast<std::size_t>(tensor.offset),
                                    static_cast<std::size_t>(tensor.bytes));
    constexpr std::size_t kMost = 1024; // weights: four of the largest block
    const std::uint64_t weights = tensor.rows() * tensor.columns();
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(weights, kMost)) /
                              dtype_info(tensor.type).block_weights *
                              dtype_info(tensor.type).block_weights;
    const auto last = static_cast<std::size_t>(weights - count) /
                      dtype_info(tensor.type).block_weights * dtype_info(tensor.type).block_weights;
    float floats[kMost], scales[kMost / kTernaryGroup];
    std::uint8_t codes[kMost];
    for (const std::size_t first : {std::size_t{0}, last}) {
      const Status status = decode_floats(tensor.type, data, first, count, 1.0F, floats);
      if (!status && status.error().code() != ErrorCode::BadWeights)
        return false;
      const Status coded = decode_codes(tensor.type, data, first, count, codes, scales);
      if (dtype_info(tensor.type).ternary && static_cast<bool>(coded) != static_cast<bool>(status))
        return false;
    }
  }
  return gguf.find("no such tensor, surely") == nullptr;
}

} // namespace bitnet::test
