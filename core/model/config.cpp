// See config.h. Sources: formats.md 1 (models) and 2 (forward passes).
#include "model/config.h"

#include "base/name.h"
#include "gguf/limits.h"

namespace bitnet {
namespace {

constexpr Architecture kArchitectures[] = {
    {.name = "bitnet-b1.58", .sub_norms = true, .gate = Gate::kRelu2, .neox_pairs = true},
    {.name = "bitnet-25", .sub_norms = true, .gate = Gate::kRelu2, .neox_pairs = true},
    {.name = "bitnet", .sub_norms = true, .gate = Gate::kSilu, .neox_pairs = true},
    {.name = "llama", .sub_norms = false, .gate = Gate::kSilu, .neox_pairs = false},
};

Status in_range(std::string_view key, std::uint64_t value, std::uint64_t least,
                std::uint64_t most) noexcept {
  if (value >= least && value <= most)
    return {};
  return Error(ErrorCode::LimitExceeded)
         << key << " is " << value << ", must be " << least << " to " << most;
}

class ConfigReader {
public:
  explicit ConfigReader(const Metadata& metadata) noexcept : metadata_(metadata) {}

  Result<Config> read(const TensorInfo& embedding) noexcept {
    const auto name = metadata_.string("general.architecture");
    BITNET_TRY(name);
    for (const Architecture& candidate : kArchitectures)
      if (candidate.name == *name)
        config_.architecture = &candidate;
    if (config_.architecture == nullptr)
      return Error(ErrorCode::UnsupportedArchitecture) << *name;

    BITNET_TRY(count("block_count", 1, limits::kLayers, config_.layers));
    BITNET_TRY(count("embedding_length", 1, limits::kWidth, config_.hidden));
    BITNET_TRY(count("feed_forward_length", 1, limits::kWidth, config_.ffn));
    BITNET_TRY(count("attention.head_count", 1, limits::kHeads, config_.heads));
    BITNET_TRY(count("attention.head_count_kv", 1, config_.heads, config_.kv_heads, config_.heads));
    BITNET_TRY(count("context_length", 1, UINT32_MAX, config_.context));
    config_.context = config_.context < limits::kContext ? config_.context : limits::kContext;
    if (config_.heads % config_.kv_heads != 0)
      return Error(ErrorCode::Malformed)
             << "attention.head_count " << config_.heads << " is not a multiple of head_count_kv "
             << config_.kv_heads;
    BITNET_TRY(head_width());
    BITNET_TRY(positive("attention.layer_norm_rms_epsilon", epsilon_));
    BITNET_TRY(positive("rope.freq_base", config_.rope_theta, 10000.0));
    if (config_.rope_theta <
        1.0) // frequencies would grow without bound, and their angles become infinite
      return Error(ErrorCode::LimitExceeded) << "rope.freq_base must be at least 1";
    config_.norm_epsilon = static_cast<float>(epsilon_);
    BITNET_TRY(rope_scaling());
    BITNET_TRY(gate());

    if (embedding.columns() != config_.hidden)
      return Error(ErrorCode::WrongShape) << "token_embd.weight has rows of " << embedding.columns()
                                          << " weights, embedding_length is " << config_.hidden;
    BITNET_TRY(in_range("rows of token_embd.weight", embedding.rows(), 1, limits::kVocabulary));
    config_.vocabulary = static_cast<std::uint32_t>(embedding.rows());
    return config_;
  }

private:
  /// "<architecture>.<suffix>"
  Name key(std::string_view suffix) const noexcept {
    return Name() << config_.architecture->name << "." << suffix;
  }

  Status count(std::string_view suffix, std::uint64_t least, std::uint64_t most, std::uint32_t& out,
               std::uint64_t fallback = 0) noexcept {
    const Name name = key(suffix);
    const auto value =
        fallback == 0 ? metadata_.integer(name) : metadata_.integer_or(name, fallback);
    BITNET_TRY(value);
    BITNET_TRY(in_range(name, *value, least, most));
    out = static_cast<std::uint32_t>(*value);
    return {};
  }

  Status positive(std::string_view suffix, double& out, double fallback = 0.0) noexcept {
    const Name name = key(suffix);
    const auto value =
        fallback == 0.0 ? metadata_.number(name) : metadata_.number_or(name, fallback);
    BITNET_TRY(value);
    if (!(*value >= 1e-20 && *value <= 1e20))
      return Error(ErrorCode::LimitExceeded)
             << std::string_view(name) << " must be a positive number";
    out = *value;
    return {};
  }

  Status head_width() noexcept {
    const std::uint32_t even_share = config_.hidden / config_.heads;
    BITNET_TRY(count("attention.key_length", 1, limits::kHeadDim, config_.head_dim,
                     even_share == 0 ? 1 : even_share));
    std::uint32_t values = 0;
    BITNET_TRY(count("attention.value_length", 1, limits::kHeadDim, values, config_.head_dim));
    if (values != config_.head_dim)
      return Error(ErrorCode::UnsupportedArchitecture)
             << "attention.value_length differs from key_length";
    BITNET_TRY(in_range("heads x head width", std::uint64_t{config_.heads} * config_.head_dim, 1,
                        limits::kWidth));
    BITNET_TRY(
        count("rope.dimension_count", 2, config_.head_dim, config_.rope_dim, config_.head_dim));
    if (config_.rope_dim % 2 != 0)
      return Error(ErrorCode::Malformed)
             << "rope.dimension_count " << config_.rope_dim << " is odd";
    return {};
  }

  Status rope_scaling() noexcept {
    const auto type = metadata_.string_or(key("rope.scaling.type"), "none");
    BITNET_TRY(type);
    if (*type == "none")
      return {};
    if (*type != "linear")
      return Error(ErrorCode::UnsupportedArchitecture) << "rope.scaling.type " << *type;
    double factor = 1.0;
    BITNET_TRY(positive("rope.scaling.factor", factor));
    config_.rope_position_scale = static_cast<float>(1.0 / factor);
    return {};
  }

  Status gate() noexcept {
    config_.gate = config_.architecture->gate;
    const auto name = metadata_.string_or(key("hidden_act"), "");
    BITNET_TRY(name);
    if (*name == "relu2")
      config_.gate = Gate::kRelu2;
    else if (*name == "silu")
      config_.gate = Gate::kSilu;
    else if (!name->empty())
      return Error(ErrorCode::UnsupportedArchitecture) << "hidden_act " << *name;
    return {};
  }

  const Metadata& metadata_;
  Config config_;
  double epsilon_ = 0.0;
};

} // namespace

Result<Config> read_config(const Gguf& gguf) noexcept {
  const TensorInfo* embedding = gguf.find("token_embd.weight");
  // A file of another kind says so by its architecture; ask that first, for the more helpful error.
  static constexpr TensorInfo kNone{};
  auto config = ConfigReader(gguf.metadata).read(embedding != nullptr ? *embedding : kNone);
  if (!config && config.error().code() != ErrorCode::WrongShape)
    return config.error();
  if (embedding == nullptr)
    return Error(ErrorCode::MissingTensor) << "token_embd.weight";
  return config;
}

} // namespace bitnet
