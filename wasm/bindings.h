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
  value_object<Wanted>("Wanted").field("offset", &Wanted::offset).field("into", &Wanted::into);
  enum_<HeadType>("HeadType", enum_value_type::string)
      .value("file", HeadType::kFile)
      .value("int8", HeadType::kInt8)
      .value("int4", HeadType::kInt4);
  class_<LoaderObject>("Loader")
      .constructor()
      .function("begin", &LoaderObject::begin)
      .function("wanted", &LoaderObject::wanted)
      .function("accept", &LoaderObject::accept)
      .function("finish", &LoaderObject::finish);
  class_<Sha256Object>("Sha256")
      .constructor()
      .function("input", &Sha256Object::input)
      .function("update", &Sha256Object::update)
      .function("digest", &Sha256Object::digest);
  function("availableIsas", &isas);
  function("startThreads", &start_threads);
  function("checkKernels", &run_check_kernels);
  function(
      "memoryBytes", +[]() { return static_cast<double>(__builtin_wasm_memory_size(0)) * 65536; });
  return class_<ModelObject>("Model").constructor();
}

} // namespace bitnet::js
