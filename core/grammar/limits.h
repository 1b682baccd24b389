// How much a grammar may ask for. Grammars and schemas come from strangers: each of these bounds time or memory before
// either is spent. (CWE-400, CWE-674, CWE-770.)
#pragma once

#include <cstdint>

namespace bitnet::limits {

/// Text of a grammar or a schema.
inline constexpr std::uint64_t kGrammarBytes = 1ULL << 20;
/// Rules, those that a schema is made into included.
inline constexpr std::uint32_t kRules = 1U << 16;
/// Expressions in all rules.
inline constexpr std::uint32_t kExpressions = 1U << 19;
/// Expressions inside each other, and groups in the text of a grammar or a pattern.
inline constexpr std::uint32_t kNesting = 256;
inline constexpr std::uint32_t kGroups = 64;
/// One bound of a repetition.
inline constexpr std::uint32_t kRepetitions = 100'000;
/// Edges of the automaton, repetitions written out.
inline constexpr std::uint32_t kEdges = 1U << 20;
/// States of the automaton.
inline constexpr std::uint32_t kStates = 1U << 21;
/// Bytes of all literals and names, and ranges of all sets of characters, before repetitions are written out.
inline constexpr std::uint32_t kTextBytes = 1U << 21;
inline constexpr std::uint32_t kRanges = 1U << 20;

/// Values in a schema, and how deep they nest.
inline constexpr std::uint32_t kJsonValues = 1U << 16;
inline constexpr std::uint32_t kJsonDepth = 64;

/// Calls under way in a text: what nests deeper is not begun...
inline constexpr std::uint32_t kCalls = 256;
/// ...unless it must be on the shortest way out. Beyond this, nothing is.
inline constexpr std::uint32_t kMostCalls = 1024;
/// Sets of stacks held at once, their entries, and entries of the table of steps between them.
inline constexpr std::uint32_t kStackSets = 1U << 17;
inline constexpr std::uint32_t kStackEntries = 1U << 19;
inline constexpr std::uint32_t kStepEntries = 1U << 22;
/// Work on one token (visits of a state or of a pair of sets), about a tenth of a second.
inline constexpr std::uint32_t kWork = 1U << 23;
/// Masks held at once: bytes.
inline constexpr std::uint64_t kMaskBytes = 8ULL << 20;

} // namespace bitnet::limits
