// The forward pass of formats.md 2.1 to 2.4 once more: in double, one token after the other, every matrix a list of
// numbers, no kernel, no packing, no batch. What the core's is judged by; shares only the tensor decoder with it.
#pragma once

#include "gguf/reader.h"
#include "tensor/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace bitnet::test {

class Reference {
public:
  using Vector = std::vector<double>;

  /// `int8`: ternary layers take quantised activations (formats.md 2.2), otherwise plain ones.
  Reference(const Gguf& gguf, Bytes file, bool int8) : gguf_(gguf), file_(file), int8_(int8) {
    const auto name = gguf.metadata.string("general.architecture");
    arch_ = name ? std::string(*name) : std::string();
    layers_ = number("block_count");
    heads_ = number("attention.head_count");
    kv_heads_ = number("attention.head_count_kv", heads_);
    head_dim_ = number("attention.key_length", number("embedding_length") / heads_);
    rope_dim_ = number("rope.dimension_count", head_dim_);
    epsilon_ = static_cast<double>(static_cast<float>(real("attention.layer_norm_rms_epsilon", 0)));
    theta_ = real("rope.freq_base", 10000);
    stretch_ = real("rope.scaling.factor", 1);
    keys_.resize(layers_);
    values_.resize(layers_);
  }

  /// The logits after one more token.
  Vector step(TokenId id) {
    const Matrix embedding = matrix("token_embd.weight");
    const auto first = embedding.w.begin() + id * static_cast<std::ptrdiff_t>(embedding.columns);
    Vector h(first, first + static_cast<std::ptrdiff_t>(embedding.columns));
    const bool sub_norms = arch_ != "llama";
    for (std::size_t l = 0; l < layers_; ++l) {
      const std::string blk = "blk." + std::to_string(l) + '.';
      Vector x = norm(h, blk + "attn_norm");
      Vector q = linear(x, blk + "attn_q"), k = linear(x, blk + "attn_k"),
             v = linear(x, blk + "attn_v");
      rotate(q, heads_);
      rotate(k, kv_heads_);
      keys_[l].push_back(k);
      values_[l].push_back(v);
      Vector o = attend(q, keys_[l], values_[l]);
      if (sub_norms)
        o = norm(o, blk + "attn_sub_norm");
      add(h, linear(o, blk + "attn_output"));

      x = norm(h, blk + "ffn_norm");
      Vector u = linear(x, blk + "ffn_gate");
      const Vector up = linear(x, blk + "ffn_up");
      for (std::size_t i = 0; i < u.size(); ++i)
        u[i] = act(u[i]) * up[i];
      if (sub_norms)
        u = norm(u, blk + "ffn_sub_norm");
      add(h, linear(u, blk + "ffn_down"));
    }
    ++position_;
    const bool untied = gguf_.find("output.weight") != nullptr;
    return product(norm(h, "output_norm"), untied ? matrix("output.weight") : embedding, 1.0);
  }

private:
  struct Matrix {
    std::size_t rows = 0, columns = 0;
    DType type = DType::kF32;
    Vector w;
  };

  std::size_t number(const char* key, std::size_t fallback = 0) const {
    const auto value = gguf_.metadata.integer_or(arch_ + '.' + key, fallback);
    return value ? static_cast<std::size_t>(*value) : 0;
  }
  double real(const char* key, double fallback) const {
    const auto value = gguf_.metadata.number_or(arch_ + '.' + key, fallback);
    return value ? *value : 0.0;
  }

  Matrix matrix(const std::string& name) const {
    Matrix m;
    const TensorInfo* info = gguf_.find(name);
    if (info == nullptr)
      return m;
    m.rows = static_cast<std::size_t>(info->rows());
    m.columns = static_cast<std::size_t>(info->columns());
    m.type = info->type;
    const Bytes data = file_.subspan(static_cast<std::size_t>(info->offset),
                                     static_cast<std::size_t>(info->bytes));
    float scale = 1.0F;
    if (info->type == DType::kI2_S)
      std::memcpy(&scale, data.data() + m.rows * m.columns / 4, sizeof scale);
    std::vector<float> w(m.rows * m.columns);
    if (!decode_floats(info->type, data, 0, w.size(), scale, w.data()))
      return {};
    m.w.assign(w.begin(), w.end());
    return m;
  }

  Vector norm(const Vector& x, const std::string& name) const {
    double squares = 0.0;
    for (const double value : x)
      squares += value * value;
    const double root = std::sqrt(squares / static_cast<double>(x.size()) + epsilon_);
    const Matrix g = matrix(name + (name.ends_with(".weight") ? "" : ".weight"));
    Vector out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      out[i] = x[i] / root * g.w[i];
    return out;
  }

