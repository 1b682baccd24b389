// What the tests of this layer and of the engine share: a network loaded from a builder without the public API, and its
// logits for a list of ids.
#pragma once

#include "base/half.h"
#include "gguf/reader.h"
#include "model/forward.h"
#include "support/tiny_gguf.h"
#include "tensor/rows.h"

#include <catch_amalgamated.hpp>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace bitnet::test {

/// 0 to n-1, as an index.
inline std::size_t pick(Random& random, std::size_t n) {
  return static_cast<std::size_t>(random.below(n));
}
/// Weights of a tensor.
inline std::size_t weights_of(const GgufBuilder::Tensor& tensor) {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : tensor.shape)
    count *= extent;
  return static_cast<std::size_t>(count);
}

/// A file, its header and the network in it; not to be moved, for views point inside.
struct LoadedNetwork {
  ByteVector file;
  Gguf gguf;
  Network network;
  WeightsSize size; ///< as the header announced it
  std::size_t pieces = 0;
  std::uint64_t largest_piece = 0;

  LoadedNetwork() = default;
  LoadedNetwork(const LoadedNetwork&) = delete;
  LoadedNetwork& operator=(const LoadedNetwork&) = delete;

  /// Every step of loading; checks on the way that pieces ascend, overlap nowhere and lie in the file.
  Status load(ByteVector bytes, std::string_view isa = {}, bool float_activations = false,
              HeadType head = HeadType::kFile) {
    file = std::move(bytes);
    auto parsed = parse_gguf(file, file.size());
    BITNET_TRY(parsed);
    gguf = std::move(*parsed);
    const auto config = read_config(gguf);
    BITNET_TRY(config);
    network.config = *config;
    network.kernels = find_kernels(isa);
    network.float_activations = float_activations;
    auto loader =
        WeightsLoader::make(gguf, network.config, *network.kernels, network.weights, head);
    BITNET_TRY(loader);
    size = loader->size();
    BITNET_TRY(loader->begin());
    bool orderly = true;
    for (std::uint64_t end = gguf.data_offset;;) {
      const auto piece = loader->wanted();
      if (piece.into.empty())
        break;
      orderly = orderly && piece.offset >= end && piece.offset + piece.into.size() <= file.size();
      CHECK(orderly);
      if (!orderly)
        return Error(ErrorCode::Malformed) << "pieces out of order";
      end = piece.offset + piece.into.size();
      ++pieces;
      largest_piece = std::max<std::uint64_t>(largest_piece, piece.into.size());
      std::memcpy(piece.into.data(), file.data() + piece.offset, piece.into.size());
      BITNET_TRY(loader->accept());
    }
    const Status more = loader->accept();
    CHECK((!more && more.error().code() == ErrorCode::InvalidState));
    return {};
  }
};

inline std::unique_ptr<LoadedNetwork> load_network(ByteVector file, std::string_view isa = {},
                                                   bool float_activations = false,
                                                   HeadType head = HeadType::kFile) {
  auto loaded = std::make_unique<LoadedNetwork>();
  const Status status = loaded->load(std::move(file), isa, float_activations, head);
  INFO((status ? std::string() : std::string(status.error().detail())));
  REQUIRE(status);
  return loaded;
}

/// The error that loading gives; Ok when it gives none.
inline Error load_error(const ByteVector& file) {
  LoadedNetwork loaded;
  const Status status = loaded.load(file);
  return status ? Error(ErrorCode::Ok) : status.error();
}

using Logits = std::vector<std::vector<float>>; ///< [position][vocabulary]

inline bool same_bits(const Logits& a, const Logits& b) {
  bool same = a.size() == b.size() && !a.empty();
  for (std::size_t p = 0; same && p < a.size(); ++p)
    same = a[p].size() == b[p].size() &&
           std::memcmp(a[p].data(), b[p].data(), a[p].size() * sizeof(float)) == 0;
  return same;
}

struct RunOptions {
  std::uint32_t batch = 64;
  KvType kv_type = KvType::kF32;
};

/// Logits of every position.
inline Logits run(const Network& network, const std::vector<TokenId>& ids, Parallel& parallel,
                  const RunOptions& options = {}) {
  auto state = State::make(network.config, {.context = static_cast<std::uint32_t>(ids.size()),
                                            .kv_type = options.kv_type,
                                            .batch = options.batch});
  REQUIRE(state);
  Logits all;
  for (std::size_t position = 0; position < ids.size();) {
    const std::size_t count = std::min<std::size_t>(options.batch, ids.size() - position);
    forward(network, *state, std::span(ids).subspan(position, count), position, parallel);
    for (std::size_t i = 0; i < count; ++i) {
      logits(network, *state, i, parallel);
      const float* values = state->a.logits.data();
      all.emplace_back(values, values + network.config.vocabulary);
    }
    position += count;
  }
  return all;
}

inline std::vector<TokenId> random_ids(std::uint64_t seed, std::size_t count,
                                       std::size_t vocabulary) {
  Random random(seed);
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids)
    id = static_cast<TokenId>(pick(random, vocabulary));
  return ids;
}

/// Largest difference, as a share of the logits' root mean square. Not a number when any logit is not.
inline double distance(const Logits& a, const std::vector<std::vector<double>>& b) {
  double most = 0.0, squares = 0.0, count = 0.0;
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t i = 0; i < a[p].size(); ++i) {
      const double difference = std::fabs(static_cast<double>(a[p][i]) - b[p][i]);
      most = difference <= most ? most : difference;
      squares += b[p][i] * b[p][i];
      count += 1.0;
    }
  return most / std::sqrt(squares / count);
}
inline double distance(const Logits& a, const Logits& b) {
  std::vector<std::vector<double>> doubles;
  for (const auto& row : b)
    doubles.emplace_back(row.begin(), row.end());
  return distance(a, doubles);
}

/// Another scale for each block of a TQ1_0 or TQ2_0 tensor, some of them 0.
inline void vary_scales(GgufBuilder::Tensor& tensor, Random& random) {
  const DTypeInfo& type = *find_dtype(tensor.type);
  for (std::size_t i = type.block_bytes; i <= tensor.data.size(); i += type.block_bytes) {
    const std::uint16_t d =
        pick(random, 8) == 0 ? std::uint16_t{0} : float_to_half(0.06F + 0.04F * random.uniform());
    std::memcpy(tensor.data.data() + i - 2, &d, 2);
  }
}

} // namespace bitnet::test
