// A model in several files, as llama.cpp's gguf-split writes them: each is a GGUF file with tensors of its own; the first
// has the metadata, and all say which part of how many they are (split.no, counted from 0, and split.count) and how many
// tensors the parts have together (split.tensors.count).
#pragma once

#include "gguf/reader.h"

namespace bitnet {

/// Is `part` the file at `index` of `count`, and of the same model as `first`, as far as it says anything? WrongParts
/// otherwise. A model in one file need not say anything.
Status check_part(const Gguf& part, const Gguf& first, std::uint32_t index,
                  std::uint32_t count) noexcept;

/// One header of all parts, which have been checked one by one: the first's metadata, everybody's tensors. `parts` keep
/// nothing; the bytes that they were parsed from must live on. WrongParts when a part's tensors are missing or too many,
/// Malformed when two have one name, LimitExceeded.
Result<Gguf> join_parts(std::span<Gguf> parts) noexcept;

} // namespace bitnet
