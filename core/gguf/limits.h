// How much a file may ask for. Every number read from a file is held against one of these before anything is
// allocated or looped over. (CWE-770: allocation without limits; CWE-400: uncontrolled resource use.)
#pragma once

#include <cstdint>

namespace bitnet::limits {

/// The header (metadata and tensor table), of all files together. The largest published vocabularies need about 12 MiB.
inline constexpr std::uint64_t kHeaderBytes = 64ULL << 20;
/// The first piece of the header asked for; doubled while the header is longer.
inline constexpr std::uint64_t kFirstHeaderBytes = 64ULL << 10;
/// Files of one model. Each is asked for a header of its own; all headers together are held against kHeaderBytes.
inline constexpr std::uint32_t kFiles = 256;
/// Metadata entries; real files have under 100.
inline constexpr std::uint64_t kMetadataEntries = 4096;
/// Tensors, of all files together; a 64-layer model has under 1000.
inline constexpr std::uint64_t kTensors = 16384;
/// Bytes of a key or tensor name (ggml allows 63 for tensors, the specification 65535 for keys).
inline constexpr std::uint64_t kNameBytes = 256;
inline constexpr std::uint32_t kDimensions = 4;
/// Weights in one tensor; 2^40 is a thousand times the largest we know.
inline constexpr std::uint64_t kTensorWeights = 1ULL << 40;
inline constexpr std::uint64_t kAlignment = 1ULL << 16;

/// Packed ternary weights may take this many times the bytes the file has for them, and this much beside (CWE-409: a
/// small file that unpacks to a large one).
inline constexpr std::uint64_t kPackedGrowth = 4;
inline constexpr std::uint64_t kPackedSlack = 16ULL << 20;
/// Bytes of one token. Real vocabularies stay below 300; each candidate of a merge is hashed as a whole.
inline constexpr std::uint64_t kTokenBytes = 1024;

/// Model dimensions, far above any published model, small enough that products stay well inside 64 bits.
inline constexpr std::uint32_t kLayers = 1024;
inline constexpr std::uint32_t kWidth = 1U << 18; ///< hidden or FFN width
inline constexpr std::uint32_t kHeads = 1024;
inline constexpr std::uint32_t kHeadDim = 1024;
inline constexpr std::uint32_t kVocabulary = 1U << 21;
inline constexpr std::uint32_t kContext = 1U << 20;

} // namespace bitnet::limits
