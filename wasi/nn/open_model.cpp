// Models::Open over files; a part of its own, so that a host without files does not carry them.
#include "nn/host.h"
#include "platform/file.h"

namespace bitnet::nn {

Result<Model> open_model(std::string_view path, const LoadOptions& options) noexcept {
  const auto source = open_file(std::string(path));
  BITNET_TRY(source);
  return Model::load(**source, options);
}

} // namespace bitnet::nn
