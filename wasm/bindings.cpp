// The JavaScript face of bitnet.hpp, listed. What the names do stands in objects.h; web/src/generated/module.d.ts is
// this list as TypeScript sees it.
#include "bindings.h"

EMSCRIPTEN_BINDINGS(bitnet) {
  using namespace emscripten;
  using namespace bitnet;
  using namespace bitnet::js;
  register_type<Ids>("Int32Array");
  register_type<Floats>("Float32Array");
  register_type<ConstBytes8>("Uint8Array");

  enum_<ContextPolicy>("ContextPolicy", enum_value_type::string)
      .value("stop", ContextPolicy::kStop)
      .value("error", ContextPolicy::kError)
      .value("shift", ContextPolicy::kShift);
  enum_<Pooling>("Pooling", enum_value_type::string)
      .value("last", Pooling::kLast)
      .value("mean", Pooling::kMean);
  enum_<Step::Kind>("StepKind", enum_value_type::string)
      .value("prefill", Step::Kind::kPrefill)
      .value("token", Step::Kind::kToken)
      .value("end", Step::Kind::kEnd);

  value_object<JsStep>("Step")
      .field("kind", &JsStep::kind)
      .field("id", &JsStep::id)
      .field("text", &JsStep::text)
      .field("finish", &JsStep::finish)
      .field("prefilled", &JsStep::prefilled)
      .field("prompt", &JsStep::prompt)
      .field("logprob", &JsStep::logprob)
      .field("topIds", &JsStep::top_ids)
      .field("topLogprobs", &JsStep::top_logprobs);
  value_object<JsSelfTest>("SelfTest")
      .field("kernelCases", &JsSelfTest::kernel_cases)
      .field("tokens", &JsSelfTest::tokens)
      .field("logitsHash", &JsSelfTest::logits_hash);
  value_object<SamplerOptions>("SamplerOptions")
      .field("temperature", &SamplerOptions::temperature)
      .field("topK", &SamplerOptions::top_k)
      .field("topP", &SamplerOptions::top_p)
      .field("minP", &SamplerOptions::min_p)
      .field("repetitionPenalty", &SamplerOptions::repetition_penalty)
      .field("presencePenalty", &SamplerOptions::presence_penalty)
      .field("frequencyPenalty", &SamplerOptions::frequency_penalty)
      .field("repetitionWindow", &SamplerOptions::repetition_window)
      .field("seed", &SamplerOptions::seed);
  value_object<GenerateOptions>("GenerateOptions")
      .field("sampler", &GenerateOptions::sampler)
      .field("maxTokens", &GenerateOptions::max_tokens)
      .field("ignoreEnd", &GenerateOptions::ignore_end)
      .field("logprobs", &GenerateOptions::logprobs)
      .field("topLogprobs", &GenerateOptions::top_logprobs)
      .field("contextPolicy", &GenerateOptions::context_policy)
      .field("keep", &GenerateOptions::keep)
      .field("draft", &GenerateOptions::draft);
  bind_reply<Bytes8>("BytesReply");
  bind_reply<ConstBytes8>("PieceReply");
  bind_reply<Ids>("IdsReply");
  bind_reply<Floats>("FloatsReply");
  bind_reply<Info>("InfoReply");
  bind_reply<JsStep>("StepReply");
  bind_reply<JsSelfTest>("SelfTestReply");

  class_<Block>("Block").constructor().function("resize", &Block::resize);
  bind_loading()
      .function("info", &ModelObject::info)
      .function("tokenize", &ModelObject::tokenize)
      .function("tokenizeChat", &ModelObject::tokenize_chat)
      .function("detokenize", &ModelObject::detokenize)
      .function("sessionBytes", &ModelObject::session_bytes);
  class_<SessionObject>("Session")
      .constructor()
      .function("make", &SessionObject::make)
      .function("constrain", &SessionObject::constrain)
      .function("start", &SessionObject::start)
      .function("next", &SessionObject::next)
      .function("evaluate", &SessionObject::evaluate)
      .function("logits", &SessionObject::logits)
      .function("hashLogits", &SessionObject::hash_logits)
      .function("size", &SessionObject::size)
      .function("capacity", &SessionObject::capacity)
      .function("truncate", &SessionObject::truncate)
      .function("tokens", &SessionObject::tokens)
      .function("embed", &SessionObject::embed)
      .function("fork", &SessionObject::fork)
      .function("saveBegin", &SessionObject::save_begin)
      .function("savePiece", &SessionObject::save_piece)
      .function("restoreBegin", &SessionObject::restore_begin)
      .function("restoreWanted", &SessionObject::restore_wanted)
      .function("restoreAccept", &SessionObject::restore_accept);

  function("version", +[]() { return std::string(bitnet::version()); });
  function("selfTest", &run_self_test);
  function("generateDefaults", +[]() { return GenerateOptions{}; });
  function("hashStart", +[]() { return kHashStart; });
}
