// See stop_filter.h.
#include "engine/stop_filter.h"

#include <algorithm>

namespace bitnet {

Status StopFilter::set(std::span<const std::string_view> stops) noexcept {
  held_.clear();
  count_ = 0;
  if (stops.size() > kMostStrings)
    return Error(ErrorCode::InvalidArgument)
           << "stop: " << std::uint64_t{stops.size()} << " strings, at most 16";
  for (const std::string_view stop : stops) {
    if (stop.empty() || stop.size() > kMostBytes)
      return Error(ErrorCode::InvalidArgument)
             << "stop: a string of " << std::uint64_t{stop.size()} << " bytes, 1 to 256";
    std::copy(stop.begin(), stop.end(), bytes_[count_].begin());
    lengths_[count_++] = stop.size();
  }
  return {};
}

Result<bool> StopFilter::push(std::string_view text, Text& out) noexcept {
  if (count_ == 0) {
    BITNET_TRY(out.append(text));
    return false;
  }
  BITNET_TRY(held_.append(text));
  const std::string_view held = view(held_);
  std::size_t first = std::string_view::npos;
  std::size_t keep = 0; // the longest end of `held` that begins a stop string
  for (std::size_t i = 0; i < count_; ++i) {
    const std::string_view stop{bytes_[i].data(), lengths_[i]};
    first = std::min(first, held.find(stop));
    for (std::size_t n = std::min(stop.size() - 1, held.size()); n > keep; --n)
      if (held.ends_with(stop.substr(0, n)))
        keep = n;
  }
  if (first != std::string_view::npos) {
    BITNET_TRY(out.append(held.substr(0, first)));
    held_.clear();
    return true;
  }
  const std::size_t given = held.size() - keep;
  BITNET_TRY(out.append(held.substr(0, given)));
  std::copy(held_.begin() + given, held_.end(), held_.begin());
  held_.truncate(keep);
  return false;
}

Status StopFilter::finish(Text& out) noexcept {
  BITNET_TRY(out.append(view(held_)));
  held_.clear();
  return {};
}

} // namespace bitnet
