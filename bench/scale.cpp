// How decode grows with the context, and with sessions that share one model. One line of JSON per point.
//   bench_scale context -m FILE [--points 128,512,...] [--tokens N] [--threads N] [--isa NAME] [--kv f32|f16]
//   bench_scale sessions -m FILE [--points 1,2,4,8] [--tokens N] [--threads N] [--isa NAME] [--kv f32|f16]
// Points of the context are reached by evaluating random ids, so that every key and value was computed by the model. Sessions
// take turns, a token each, on one pool of threads, each with 128 tokens of context before it.
#include "bitnet/bitnet.hpp"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/threads.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bitnet::Status;
using bitnet::TokenId;

struct Settings {
  std::string model;
  std::vector<std::uint32_t> points;
  std::uint32_t tokens = 16;
  std::uint32_t threads = 0;
  std::string isa;
  bitnet::KvType kv = bitnet::KvType::kF32;
};

int misuse(const char* what) {
  std::fprintf(stderr,
               "bench_scale: %s\nusage: bench_scale context|sessions -m FILE [--points N,N...] "
               "[--tokens N] [--threads N] [--isa NAME] [--kv f32|f16]\n",
               what);
  return 2;
}

int failed(const bitnet::Error& error) {
  std::fprintf(stderr, "bench_scale: %s: %.*s\n", bitnet::error_sentence(error.code()),
               static_cast<int>(error.detail().size()), error.detail().data());
  return 1;
}

bool number(std::string_view text, std::uint32_t most, std::uint32_t& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end && out >= 1 && out <= most;
}

bool numbers(std::string_view text, std::vector<std::uint32_t>& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    out.emplace_back();
    if (!number(text.substr(0, comma), 1U << 20, out.back()))
      return false;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  std::ranges::sort(out);
  return !out.empty();
}

double seconds(std::uint64_t from) { return static_cast<double>(bitnet::now_ns() - from) / 1e9; }

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Ids of any kind: only their number matters here.
class Ids {
public:
  explicit Ids(std::uint32_t vocabulary) : vocabulary_(vocabulary) {}
  const std::vector<TokenId>& take(std::uint32_t count) {
    ids_.resize(count);
    for (TokenId& id : ids_) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      id = static_cast<TokenId>((state_ >> 33) % vocabulary_);
    }
    return ids_;
  }

private:
  std::uint64_t state_ = 1;
  std::uint32_t vocabulary_;
  std::vector<TokenId> ids_;
};

/// Each point: seconds of one token after so many, the prefill that led there, and the session's memory.
int context(const bitnet::Model& model, const Settings& settings, bitnet::Parallel& parallel) {
  bitnet::SessionOptions options{.context = settings.points.back() + settings.tokens,
                                 .kv_type = settings.kv};
  auto session = bitnet::Session::make(model, options, parallel);
  if (!session)
    return failed(session.error());
  Ids ids(model.info().vocabulary);
  for (const std::uint32_t point : settings.points) {
    const std::uint32_t before = session->size();
    const std::uint64_t start = bitnet::now_ns();
    if (point > before)
      if (const Status status = session->evaluate(ids.take(point - before)); !status)
        return failed(status.error());
    const double prefill = seconds(start);
    std::vector<double> times;
    for (std::uint32_t i = 0; i < settings.tokens; ++i) {
      const std::uint64_t from = bitnet::now_ns();
      if (const Status status = session->evaluate(ids.take(1)); !status)
        return failed(status.error());
      times.push_back(seconds(from));
    }
    session->truncate(point);
    options.context = point;
    const auto bytes = model.session_bytes(options);
    if (!bytes)
      return failed(bytes.error());
    std::printf("{\"context\":%u,\"seconds_per_token\":%.9f,\"prefill_tokens\":%u,"
                "\"prefill_seconds\":%.6f,\"session_bytes\":%llu}\n",
                point, median(times), point - before, prefill,
                static_cast<unsigned long long>(*bytes));
    std::fflush(stdout);
  }
  return 0;
}

/// Each point: tokens per second of all sessions together, and the memory of one.
int sessions(const bitnet::Model& model, const Settings& settings, bitnet::Parallel& parallel) {
  constexpr std::uint32_t kBefore = 128;
  const bitnet::SessionOptions options{.context = kBefore + settings.tokens,
                                       .kv_type = settings.kv};
  const auto bytes = model.session_bytes(options);
  if (!bytes)
    return failed(bytes.error());
  Ids ids(model.info().vocabulary);
  std::vector<bitnet::Session> all;
  for (const std::uint32_t point : settings.points) {
    while (all.size() < point) {
      auto one = bitnet::Session::make(model, options, parallel);
      if (!one)
        return failed(one.error());
      all.push_back(std::move(*one));
    }
    for (bitnet::Session& session : all) {
      session.truncate(0);
      if (const Status status = session.evaluate(ids.take(kBefore)); !status)
        return failed(status.error());
    }
    std::vector<double> rounds;
    for (std::uint32_t i = 0; i < settings.tokens; ++i) {
      const std::uint64_t from = bitnet::now_ns();
      for (bitnet::Session& session : all)
        if (const Status status = session.evaluate(ids.take(1)); !status)
          return failed(status.error());
      rounds.push_back(seconds(from));
    }
    const double round = median(rounds);
    std::printf("{\"sessions\":%u,\"tokens_per_second\":%.3f,\"tokens_per_second_each\":%.3f,"
                "\"session_bytes\":%llu,\"peak_bytes\":%llu}\n",
                point, point / round, 1 / round, static_cast<unsigned long long>(*bytes),
                static_cast<unsigned long long>(bitnet::peak_memory()));
    std::fflush(stdout);
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what != "context" && what != "sessions")
    return misuse("context or sessions?");
  Settings settings;
  settings.points = what == "context" ? std::vector<std::uint32_t>{128, 512, 2048}
                                      : std::vector<std::uint32_t>{1, 2, 4, 8};
  for (int i = 2; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if (i + 1 == argc)
      return misuse("an option without a value");
    const std::string_view value = argv[i + 1];
    if (option == "-m") {
      settings.model = value;
    } else if (option == "--points") {
      if (!numbers(value, settings.points))
        return misuse("--points wants whole numbers with commas between");
    } else if (option == "--tokens") {
      if (!number(value, 1U << 16, settings.tokens))
        return misuse("--tokens wants 1 to 65536");
    } else if (option == "--threads") {
      if (!number(value, 256, settings.threads))
        return misuse("--threads wants 1 to 256");
    } else if (option == "--isa") {
      settings.isa = value;
    } else if (option == "--kv") {
      if (value != "f32" && value != "f16")
        return misuse("--kv wants f32 or f16");
      settings.kv = value == "f16" ? bitnet::KvType::kF16 : bitnet::KvType::kF32;
    } else {
      return misuse("unknown option");
    }
  }
  if (settings.model.empty())
    return misuse("which model? Give -m FILE");
  if (what == "sessions" && settings.points.back() > 1024)
    return misuse("at most 1024 sessions");

  const auto source = bitnet::open_file(settings.model);
  if (!source)
    return failed(source.error());
  const auto model = bitnet::Model::load(**source, {.isa = settings.isa});
  if (!model)
    return failed(model.error());
  const auto parallel = bitnet::make_parallel(settings.threads);
  return what == "context" ? context(*model, settings, *parallel)
                           : sessions(*model, settings, *parallel);
}
