// What a Model handle points to: immutable after loading, counted, freed with its last handle.
#pragma once

#include "bitnet/bitnet.hpp"
#include "model/forward.h"
#include "text/chat.h"
#include "text/tokenizer.h"

#include <atomic>
#include <optional>

namespace bitnet::detail {

struct ModelData {
  std::atomic<std::uint32_t> handles{1};
  Network network;
  std::optional<Tokenizer> tokenizer;
  ChatTemplate chat = ChatTemplate::kNone;
  Buffer<char> name;
  ModelInfo info;
};

} // namespace bitnet::detail
