// See saved.h.
#include "engine/saved.h"

#include "base/checked.h"
#include "base/reader.h"

namespace bitnet {
namespace {

/// The high bit and the line ends find out transports that are not for bytes.
constexpr std::array<char, 8> kMagic{'\x89', 'B', 'N', 'S', '\r', '\n', '\x1a', '\n'};
constexpr std::uint32_t kVersion = 1;

/// Pieces before those of the cache, which are followed by the checksum.
constexpr std::uint64_t kHeaderPiece = 0, kIdsPiece = 1, kFirstVectors = 2;

/// Keys and values of one head each; no pieces of nothing.
std::uint64_t vector_pieces(const SavedHeader& h) noexcept {
  return h.tokens == 0 ? 0 : 2 * std::uint64_t{h.layers} * h.kv_heads;
}

std::uint64_t vector_bytes(const SavedHeader& h, const KvCache& cache) noexcept {
  return h.tokens * std::uint64_t{cache.stride} * cache.element_bytes();
}

/// Bytes in all; nothing when they are more than can be. The cache, which is in memory, is at least as large as what it
/// holds, but a hostile header's tokens are counted before that is known.
std::optional<std::uint64_t> size_of(const SavedHeader& h, const KvCache& cache) noexcept {
  const auto vectors = checked_mul(vector_pieces(h), vector_bytes(h, cache));
  return vectors ? checked_add(*vectors, sizeof(SavedHeader) + sizeof(std::uint64_t) +
                                             std::uint64_t{h.tokens} * sizeof(TokenId))
                 : std::nullopt;
}

Bytes bytes_of(const SavedHeader& header) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
}

std::uint64_t checksum_of(const SavedHeader& header) noexcept {
  Checksum sum;
  sum.add(bytes_of(header).first(offsetof(SavedHeader, checksum)));
  return sum.value();
}

/// What piece number `piece` of the cache's is.
struct Vectors {
  std::size_t layer, head;
  bool values;

  Vectors(const SavedHeader& h, std::uint64_t piece) noexcept
      : layer(static_cast<std::size_t>(piece / 2 / h.kv_heads)),
        head(static_cast<std::size_t>(piece / 2 % h.kv_heads)), values(piece % 2 != 0) {}
};

template <class Byte, class Cache>
std::span<Byte> vectors_in(Cache& cache, const SavedHeader& h, std::uint64_t piece) noexcept {
  const Vectors which(h, piece);
  auto& from = which.values ? cache.values : cache.keys;
  return {from.data() + cache.at(which.layer, which.head, 0),
          static_cast<std::size_t>(vector_bytes(h, cache))};
}

template <class Word> bool is_finite(Word bits) noexcept {
  constexpr Word kExponent = sizeof(Word) == 4 ? Word(0x7f800000) : Word(0x7c00);
  return (bits & kExponent) != kExponent;
}

/// The first token whose vector holds something that is no number, or something beyond the head's width, where
/// attention counts on zeros.
template <class Word>
std::optional<std::uint32_t> bad_vector(Bytes bytes, std::size_t stride,
                                        std::size_t width) noexcept {
  const std::size_t tokens = bytes.size() / (stride * sizeof(Word));
  for (std::size_t token = 0; token < tokens; ++token) {
    const std::uint8_t* at = bytes.data() + token * stride * sizeof(Word);
    bool good = true;
    for (std::size_t i = 0; i < width; ++i)
      good &= is_finite(load_le<Word>(at + i * sizeof(Word)));
    for (std::size_t i = width; i < stride; ++i)
      good &= load_le<Word>(at + i * sizeof(Word)) == 0;
    if (!good)
      return static_cast<std::uint32_t>(token);
  }
  return std::nullopt;
}

Error bad() noexcept { return Error(ErrorCode::BadSession); }

const char* kv_name(std::uint32_t type) noexcept {
  return type == static_cast<std::uint32_t>(KvType::kF16) ? "f16" : "f32";
}

} // namespace

// --- saving ---

Saver::Saver(const Network& network, const KvCache& cache,
             std::span<const TokenId> history) noexcept {
  const Config& c = network.config;
  header_ = {.magic = kMagic,
             .version = kVersion,
             .kv_type = static_cast<std::uint32_t>(cache.type),
             .model = network.fingerprint,
             .layers = c.layers,
             .kv_heads = c.kv_heads,
             .head_dim = c.head_dim,
             .vocabulary = c.vocabulary,
             .tokens = static_cast<std::uint32_t>(history.size())};
  header_.size = *size_of(header_, cache); // the cache is in memory: its bytes can be counted
  header_.checksum = checksum_of(header_);
}

Bytes Saver::next(const KvCache& cache, std::span<const TokenId> history) noexcept {
  const std::uint64_t piece = piece_++;
  const std::uint64_t end = kFirstVectors + vector_pieces(header_);
  Bytes bytes;
  if (piece == kHeaderPiece)
    bytes = bytes_of(header_);
  else if (piece == kIdsPiece && !history.empty())
    bytes = {reinterpret_cast<const std::uint8_t*>(history.data()), history.size_bytes()};
  else if (piece >= kFirstVectors && piece < end)
    bytes = vectors_in<const std::uint8_t>(cache, header_, piece - kFirstVectors);
  else if (piece <= end) { // also in the place of no ids
    sum_ = checksum_.value();
    piece_ = end + 1;
    return {reinterpret_cast<const std::uint8_t*>(&sum_), sizeof sum_};
  } else {
    piece_ = piece; // the end, however often it is asked for
    return {};
  }
  checksum_.add(bytes);
  return bytes;
}

