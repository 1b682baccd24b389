// What Models holds; for the host alone.
#pragma once

#include "nn/host.h"
#include "nn/limits.h"

#include <optional>

namespace bitnet::nn {

struct Models::Entry {
  Text name;
  Text path; ///< empty: the model was handed in
  bool bitnet = false;
  std::mutex mutex; ///< guards `model`
  std::optional<Model> model;
  Entry* next = nullptr;
};

} // namespace bitnet::nn