  /// q = rne(x * 127 / a), as x again; the same in blocks of 32 for the quantised dense types, which the core feeds so.
  static void quantise(double* x, std::size_t count, double least) {
    double a = least;
    for (std::size_t i = 0; i < count; ++i)
      a = std::max(a, std::fabs(x[i]));
    for (std::size_t i = 0; i < count && a > 0.0; ++i)
      x[i] = std::nearbyint(x[i] * (127.0 / a)) * (a / 127.0);
  }

  Vector linear(Vector x, const std::string& name) const {
    const Matrix factor = matrix(name + ".scale"), m = matrix(name + ".weight");
    if (int8_ && dtype_info(m.type).ternary)
      quantise(x.data(), x.size(), 1e-5);
    return product(std::move(x), m, factor.w.empty() ? 1.0 : factor.w[0]);
  }

  static Vector product(Vector x, const Matrix& m, double factor) {
    if (!dtype_info(m.type).ternary && dtype_info(m.type).block_weights > 1)
      for (std::size_t i = 0; i < x.size(); i += 32)
        quantise(x.data() + i, 32, 0.0);
    Vector y(m.rows);
    for (std::size_t r = 0; r < m.rows; ++r) {
      for (std::size_t c = 0; c < m.columns; ++c)
        y[r] += m.w[r * m.columns + c] * x[c];
      y[r] *= factor;
    }
    return y;
  }

  void rotate(Vector& x, std::size_t heads) const {
    const Matrix divisors = matrix("rope_freqs.weight");
    const bool neox = arch_ != "llama";
    for (std::size_t head = 0; head < heads; ++head)
      for (std::size_t i = 0; i < rope_dim_ / 2; ++i) {
        double frequency =
            std::pow(theta_, -2.0 * static_cast<double>(i) / static_cast<double>(rope_dim_));
        if (!divisors.w.empty())
          frequency /= divisors.w[i];
        const double angle = static_cast<double>(position_) / stretch_ * frequency;
        double& a = x[head * head_dim_ + (neox ? i : 2 * i)];
        double& b = x[head * head_dim_ + (neox ? i + rope_dim_ / 2 : 2 * i + 1)];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = b * std::cos(angle) + a * std::sin(angle);
        a = turned;
      }
  }

  Vector attend(const Vector& q, const std::vector<Vector>& keys,
                const std::vector<Vector>& values) const {
    Vector out(heads_ * head_dim_);
    for (std::size_t head = 0; head < heads_; ++head) {
      const std::size_t from = head / (heads_ / kv_heads_) * head_dim_;
      Vector weights(keys.size());
      for (std::size_t p = 0; p < keys.size(); ++p) {
        for (std::size_t i = 0; i < head_dim_; ++i)
          weights[p] += q[head * head_dim_ + i] * keys[p][from + i];
        weights[p] /= std::sqrt(static_cast<double>(head_dim_));
      }
      const double most = *std::max_element(weights.begin(), weights.end());
      double sum = 0.0;
      for (double& weight : weights)
        sum += weight = std::exp(weight - most);
      for (std::size_t p = 0; p < keys.size(); ++p)
        for (std::size_t i = 0; i < head_dim_; ++i)
          out[head * head_dim_ + i] += weights[p] / sum * values[p][from + i];
    }
    return out;
  }

  double act(double z) const {
    const auto named = gguf_.metadata.string_or(arch_ + ".hidden_act", "");
    const bool relu2 = named && !named->empty() ? *named == "relu2"
                                                : arch_ == "bitnet-b1.58" || arch_ == "bitnet-25";
    return relu2 ? std::max(z, 0.0) * std::max(z, 0.0) : z / (1.0 + std::exp(-z));
  }

  static void add(Vector& h, const Vector& x) {
    for (std::size_t i = 0; i < h.size(); ++i)
      h[i] += x[i];
  }

  const Gguf& gguf_;
  Bytes file_;
  bool int8_;
  std::string arch_;
  std::size_t layers_ = 0, heads_ = 0, kv_heads_ = 0, head_dim_ = 0, rope_dim_ = 0, position_ = 0;
  double epsilon_ = 0.0, theta_ = 0.0, stretch_ = 1.0;
  std::vector<std::vector<Vector>> keys_, values_; ///< [layer][position]
};

} // namespace bitnet::test
