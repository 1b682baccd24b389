// A guest's options: metadata JSON in, Options out. Keys are those of WasmEdge's GGML and BitNet backends (without what
// only says how llama.cpp is to compute), and four of our own. Unknown keys are passed over, as guests expect.
#pragma once

#include "bitnet/bitnet.hpp"
#include "nn/abi.h"
#include "nn/limits.h"

#include <string>

namespace bitnet::nn {

struct Options {
  std::uint32_t context = 0;  ///< "ctx-size"; 0: the default of limits.h
  std::int64_t predict = -1;  ///< "n-predict": tokens at most; negative: no limit
  SamplerOptions sampler;     ///< "temp", "top-k", "top-p", "min-p", the penalties, "seed"
  bool random_seed = false;   ///< "seed": -1
  bool ignore_eos = false;    ///< "ignore-eos"
  bool stream_stdout = false; ///< "stream-stdout": the text also goes to the host's print()
  bool enable_log = false;    ///< "enable-log": speed after each computation, to the host's log()
  bool embedding = false;     ///< "embedding": output 0 is a vector, not a text
  bool normalize = true;      ///< "embd-normalize": 2, or -1 for as it is
  Pooling pooling = Pooling::kLast; ///< ours, "pooling": "last" or "mean"
  bool parse_special =
      true; ///< ours, "parse-special": control tokens spelled in the prompt become them
  bool messages = false;    ///< ours, "messages": input 0 is [{"role": ..., "content": ...}, ...]
  bool logits_hash = false; ///< ours, "logits-hash": output 1 has "logits_hash"
  std::uint32_t stop_bytes = 0; ///< "reverse-prompt"
  char stop[limits::kReversePromptBytes] = {};
  std::string grammar;     ///< "grammar": GBNF that the text must fit
  std::string json_schema; ///< "json-schema" or "json_schema": a schema, as text

  std::string_view reverse_prompt() const noexcept { return {stop, stop_bytes}; }
};

/// What is wrong with a JSON, for the errno and the log.
struct JsonError {
  Errno code = Errno::kSuccess;
  Error error = Error(ErrorCode::Ok);
};

/// Changes what the JSON names; on an error nothing. InvalidEncoding: not a JSON object. InvalidArgument: a known key
/// with a value of the wrong type or out of range. UnsupportedOperation: something asked for that is not there (an
/// image).
JsonError parse_options(std::string_view json, Options& options) noexcept;

/// A JSON array of objects with the strings "role" and "content"; other keys are passed over.
struct Messages {
  Text text; ///< what the views of `list` point into
  Vec<ChatMessage> list;
};
JsonError parse_messages(std::string_view json, Messages& messages) noexcept;

} // namespace bitnet::nn
