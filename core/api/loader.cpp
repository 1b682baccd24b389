// Loading: header, then weights in file order, piece by piece. One machine serves a Source that can be read at once and
// a caller whose bytes arrive when they please.
#include "api/loader_data.h"
#include "base/checked.h"
#include "base/checksum.h"
#include "gguf/limits.h"
#include "gguf/parts.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace bitnet {
namespace {

/// The same error with the file's number, where there are several.
Error in_file(std::uint32_t file, std::size_t count, const Error& error) noexcept {
  if (count == 1)
    return error;
  return Error(error.code()) << "file " << file + 1 << " of " << std::uint64_t{count} << ": "
                             << error.detail();
}

Status check_count(std::size_t files) noexcept {
  if (files == 0 || files > limits::kFiles)
    return Error(ErrorCode::InvalidArgument)
           << std::uint64_t{files} << " files, must be 1 to " << limits::kFiles;
  return {};
}

} // namespace

namespace detail {

Status LoaderData::ask_for_header(std::uint64_t bytes) noexcept {
  Part& part = parts[reading];
  const std::uint64_t left = limits::kHeaderBytes - header_bytes;
  if (part.have >= left)
    return Error(ErrorCode::LimitExceeded)
           << "the files' headers are longer than " << limits::kHeaderBytes << " bytes together";
  auto grown = Buffer<std::uint8_t>::make(std::min({bytes, left, part.size}), "header");
  BITNET_TRY(grown);
  if (part.have != 0)
    std::memcpy(grown->data(), part.prefix.data(), part.have);
  part.prefix = std::move(*grown);
  range = {part.have, {part.prefix.data() + part.have, part.prefix.size() - part.have}, reading};
  return {};
}

Status LoaderData::accept_header() noexcept {
  Part& part = parts[reading];
  part.have = part.prefix.size();
  auto parsed = parse_gguf({part.prefix.data(), part.have}, part.size);
  if (!parsed) {
    // Truncated is final once all that a header may have is there (reader.h): the file was cut, and says where.
    if (parsed.error().code() != ErrorCode::Truncated || part.have == part.size ||
        part.have >= limits::kHeaderBytes)
      return parsed.error();
    return ask_for_header(std::uint64_t{part.have} * 2);
  }
  headers[reading] = std::move(*parsed);
  BITNET_TRY(check_part(headers[reading], headers[0], reading, count));
  header_bytes += part.have;
  if (++reading == count)
    return {};
  return ask_for_header(limits::kFirstHeaderBytes);
}

Status LoaderData::begin_weights() noexcept {
  auto joined = join_parts({headers.get(), count});
  BITNET_TRY(joined);
  gguf = std::move(*joined);
  headers.reset();
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
  model->network.float_activations = options.float_activations;
  model->tokenizer = std::move(*tokenizer);
  auto loader = WeightsLoader::make(gguf, model->network.config, *kernels, model->network.weights,
                                    options.head);
  BITNET_TRY(loader);
  weights = std::move(*loader);
  BITNET_TRY(describe());
  range = {};
  if (only_estimate)
    return {};
  BITNET_TRY(check_limit());
  BITNET_TRY(weights->begin());
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
    const Part& part = parts[piece.file];
    const std::size_t known = piece.offset < part.have
                                  ? static_cast<std::size_t>(std::min<std::uint64_t>(
                                        part.have - piece.offset, piece.into.size()))
                                  : 0;
    if (known != 0)
      std::memcpy(piece.into.data(), part.prefix.data() + piece.offset, known);
    if (known < piece.into.size()) {
      range = {piece.offset + known, piece.into.subspan(known), piece.file};
      return {};
    }
    if (const Status accepted = weights->accept(); !accepted)
      return in_file(piece.file, count, accepted.error());
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
  const Weights& planned = model->network.weights;
  info.weight_type =
      planned.ternary_parameters == 0 ? "none" : dtype_info(planned.ternary_type).name;
  info.parameters = planned.parameters;
  info.ternary_parameters = planned.ternary_parameters;
  info.file_bytes = file_bytes;
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
  return begin(std::span(&file_size, 1), options);
}

Result<ModelLoader> ModelLoader::begin_estimate(std::span<const std::uint64_t> file_sizes,
                                                const LoadOptions& options) noexcept {
  auto loader = begin(file_sizes, options);
  if (loader)
    loader->data_->only_estimate = true;
  return loader;
}

Result<ModelLoader> ModelLoader::begin(std::span<const std::uint64_t> file_sizes,
                                       const LoadOptions& options) noexcept {
  BITNET_TRY(check_count(file_sizes.size()));
  std::unique_ptr<detail::LoaderData> data(new (std::nothrow) detail::LoaderData);
  if (!data)
    return Error(ErrorCode::OutOfMemory) << "loader";
  data->count = static_cast<std::uint32_t>(file_sizes.size());
  data->parts.reset(new (std::nothrow) detail::Part[data->count]);
  data->headers.reset(new (std::nothrow) Gguf[data->count]);
  if (!data->parts || !data->headers)
    return Error(ErrorCode::OutOfMemory) << "loader";
  for (std::uint32_t i = 0; i < data->count; ++i) {
    const auto sum = checked_add(data->file_bytes, file_sizes[i]);
    if (file_sizes[i] == 0)
      return in_file(i, data->count, Error(ErrorCode::NotGguf) << "the file is empty");
    if (!sum)
      return Error(ErrorCode::InvalidArgument) << "file sizes";
    data->parts[i].size = file_sizes[i];
    data->file_bytes = *sum;
  }
  data->options = options;
  data->options.isa = {};
  if (options.head > HeadType::kInt4)
    return Error(ErrorCode::InvalidArgument) << "head";
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
  const auto step = [](detail::LoaderData& data) -> Status {
    const bool header = !data.weights;
    const std::uint32_t file = data.range.file;
    if (const Status taken = header ? data.accept_header() : data.weights->accept(); !taken)
      return in_file(file, data.count, taken.error());
    if (header)
      return data.reading < data.count ? Status() : data.begin_weights();
    return data.ask_for_weights();
  };
  const Status accepted = step(*data_);
  data_->failed = !accepted;
  return accepted;
}

Result<Estimate> ModelLoader::estimate(const SessionOptions& session) const noexcept {
  if (data_->failed || !data_->weights)
    return Error(ErrorCode::InvalidState) << "the header is not known";
  return data_->estimate(session);
}

Result<Model> ModelLoader::finish() noexcept {
  if (data_->failed || data_->only_estimate || !data_->weights || !data_->range.into.empty() ||
      !data_->model)
    return Error(ErrorCode::InvalidState) << "the model is not whole";
  const Weights& weights = data_->model->network.weights;
  ModelInfo& info = data_->model->info;
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
  Source* const files[] = {&source};
  return load(files, options);
}

Result<Model> Model::load(std::span<Source* const> files, const LoadOptions& options) noexcept {
  BITNET_TRY(check_count(files.size()));
  std::array<std::uint64_t, limits::kFiles> sizes{};
  for (std::size_t i = 0; i < files.size(); ++i)
    sizes[i] = files[i]->size();
  auto loader = ModelLoader::begin({sizes.data(), files.size()}, options);
  BITNET_TRY(loader);
  for (auto range = loader->wanted(); !range.into.empty(); range = loader->wanted()) {
    if (const Status read = files[range.file]->read(range.offset, range.into); !read)
      return in_file(range.file, files.size(), read.error());
    BITNET_TRY(loader->accept());
  }
  return loader->finish();
}

} // namespace bitnet
