// What a ModelLoader handle points to: the files' headers, then the weights that come in.
#pragma once

#include "api/model_data.h"
#include "gguf/parts.h"

#include <memory>

namespace bitnet::detail {

/// One of the model's files.
struct Part {
  std::uint64_t size = 0;
  Buffer<std::uint8_t> prefix; ///< the file's first bytes; the header's views point here
  std::size_t have = 0;        ///< bytes of it that are there
};

struct LoaderData {
  LoadOptions options; ///< its isa is not kept
  bool only_estimate = false;
  const Kernels* kernels = nullptr;
  std::unique_ptr<Part[]> parts;
  std::unique_ptr<Gguf[]> headers; ///< of each part, until they are joined in `gguf`
  std::uint32_t count = 0;
  std::uint32_t reading = 0; ///< part whose header comes in
  std::uint64_t file_bytes = 0;
  std::uint64_t header_bytes = 0; ///< of the parts before
  Gguf gguf;
  std::unique_ptr<ModelData> model;
  std::optional<WeightsLoader> weights; ///< once the header is whole
  ModelLoader::Range range;
  bool failed = false;

  Status ask_for_header(std::uint64_t bytes) noexcept;
  Status accept_header() noexcept;
  Status begin_weights() noexcept;
  Status ask_for_weights() noexcept;
  Status describe() noexcept;
  Result<Estimate> estimate(const SessionOptions& session) const noexcept;
  Status check_limit() const noexcept;
};

} // namespace bitnet::detail
