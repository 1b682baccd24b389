// Any bytes to the header parser, at several prefix lengths and file sizes; what parses is walked and decoded.
// A broken promise of gguf/reader.h is a crash.
#include "fuzz/mutate.h"
#include "support/walk_gguf.h"

using namespace bitnet;

namespace {

void require(bool promise) {
  if (!promise)
    __builtin_trap();
}

ErrorCode code_of(const Result<Gguf>& gguf) { return gguf ? ErrorCode::Ok : gguf.error().code(); }

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return test::mutate(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes file(data, size);
  const auto whole = parse_gguf(file, size);
  require(whole ? test::walk(*whole, file, size) : !whole.error().detail().empty());

  std::uint64_t choice = size; // depends on the bytes alone, so that a crash repeats
  for (std::size_t i = 0; i < size && i < 4096; ++i)
    choice = choice * 1099511628211ULL + data[i];
  test::Random random(choice);

  // From a first piece: the same answer, or that more is wanted.
  const auto length =
      static_cast<std::size_t>(random.below(std::min<std::uint64_t>(size, 1 << 14) + 1));
  const test::ByteVector piece(data, data + length); // a copy ends where its allocation ends
  const ErrorCode code = code_of(parse_gguf(piece, size));
  require(code == code_of(whole) || code == ErrorCode::Truncated);

  // As the beginning of a longer file.
  const std::uint64_t longer = size + (random.next() >> random.below(64)) / 2;
  const auto beginning = parse_gguf(file, longer);
  require(!beginning || test::walk(*beginning, file, longer));
  return 0;
}
