// What bitnet-nn's command line asks for, in the words of `wasmtime run` where it has one.
#pragma once

#include "nn/host.h"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitnet::nn_wasmtime {

inline constexpr std::uint32_t kMostGuests = 64;

struct CommandLine {
  struct Folder {
    std::string host;
    std::string guest;
  };
  struct Variable {
    std::string name;
    std::string value;
  };
  struct Limits {
    std::chrono::microseconds timeout{0}; ///< 0: none
    std::optional<std::uint64_t> memory_bytes;
    std::optional<std::uint64_t> stack_bytes;
  };

  std::vector<std::string> preloads;
  std::vector<Folder> folders;
  std::vector<Variable> environment; ///< each name once
  std::optional<std::string> program_name;
  Limits limits;
  bool simd = true;
  bool relaxed_simd = true;
  std::uint32_t guests = 1;
  std::uint32_t threads = 0;
  nn::OutputRule output_rule = nn::OutputRule::kProbe;
  std::uint64_t max_session_bytes = nn::HostOptions().max_session_bytes;
  std::string isa;
  HeadType head = HeadType::kFile;
  std::vector<std::string> words; ///< the guest's file and its arguments

  /// From the arguments after the program's name, and the environment. An exit status when there is
  /// nothing to run: help was asked for, or something is wrong and has been told.
  std::optional<int> parse(std::span<const std::string_view> arguments);
};

} // namespace bitnet::nn_wasmtime
