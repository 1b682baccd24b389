// What both modules list: threads, kernels, and a model from its bytes.
#pragma once

#include "objects.h"

namespace bitnet::js {

template <class T> void bind_reply(const char* name) {
  emscripten::value_object<Reply<T>>(name)
      .field("code", &Reply<T>::code)
      .field("detail", &Reply<T>::detail)
      .field("value", &Reply<T>::value);
}

/// Returns the model's class, to which more may be added.
inline emscripten::class_<ModelObject> bind_loading() {
  using namespace emscripten;
  register_type<Bytes8>("Uint8Array");
  value_object<Outcome>("Outcome").field("code", &Outcome::code).field("detail", &Outcome::detail);
  bind_reply<double>("NumberReply");
  value_object<Wanted>("Wanted")
      .field("offset", &Wanted::offset)
      .field("into", &Wanted::into)
      .field("file", &Wanted::file);
  enum_<KvType>("KvType", enum_value_type::string)
      .value("f32", KvType::kF32)
      .value("f16", KvType::kF16);
  value_object<SessionOptions>("SessionOptions")
      .field("context", &SessionOptions::context)
      .field("kvType", &SessionOptions::kv_type)
      .field("batch", &SessionOptions::batch);
  value_object<Info>("Info")
      .field("name", &Info::name)
      .field("architecture", &Info::architecture)
      .field("isa", &Info::isa)
      .field("tokenizer", &Info::tokenizer)
      .field("tokenizerGuessed", &Info::tokenizer_guessed)
      .field("chatTemplate", &Info::chat_template)
      .field("weightType", &Info::weight_type)
      .field("parameters", &Info::parameters)
      .field("ternaryParameters", &Info::ternary_parameters)
      .field("fileBytes", &Info::file_bytes)
      .field("weightBytes", &Info::weight_bytes)
      .field("layers", &Info::layers)
      .field("hidden", &Info::hidden)
      .field("ffn", &Info::ffn)
      .field("heads", &Info::heads)
      .field("kvHeads", &Info::kv_heads)
      .field("headDim", &Info::head_dim)
      .field("vocabulary", &Info::vocabulary)
      .field("context", &Info::context)
      .field("bos", &Info::bos)
      .field("eos", &Info::eos);
  value_object<JsEstimate>("Estimate")
      .field("model", &JsEstimate::model)
      .field("weightBytes", &JsEstimate::weight_bytes)
      .field("weightBytesMost", &JsEstimate::weight_bytes_most)
      .field("sessionBytes", &JsEstimate::session_bytes)
      .field("peakBytes", &JsEstimate::peak_bytes);
  bind_reply<JsEstimate>("EstimateReply");
  enum_<HeadType>("HeadType", enum_value_type::string)
      .value("file", HeadType::kFile)
      .value("int8", HeadType::kInt8)
      .value("int4", HeadType::kInt4);
  class_<LoaderObject>("Loader")
      .constructor()
      .function("addFile", &LoaderObject::add_file)
      .function("begin", &LoaderObject::begin)
      .function("beginEstimate", &LoaderObject::begin_estimate)
      .function("wanted", &LoaderObject::wanted)
      .function("accept", &LoaderObject::accept)
      .function("estimate", &LoaderObject::estimate)
      .function("finish", &LoaderObject::finish);
  class_<Sha256Object>("Sha256")
      .constructor()
      .function("input", &Sha256Object::input)
      .function("update", &Sha256Object::update)
      .function("digest", &Sha256Object::digest);
  function("availableIsas", &isas);
  function("sessionDefaults", +[]() { return SessionOptions{}; });
  function("startThreads", &start_threads);
  function("checkKernels", &run_check_kernels);
  function(
      "memoryBytes", +[]() { return static_cast<double>(__builtin_wasm_memory_size(0)) * 65536; });
  return class_<ModelObject>("Model").constructor();
}

} // namespace bitnet::js