// --- restoring ---

Result<Restorer> Restorer::begin(std::uint64_t size) noexcept {
  constexpr std::uint64_t kLeast = sizeof(SavedHeader) + sizeof(std::uint64_t);
  if (size < kLeast)
    return bad() << size << " bytes, a saved session has at least " << kLeast;
  return Restorer(size);
}

MutableBytes Restorer::wanted(KvCache& cache) noexcept {
  if (piece_ == kHeaderPiece)
    return {reinterpret_cast<std::uint8_t*>(&header_), sizeof header_};
  const std::uint64_t end = kFirstVectors + vector_pieces(header_);
  if (piece_ == kIdsPiece)
    return {reinterpret_cast<std::uint8_t*>(ids_.data()), ids_.size() * sizeof(TokenId)};
  if (piece_ < end)
    return vectors_in<std::uint8_t>(cache, header_, piece_ - kFirstVectors);
  if (piece_ == end)
    return {reinterpret_cast<std::uint8_t*>(&sum_), sizeof sum_};
  return {};
}

Status Restorer::accept(const Network& network, KvCache& cache) noexcept {
  const MutableBytes bytes = wanted(cache);
  const std::uint64_t end = kFirstVectors + vector_pieces(header_);
  if (piece_ == kHeaderPiece) {
    BITNET_TRY(accept_header(network, cache));
  } else if (piece_ == kIdsPiece) {
    BITNET_TRY(accept_ids(network));
  } else if (piece_ < end) {
    const std::size_t width = network.config.head_dim;
    const auto token = cache.type == KvType::kF16
                           ? bad_vector<std::uint16_t>(bytes, cache.stride, width)
                           : bad_vector<std::uint32_t>(bytes, cache.stride, width);
    if (token) {
      const Vectors which(header_, piece_ - kFirstVectors);
      return bad() << (which.values ? "value" : "key") << " of layer " << std::uint64_t{which.layer}
                   << ", head " << std::uint64_t{which.head} << ", token " << *token
                   << " is not finite or not padded with zeros";
    }
  } else {
    ++piece_;
    if (sum_ != checksum_.value())
      return bad() << "the checksum at byte " << size_ - sizeof sum_
                   << " is another one: bytes were changed";
    return {};
  }
  checksum_.add(bytes);
  ++piece_;
  if (piece_ == kIdsPiece && header_.tokens == 0)
    piece_ = kFirstVectors; // which is the checksum
  return {};
}

Status Restorer::accept_header(const Network& network, const KvCache& cache) noexcept {
  const Config& c = network.config;
  if (header_.magic != kMagic)
    return bad() << "these bytes do not begin like a saved session";
  if (header_.version != kVersion)
    return bad() << "format version " << header_.version << ", this build reads " << kVersion;
  if (header_.checksum != checksum_of(header_))
    return bad() << "the checksum of the header is another one: bytes 8 to 63 were changed";
  if (header_.model != network.fingerprint)
    return bad() << "made with another model";
  const auto same = [](const char* what, std::uint32_t saved, std::uint32_t here) -> Status {
    if (saved == here)
      return {};
    return bad() << what << " " << saved << ", here " << here;
  };
  BITNET_TRY(same("layers", header_.layers, c.layers));
  BITNET_TRY(same("KV heads", header_.kv_heads, c.kv_heads));
  BITNET_TRY(same("head width", header_.head_dim, c.head_dim));
  BITNET_TRY(same("vocabulary", header_.vocabulary, c.vocabulary));
  BITNET_TRY(same("reserved", header_.reserved, 0));
  BITNET_TRY(same("KV type", header_.kv_type > 1 ? header_.kv_type : 0, 0));
  if (header_.kv_type != static_cast<std::uint32_t>(cache.type))
    return bad() << "KV type " << kv_name(header_.kv_type) << ", this session's is "
                 << kv_name(static_cast<std::uint32_t>(cache.type));
  const auto size = size_of(header_, cache);
  if (!size || *size != header_.size)
    return bad() << header_.tokens << " tokens do not take " << header_.size << " bytes";
  if (header_.size != size_)
    return bad() << size_ << " bytes, the header says " << header_.size;
  if (header_.tokens > cache.capacity)
    return Error(ErrorCode::ContextFull) << "saved session of " << header_.tokens
                                         << " tokens, context of " << std::uint64_t{cache.capacity};
  auto ids = Buffer<TokenId>::make(header_.tokens, "ids of a saved session");
  BITNET_TRY(ids);
  ids_ = std::move(*ids);
  return {};
}

Status Restorer::accept_ids(const Network& network) noexcept {
  for (std::size_t i = 0; i < ids_.size(); ++i)
    if (ids_[i] < 0 || static_cast<std::uint32_t>(ids_[i]) >= network.config.vocabulary)
      return bad() << "id " << ids_[i] << " at position " << std::uint64_t{i} << ", vocabulary of "
                   << network.config.vocabulary;
  return {};
}

} // namespace bitnet
