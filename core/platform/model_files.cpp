// The files of a model by the name of one of them.
#include "platform/file.h"

#include <algorithm>
#include <cstdio>

namespace bitnet {
namespace {

constexpr std::string_view kEnd = ".gguf", kBetween = "-of-";
constexpr std::size_t kDigits = 5;
/// More than core takes (gguf/limits.h): nobody is to open a hundred thousand files before it says so.
constexpr unsigned long kMostFiles = 1000;

bool is_number(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

std::vector<std::string> model_files(const std::string& path) {
  // name - 00002 -of- 00003 .gguf
  constexpr std::size_t kTail = 1 + kDigits + kBetween.size() + kDigits + kEnd.size();
  if (path.size() < kTail)
    return {path};
  const std::string name = path.substr(0, path.size() - kTail), tail = path.substr(name.size());
  const std::string number = tail.substr(1, kDigits),
                    count = tail.substr(1 + kDigits + kBetween.size(), kDigits);
  if (tail != "-" + number + std::string(kBetween) + count + std::string(kEnd) ||
      !is_number(number) || !is_number(count))
    return {path};
  const unsigned long files = std::stoul(count), own = std::stoul(number);
  if (own == 0 || own > files || files > kMostFiles)
    return {path};
  std::vector<std::string> paths;
  for (unsigned long i = 1; i <= files; ++i) {
    char digits[24];
    std::snprintf(digits, sizeof digits, "-%05lu", i);
    paths.push_back(name + digits + tail.substr(1 + kDigits));
  }
  return paths;
}

Result<ModelFiles> ModelFiles::open(const std::string& path) noexcept {
  ModelFiles model;
  for (const std::string& name : model_files(path)) {
    auto file = open_file(name);
    BITNET_TRY(file);
    model.pointers_.push_back(file->get());
    model.files_.push_back(std::move(*file));
  }
  return model;
}

} // namespace bitnet
