// The WASI-NN host as a module of its own (a page that runs a model has no use for it), listed. What the names do stands
// in nn_objects.h; web/src/generated/nn-module.d.ts is this list as TypeScript sees it.
#include "bindings.h"
#include "nn_objects.h"

EMSCRIPTEN_BINDINGS(bitnet_nn) {
  using namespace emscripten;
  using namespace bitnet;
  using namespace bitnet::js;
  bind_loading();
  enum_<nn::OutputRule>("OutputRule", enum_value_type::string)
      .value("probe", nn::OutputRule::kProbe)
      .value("clamp", nn::OutputRule::kClamp)
      .value("llamaedge", nn::OutputRule::kLlamaEdge);
  class_<Models>("Models")
      .constructor()
      .function("add", &Models::add)
      .function("addMissing", &Models::add_missing);
  class_<Guest>("Guest")
      .constructor<const Models&, nn::OutputRule, double, const val&>()
      .function("call", &Guest::call)
      .function("cancel", &Guest::cancel);
  function("functions", &functions);
}
