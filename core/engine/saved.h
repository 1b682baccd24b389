// A session as bytes. Enters: a KV cache and the ids that it holds. Leaves: pieces, each a view of where the bytes lie
// already, so that nothing is ever in memory twice. And the way back, where every byte is somebody else's.
//
//   64 bytes   header: magic, version, KV type, model, shape, tokens n, bytes in all, checksum of the header so far
//   4 n        ids, int32
//   then for each layer and each KV head [n][head width rounded up to 8]: its keys, then its values, float or half
//   8          checksum of everything before (XXH64)
//
// All little-endian. Only the positions in use are there, so the contexts of the two sessions may differ.
#pragma once

#include "base/checksum.h"
#include "model/forward.h"

#include <array>

namespace bitnet {

struct SavedHeader {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t kv_type = 0;
  std::uint64_t model = 0; ///< Network::fingerprint
  std::uint32_t layers = 0, kv_heads = 0, head_dim = 0, vocabulary = 0;
  std::uint32_t tokens = 0;
  std::uint32_t reserved = 0; ///< 0
  std::uint64_t size = 0;     ///< of the header and everything after it
  std::uint64_t checksum = 0; ///< of the fields above
};
static_assert(sizeof(SavedHeader) == 64 && std::has_unique_object_representations_v<SavedHeader>);

/// Saves what `cache` and `history` hold; both must stay as they are meanwhile.
class Saver {
public:
  Saver(const Network& network, const KvCache& cache, std::span<const TokenId> history) noexcept;

  std::uint64_t size() const noexcept { return header_.size; }
  /// The next piece, valid until the next call; empty when that was all.
  Bytes next(const KvCache& cache, std::span<const TokenId> history) noexcept;

private:
  SavedHeader header_;
  std::uint64_t piece_ = 0;
  Checksum checksum_;
  std::uint64_t sum_ = 0;
};

/// Fills `cache` from saved bytes. Nothing may read it before the last piece was accepted.
class Restorer {
public:
  /// BadSession for a size that no saved session has. `size`: of the saved bytes.
  static Result<Restorer> begin(std::uint64_t size) noexcept;

  /// Where the next bytes belong; empty when all are there.
  MutableBytes wanted(KvCache& cache) noexcept;
  /// They are there: BadSession says what is wrong with them, ContextFull that they are more than the cache holds.
  Status accept(const Network& network, KvCache& cache) noexcept;
  std::span<const TokenId> history() const noexcept { return ids_.span(); }

private:
  explicit Restorer(std::uint64_t size) noexcept : size_(size) {}
  Status accept_header(const Network& network, const KvCache& cache) noexcept;
  Status accept_ids(const Network& network) noexcept;

  std::uint64_t size_;
  SavedHeader header_;
  Buffer<TokenId> ids_;
  std::uint64_t piece_ = 0;
  Checksum checksum_;
  std::uint64_t sum_ = 0;
};

} // namespace bitnet
