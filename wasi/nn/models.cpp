// What guests may name, and the one copy of each.
#include "nn/models.h"

#include <algorithm>
#include <new>

namespace bitnet::nn {
namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](auto w) { return equals_ignoring_case(word, w); });
}

/// What stands before the next colon, which is taken off `rest`; without one, nothing.
std::string_view next_part(std::string_view& rest) {
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos)
    return {};
  const std::string_view part = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  return part;
}

} // namespace

Models::Models(Open open, const LoadOptions& options, Parallel& parallel) noexcept
    : open_(open), options_(options), parallel_(&parallel) {}

Models::~Models() {
  while (entries_ != nullptr)
    delete std::exchange(entries_, entries_->next);
}

Status Models::preload(std::string_view spec) noexcept {
  const Error error = Error(ErrorCode::InvalidArgument) << "preload '" << spec << "': ";
  std::string_view path = spec;
  const std::string_view name = next_part(path);
  const std::string_view encoding = next_part(path);
  const std::string_view target = next_part(path);
  if (name.empty() || encoding.empty() || target.empty() || path.empty())
    return Error(error) << "is spelled NAME:ENCODING:TARGET:PATH";
  if (!is_one_of(encoding, {"ggml", "bitnet", "autodetect"}))
    return Error(error) << "the encoding is GGML, BitNet or AUTODETECT";
  if (!is_one_of(target, {"cpu", "gpu", "tpu", "auto"}))
    return Error(error) << "the target is CPU, GPU, TPU or AUTO";
  if (name.size() > limits::kNameBytes)
    return Error(error) << "a name has at most " << limits::kNameBytes << " bytes";
  return insert(name, path, nullptr, is_one_of(encoding, {"bitnet"}));
}

Status Models::add(std::string_view name, const Model& model) noexcept {
  if (name.empty() || name.size() > limits::kNameBytes)
    return Error(ErrorCode::InvalidArgument)
           << "a name has 1 to " << limits::kNameBytes << " bytes";
  return insert(name, {}, &model, false);
}

Status Models::insert(std::string_view name, std::string_view path, const Model* model,
                      bool bitnet) noexcept {
  std::unique_ptr<Entry> entry(new (std::nothrow) Entry);
  if (entry == nullptr)
    return Error(ErrorCode::OutOfMemory) << "preload";
  BITNET_TRY(entry->name.append(name));
  BITNET_TRY(entry->path.append(path));
  entry->bitnet = bitnet;
  if (model != nullptr)
    entry->model = *model;
  const std::lock_guard lock(mutex_);
  entry->next = entries_; // in front: it is found before an older one of the same name
  entries_ = entry.release();
  return {};
}

Models::Entry* Models::find(std::string_view name) noexcept {
  const std::lock_guard lock(mutex_);
  for (Entry* entry = entries_; entry != nullptr; entry = entry->next)
    if (view(entry->name) == name)
      return entry;
  return nullptr;
}

Result<Model> Models::get(Entry& entry) noexcept {
  const std::lock_guard lock(entry.mutex); // guests that ask meanwhile wait, and share
  if (!entry.model) {
    if (open_ == nullptr)
      return Error(ErrorCode::NotFound) << view(entry.path);
    auto model = open_(view(entry.path), options_);
    BITNET_TRY(model);
    entry.model = std::move(*model);
  }
  return *entry.model;
}

} // namespace bitnet::nn
