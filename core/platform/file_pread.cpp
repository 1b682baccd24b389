// A Source over a file, by pread, on every target. Not mmap: the loader copies each tensor exactly
// once (into its packed form) anyway, a mapped file that shrinks under us is a SIGBUS that no
// caller can catch, and wasm has no mapping. Holds a descriptor; never a byte of the file.
#include "platform/file.h"

#include <cerrno>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bitnet {
namespace {

// Some systems refuse a single read of 2 GiB and more; wasm32's ssize_t cannot even say it.
constexpr std::size_t kMostPerRead = std::size_t{1} << 30;

class FileSource final : public Source {
public:
  FileSource(int descriptor, std::uint64_t size) noexcept : descriptor_(descriptor), size_(size) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { ::close(descriptor_); }

  std::uint64_t size() const noexcept override { return size_; }

  Status read(std::uint64_t offset, MutableBytes into) noexcept override {
    while (!into.empty()) {
      const std::size_t wanted = into.size() < kMostPerRead ? into.size() : kMostPerRead;
      const ssize_t got = ::pread(descriptor_, into.data(), wanted, static_cast<off_t>(offset));
      if (got < 0) {
        if (errno == EINTR)
          continue;
        return Error(ErrorCode::Io) << "at byte " << offset << ": " << std::strerror(errno);
      }
      if (got == 0)
        return Error(ErrorCode::Truncated) << "nothing at byte " << offset;
      // A short read is no error: WASI hosts answer in pieces.
      offset += static_cast<std::uint64_t>(got);
      into = into.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

private:
  int descriptor_;
  std::uint64_t size_;
};

} // namespace

Result<std::unique_ptr<Source>> open_file(const std::string& path) noexcept {
  struct stat status = {};
  // Asked before opening: opening a pipe would wait for its other end.
  if (::stat(path.c_str(), &status) != 0)
    return Error(ErrorCode::NotFound) << path << ": " << std::strerror(errno);
  if (S_ISDIR(status.st_mode))
    return Error(ErrorCode::NotFound) << path << ": a folder, not a file";
  if (!S_ISREG(status.st_mode))
    return Error(ErrorCode::Io) << path << ": not a regular file, which reading in any order needs";
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return Error(ErrorCode::NotFound) << path << ": " << std::strerror(errno);
  if (::fstat(descriptor, &status) != 0 || status.st_size < 0) {
    const int reason = errno;
    ::close(descriptor);
    return Error(ErrorCode::Io) << path << ": " << std::strerror(reason);
  }
  auto* source =
      new (std::nothrow) FileSource(descriptor, static_cast<std::uint64_t>(status.st_size));
  if (source == nullptr) {
    ::close(descriptor);
    return Error(ErrorCode::OutOfMemory) << path;
  }
  return std::unique_ptr<Source>(source);
}

} // namespace bitnet
