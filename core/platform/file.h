// A Source over a file, read in pieces: a mapped file that shrinks would end the program with a signal.
#pragma once

#include "bitnet/types.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bitnet {

/// NotFound when the path names nothing readable, Io otherwise; the path stands in the error. Refuses directories.
Result<std::unique_ptr<Source>> open_file(const std::string& path) noexcept;

/// The names of all files of the model that `path` is a file of: where it ends in -00002-of-00003.gguf, as gguf-split
/// names its parts, the three of them in order; otherwise itself.
std::vector<std::string> model_files(const std::string& path);

/// All of them, open.
class ModelFiles {
public:
  static Result<ModelFiles> open(const std::string& path) noexcept;
  std::span<Source* const> sources() const noexcept { return pointers_; }

private:
  std::vector<std::unique_ptr<Source>> files_;
  std::vector<Source*> pointers_;
};

} // namespace bitnet
