#include "platform/file.h"

#include <catch_amalgamated.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace {

// In the current folder, the one place that every engine can write to.
constexpr const char* kPath = "build/file_pread_test.tmp";

bool write_file(std::size_t size) {
  std::FILE* file = std::fopen(kPath, "wb");
  if (file == nullptr)
    return false;
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i * 31 + i / 256);
  const bool written = std::fwrite(bytes.data(), 1, size, file) == size;
  return std::fclose(file) == 0 && written;
}

} // namespace

TEST_CASE("a file reads back whole and in any order", "[platform]") {
  constexpr std::size_t kSize = 300'001;
  if (!write_file(kSize))
    SKIP("no folder build/ to write into");
  auto source = bitnet::open_file(kPath);
  CHECK(source);
  if (!source)
    return;
  CHECK((*source)->size() == kSize);
  std::vector<std::uint8_t> all(kSize);
  CHECK((*source)->read(0, all));
  std::vector<std::uint8_t> part(1000);
  CHECK((*source)->read(kSize - 1000, part));
  CHECK(std::equal(part.begin(), part.end(), all.end() - 1000));
  CHECK((*source)->read(17, part));
  CHECK(std::equal(part.begin(), part.end(), all.begin() + 17));
  CHECK(all[513] == static_cast<std::uint8_t>(513 * 31 + 2));
  CHECK((*source)->read(kSize, {})); // nothing of nothing
  std::remove(kPath);
}

TEST_CASE("bytes that are not there are Truncated", "[platform]") {
  if (!write_file(100))
    SKIP("no folder build/ to write into");
  auto source = bitnet::open_file(kPath);
  CHECK(source);
  if (!source)
    return;
  std::vector<std::uint8_t> bytes(101);
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{99}, std::uint64_t{1} << 40}) {
    const bitnet::Status status = (*source)->read(offset, bytes);
    CHECK_FALSE(status);
    if (!status)
      CHECK(status.error().code() == bitnet::ErrorCode::Truncated);
  }
  std::remove(kPath);
}

TEST_CASE("what is no file is refused and named", "[platform]") {
  const auto missing = bitnet::open_file("build/there is no such file");
  CHECK_FALSE(missing);
  if (!missing) {
    CHECK(missing.error().code() == bitnet::ErrorCode::NotFound);
    CHECK(missing.error().detail().find("no such file") != std::string_view::npos);
  }
  const auto folder = bitnet::open_file("core");
  CHECK_FALSE(folder);
  if (!folder)
    CHECK(folder.error().code() == bitnet::ErrorCode::NotFound);
  CHECK_FALSE(bitnet::open_file(""));
}
