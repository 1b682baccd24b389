// Loading: header, then weights in file order, piece by piece. One machine serves a Source that can be read at once and
// a caller whose bytes arrive when they please.
#include "api/model_data.h"
#include "base/checksum.h"
#include "gguf/limits.h"
#include "gguf/reader.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace bitnet {
namespace detail {

struct LoaderData {
  std::uint64_t file_size = 0;
  const Kernels* kernels = nullptr;
  bool float_activations = false;
  HeadType head = HeadType::kFile;
  Buffer<std::uint8_t> prefix; ///< the file's first bytes; the header's views point here
  std::size_t have = 0;        ///< bytes of it that are there
  Gguf gguf;
  std::unique_ptr<ModelData> model;
  std::optional<WeightsLoader> weights; ///< once the header is whole
  ModelLoader::Range range;
  bool failed = false;

  Status ask_for_header(std::uint64_t bytes) noexcept;
  Status accept_header() noexcept;
  Status begin_weights() noexcept;
  Status ask_for_weights() noexcept;
  Status describe() noexcept;
};

Status LoaderData::ask_for_header(std::uint64_t bytes) noexcept {
  auto grown = Buffer<std::uint8_t>::make(std::min(bytes, file_size), "header");
  BITNET_TRY(grown);
  if (have != 0)
    std::memcpy(grown->data(), prefix.data(), have);
  prefix = std::move(*grown);
  range = {have, {prefix.data() + have, prefix.size() - have}};
  return {};
}

Status LoaderData::accept_header() noexcept {
  have = prefix.size();
  auto parsed = parse_gguf({prefix.data(), have}, file_size);
  if (parsed) {
    gguf = std::move(*parsed);
    return begin_weights();
  }
  // Truncated is final once all that a header may have is there (reader.h): the file was cut, and says where.
  if (parsed.error().code() != ErrorCode::Truncated || have == file_size ||
      have >= limits::kHeaderBytes)
    return parsed.error();
  return ask_for_header(std::min<std::uint64_t>(std::uint64_t{have} * 2, limits::kHeaderBytes));
}

Status LoaderData::begin_weights() noexcept {
  model.reset(new (std::nothrow) ModelData);
  if (!model)
    return Error(ErrorCode::OutOfMemory) << "model";
  auto config = read_config(gguf);
  BITNET_TRY(config);
  auto tokenizer = Tokenizer::make(gguf.metadata);
  BITNET_TRY(tokenizer);
  if (tokenizer->size() > config->vocabulary)
    return Error(ErrorCode::Malformed)
           << "tokenizer.ggml.tokens has " << std::uint64_t{tokenizer->size()}
           << " entries, token_embd.weight " << config->vocabulary << " rows";
  model->network.config = *config;
  model->network.kernels = kernels;
  model->network.float_activations = float_activations;
  model->tokenizer = std::move(*tokenizer);
  BITNET_TRY(describe());
  auto loader =
      WeightsLoader::make(gguf, model->network.config, *kernels, model->network.weights, head);
  BITNET_TRY(loader);
  weights = std::move(*loader);
  return ask_for_weights();
}

Status LoaderData::ask_for_weights() noexcept {
  for (;;) {
    const auto piece = weights->wanted();
    if (piece.into.empty()) {
      range = {};
      return {};
    }
    // The first weights may have come along with the header: a sequential source must not be asked for them again.
    const std::size_t known =
        piece.offset < have ? static_cast<std::size_t>(
                                  std::min<std::uint64_t>(have - piece.offset, piece.into.size()))
                            : 0;
    if (known != 0)
      std::memcpy(piece.into.data(), prefix.data() + piece.offset, known);
    if (known < piece.into.size()) {
      range = {piece.offset + known, piece.into.subspan(known)};
      return {};
    }
    BITNET_TRY(weights->accept());
  }
}

/// Everything ModelInfo says that the header knows; it must not point into the header, which goes away.
Status LoaderData::describe() noexcept {
  const Config& c = model->network.config;
  const auto name = gguf.metadata.string_or("general.name", "");
  BITNET_TRY(name);
  auto copy = Buffer<char>::make(name->size(), "name");
  BITNET_TRY(copy);
  std::copy(name->begin(), name->end(), copy->begin());
  model->name = std::move(*copy);
  const auto file_template = gguf.metadata.string_or("tokenizer.chat_template", "");
  BITNET_TRY(file_template);
  model->chat = file_template->empty() ? ChatTemplate::kNone : choose_template(*file_template);

  ModelInfo& info = model->info;
  info.name = {model->name.data(), model->name.size()};
  info.architecture = c.architecture->name;
  info.isa = kernels->name;
  info.tokenizer = model->tokenizer->rules();
  info.tokenizer_guessed = model->tokenizer->guessed();
  info.chat_template = template_name(model->chat);
  info.file_bytes = file_size;
  info.layers = c.layers;
  info.hidden = c.hidden;
  info.ffn = c.ffn;
  info.heads = c.heads;
  info.kv_heads = c.kv_heads;
  info.head_dim = c.head_dim;
  info.vocabulary = c.vocabulary;
  info.context = c.context;
  info.bos = model->tokenizer->bos();
  info.eos = model->tokenizer->eos();
  return {};
}

namespace {

/// Network::fingerprint. What files say beside it (names, chat templates, how tensors are spread over files) may change.
std::uint64_t fingerprint(const ModelData& model) noexcept {
  const Config& c = model.network.config;
  Checksum sum;
  const auto add = [&sum](const auto&... values) {
    (sum.add({reinterpret_cast<const std::uint8_t*>(&values), sizeof values}), ...);
  };
  const auto add_text = [&](std::string_view text) {
    add(std::uint64_t{text.size()});
    sum.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  add(model.network.weights.checksum, model.network.float_activations, c.gate, c.layers, c.hidden,
      c.ffn, c.heads, c.kv_heads, c.head_dim, c.rope_dim, c.vocabulary, c.norm_epsilon,
      c.rope_theta, c.rope_position_scale);
  add_text(c.architecture->name);
  for (std::size_t id = 0; id < model.tokenizer->size(); ++id)
    add_text(model.tokenizer->raw(static_cast<TokenId>(id)));
  return sum.value();
}

} // namespace
} // namespace detail

ModelLoader::ModelLoader(std::unique_ptr<detail::LoaderData> data) noexcept
    : data_(std::move(data)) {}
ModelLoader::ModelLoader(ModelLoader&&) noexcept = default;
ModelLoader& ModelLoader::operator=(ModelLoader&&) noexcept = default;
ModelLoader::~ModelLoader() = default;

Result<ModelLoader> ModelLoader::begin(std::uint64_t file_size,
                                       const LoadOptions& options) noexcept {
  if (file_size == 0)
    return Error(ErrorCode::NotGguf) << "the file is empty";
  std::unique_ptr<detail::LoaderData> data(new (std::nothrow) detail::LoaderData);
  if (!data)
    return Error(ErrorCode::OutOfMemory) << "loader";
  data->file_size = file_size;
  data->float_activations = options.float_activations;
  if (options.head > HeadType::kInt4)
    return Error(ErrorCode::InvalidArgument) << "head";
  data->head = options.head;
  data->kernels = find_kernels(options.isa);
  if (data->kernels == nullptr)
    return Error(ErrorCode::UnknownIsa) << options.isa;
  BITNET_TRY(data->ask_for_header(limits::kFirstHeaderBytes));
  return ModelLoader(std::move(data));
}

ModelLoader::Range ModelLoader::wanted() const noexcept {
  return data_->failed ? Range{} : data_->range;
}

Status ModelLoader::accept() noexcept {
  if (data_->failed || data_->range.into.empty())
    return Error(ErrorCode::InvalidState) << "the loader wants no bytes";
  const auto step = [this]() -> Status {
    if (!data_->weights)
      return data_->accept_header();
    BITNET_TRY(data_->weights->accept());
    return data_->ask_for_weights();
  };
  const Status accepted = step();
  data_->failed = !accepted;
  return accepted;
}

Result<Model> ModelLoader::finish() noexcept {
  if (data_->failed || !data_->weights || !data_->range.into.empty() || !data_->model)
    return Error(ErrorCode::InvalidState) << "the model is not whole";
  const Weights& weights = data_->model->network.weights;
  ModelInfo& info = data_->model->info;
  info.weight_type =
      weights.ternary_parameters == 0 ? "none" : dtype_info(weights.ternary_type).name;
  info.parameters = weights.parameters;
  info.ternary_parameters = weights.ternary_parameters;
  info.weight_bytes = weights.bytes;
  data_->model->network.fingerprint = detail::fingerprint(*data_->model);
  data_->weights.reset();
  data_->failed = true; // nothing more to give
  return Model(data_->model.release());
}

std::optional<HeadType> head_type(std::string_view name) noexcept {
  constexpr std::string_view kNames[] = {"file", "int8", "int4"};
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name)
      return static_cast<HeadType>(i);
  return std::nullopt;
}

Result<Model> Model::load(Source& source, const LoadOptions& options) noexcept {
  auto loader = ModelLoader::begin(source.size(), options);
  BITNET_TRY(loader);
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted()) {
    BITNET_TRY(source.read(range.offset, range.into));
    BITNET_TRY(loader->accept());
  }
  return loader->finish();
}

} // namespace bitnet
