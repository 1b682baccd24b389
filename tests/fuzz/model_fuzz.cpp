// Any bytes as a model: load, tokenize, evaluate a prompt, generate a token; through the public API only. Whatever
// happens must be an error value or an answer, the same whether the bytes came at once or range by range.
#include "bitnet/bitnet.hpp"
#include "fuzz/mutate.h"

using namespace bitnet;

namespace {

void require(bool promise) {
  if (!promise)
    __builtin_trap();
}

/// Model::load by way of ModelLoader.
Result<Model> load_by_ranges(Bytes file, const LoadOptions& options) {
  auto loader = ModelLoader::begin(file.size(), options);
  BITNET_TRY(loader);
  for (std::uint64_t before = 0;;) {
    const ModelLoader::Range range = loader->wanted();
    if (range.into.empty())
      return loader->finish();
    require(range.offset >= before && range.offset <= file.size() &&
            range.into.size() <= file.size() - range.offset);
    before = range.offset;
    std::memcpy(range.into.data(), file.data() + range.offset, range.into.size());
    BITNET_TRY(loader->accept());
  }
}

/// A model that loads is what its header announced, and loads from two files too. Each of these, changed, is an error or a
/// model.
void load_otherwise(Bytes file, const LoadOptions& options, const Model* model) {
  const std::uint64_t size = file.size();
  auto estimator = ModelLoader::begin_estimate({&size, 1}, options);
  while (estimator) {
    const ModelLoader::Range range = estimator->wanted();
    if (range.into.empty())
      break;
    std::memcpy(range.into.data(), file.data() + range.offset, range.into.size());
    if (!estimator->accept())
      break;
  }
  if (model != nullptr) {
    const auto estimate = estimator->estimate({});
    require(estimate && estimate->weight_bytes <= model->info().weight_bytes &&
            model->info().weight_bytes <= estimate->weight_bytes_most);
  }
  const auto whole = test::take_apart(file);
  if (!whole)
    return;
  auto parts = test::split_model(*whole, 2, file.size() % 2 == 0);
  const auto load = [&] {
    const auto files = test::build_all(parts);
    MemorySource first(files[0]), second(files[1]);
    Source* const sources[] = {&first, &second};
    return Model::load(sources, options);
  };
  if (model != nullptr)
    require(static_cast<bool>(load()));
  test::Mutator mutator(file.size() + file.back());
  for (auto& part : parts)
    mutator.change(part);
  if (const auto changed = load())
    require(changed->info().vocabulary != 0);
}

/// A prompt and two tokens.
Status run(const Model& model) {
  Serial serial;
  SessionOptions options;
  options.context = 24;
  options.batch = 4;
  auto session = Session::make(model, options, serial);
  BITNET_TRY(session);
  Vec<TokenId> prompt;
  BITNET_TRY(model.tokenize("Hello the world \xff\xc3\xa9<|eot_id|>", true, prompt));
  prompt.truncate(12);
  const ChatMessage messages[] = {{"user", "hi"}};
  Vec<TokenId> chat;
  (void)model.tokenize_chat(messages, true, chat);
  Text text;
  BITNET_TRY(model.detokenize(chat.span(), true, text));
  GenerateOptions generate;
  generate.max_tokens = 2;
  generate.ignore_end = true;
  BITNET_TRY(session->start(prompt.span(), generate));
  for (;;) {
    const auto step = session->next();
    BITNET_TRY(step);
    if (step->kind == Step::Kind::kEnd)
      return {};
    if (step->kind == Step::Kind::kToken)
      require(step->id >= 0 && static_cast<std::uint32_t>(step->id) < model.info().vocabulary);
  }
}

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return test::mutate(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file(data, size);
  MemorySource source(file);
  const LoadOptions options{.isa = {}, .head = static_cast<HeadType>(size % 3)}; // any of them
  const auto model = Model::load(source, options);
  const auto same = load_by_ranges(file, options);
  require(static_cast<bool>(model) == static_cast<bool>(same));
  if (!file.empty())
    load_otherwise(file, options, model ? &*model : nullptr);
  if (!model) {
    require(model.error().code() == same.error().code() && model.error().code() != ErrorCode::Ok);
    return 0;
  }
  (void)run(*model);
  return 0;
}
