// See parts.h.
#include "gguf/parts.h"

#include "gguf/limits.h"

#include <algorithm>

namespace bitnet {
namespace {

constexpr std::string_view kNumber = "split.no";
constexpr std::string_view kCount = "split.count";
constexpr std::string_view kTensors = "split.tensors.count";

bool same_value(const MetadataEntry& a, const MetadataEntry& b) noexcept {
  return a.type == b.type && a.element == b.element && a.count == b.count &&
         std::equal(a.value.begin(), a.value.end(), b.value.begin(), b.value.end());
}

} // namespace

Status check_part(const Gguf& part, const Gguf& first, std::uint32_t index,
                  std::uint32_t count) noexcept {
  const Metadata& metadata = part.metadata;
  // Files of one part, and those that were merged again, say 0 or 1 or nothing.
  const auto announced = count == 1 ? metadata.integer_or(kCount, 1) : metadata.integer(kCount);
  BITNET_TRY(announced);
  if (count == 1 && *announced <= 1)
    return {};
  if (*announced != count)
    return Error(ErrorCode::WrongParts)
           << kCount << " is " << *announced << ", files given are " << count;
  const auto number = metadata.integer(kNumber);
  BITNET_TRY(number);
  if (*number != index)
    return Error(ErrorCode::WrongParts)
           << kNumber << " is " << *number << ", at its place in the list must be " << index;
  // Later parts say little about their model; what they do say must be what the first said. (Alignment is each file's own.)
  for (const MetadataEntry& entry : metadata.entries()) {
    if (index == 0 || entry.key == kNumber || entry.key == "general.alignment")
      continue;
    const MetadataEntry* other = first.metadata.find(entry.key);
    if (other != nullptr && !same_value(entry, *other))
      return Error(ErrorCode::WrongParts) << "'" << entry.key << "' is not what file 1 says";
  }
  return {};
}

Result<Gguf> join_parts(std::span<Gguf> parts) noexcept {
  Gguf whole = std::move(parts[0]);
  for (std::uint32_t i = 1; i < parts.size(); ++i) {
    Vec<TensorInfo>& tensors = parts[i].tensors;
    if (tensors.size() > limits::kTensors - whole.tensors.size())
      return Error(ErrorCode::LimitExceeded)
             << "files have more than " << limits::kTensors << " tensors";
    for (TensorInfo& tensor : tensors)
      tensor.file = i;
    BITNET_TRY(whole.tensors.append(tensors.span()));
    parts[i] = {};
  }
  if (parts.size() == 1)
    return whole;
  const auto announced = whole.metadata.integer(kTensors);
  BITNET_TRY(announced);
  if (*announced != whole.tensors.size())
    return Error(ErrorCode::WrongParts) << kTensors << " is " << *announced << ", the files have "
                                        << std::uint64_t{whole.tensors.size()};
  BITNET_TRY(index_names(whole));
  return whole;
}

} // namespace bitnet
