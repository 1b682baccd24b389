// What a guest may ask for at most, and why there.
#pragma once

#include <cstdint>

namespace bitnet::nn::limits {

/// A prompt or list of messages: several times what the longest context that we load can hold.
inline constexpr std::uint32_t kPromptBytes = 8U << 20;
/// A metadata JSON: guests send a few hundred bytes.
inline constexpr std::uint32_t kMetadataBytes = 64U << 10;
inline constexpr std::uint32_t kNameBytes = 256;
/// load() takes the model and its metadata.
inline constexpr std::uint32_t kBuilders = 2;
/// Live ones of one guest; what they hold has a budget in bytes.
inline constexpr std::uint32_t kGraphs = 256;
inline constexpr std::uint32_t kContexts = 1024;
inline constexpr std::uint32_t kMessages = 4096;
/// Failed calls of one guest whose reasons go to the log.
inline constexpr std::uint32_t kToldFailures = 100;
/// Context length where the guest names none, or the model's own when that is shorter.
inline constexpr std::uint32_t kDefaultContext = 4096;
/// A stop string, as GenerateOptions takes it.
inline constexpr std::uint32_t kReversePromptBytes = 256;
/// What a grammar or schema may make core hold, at most: charged whole to a guest that names one.
inline constexpr std::uint64_t kGrammarBytes = 64U << 20;
/// The buffer behind LlamaEdge's guests, whose length they pass as 0.
inline constexpr std::uint32_t kLlamaEdgeBuffer = 245'888;

} // namespace bitnet::nn::limits
