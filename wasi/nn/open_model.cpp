// Models::Open over files; a part of its own, so that a host without files does not carry them.
#include "nn/host.h"
#include "platform/file.h"

namespace bitnet::nn {

Result<Model> open_model(std::string_view path, const LoadOptions& options) noexcept {
  const auto files = ModelFiles::open(std::string(path));
  BITNET_TRY(files);
  return Model::load(files->sources(), options);
}

} // namespace bitnet::nn
