// What the tests of this layer share: how many random cases to run, arrays that begin off their natural alignment and
// end exactly where their last element does, and packed matrices.
#pragma once

#include "base/checked.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "support/encode.h"

#include <catch_amalgamated.hpp>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#ifdef BITNET_AVXVNNI_BY_AVX512
namespace bitnet {
extern const Kernels kernels_avxvnni_by_avx512;
}
#endif

namespace bitnet::test {

/// `few` cases, or `many` when the environment asks for all of it.
inline std::size_t cases(std::size_t few, std::size_t many) {
  const char* full = std::getenv("BITNET_FULL");
  return full != nullptr && *full != '\0' ? many : few;
}

/// The sets of this build that this machine runs, and the body of AVX-VNNI by AVX-512's instructions where only those are
/// there (tests/CMakeLists.txt).
inline std::vector<const Kernels*> sets_here() {
  std::vector<const Kernels*> sets(all_kernels().begin(), all_kernels().end());
#ifdef BITNET_AVXVNNI_BY_AVX512
  if (cpu_runs("avx512_vnni"))
    sets.push_back(&kernels_avxvnni_by_avx512);
#endif
  return sets;
}

/// 0 to n-1, as an index.
inline std::size_t pick(Random& random, std::size_t n) {
  return static_cast<std::size_t>(random.below(n));
}

/// `count` elements, the first one `shift` elements behind an aligned address. The sanitizers see a read or a write
/// beyond the last.
template <class T> class Shifted {
public:
  Shifted(std::size_t count, std::size_t shift, T fill = {})
      : data_(count + shift, fill), shift_(shift) {}
  T* data() { return data_.data() + shift_; }
  const T* data() const { return data_.data() + shift_; }
  std::size_t size() const { return data_.size() - shift_; }
  T& operator[](std::size_t i) { return data_[shift_ + i]; }
  const T& operator[](std::size_t i) const { return data_[shift_ + i]; }

private:
  std::vector<T> data_;
  std::size_t shift_;
};

template <class T> bool same_bits(const Shifted<T>& a, const Shifted<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// The packed form of `codes` [rows][columns] for one set of kernels.
inline Shifted<std::uint8_t> packed(const Kernels& k, const std::vector<std::uint8_t>& codes,
                                    std::size_t rows, std::size_t columns, std::size_t shift = 0) {
  Shifted<std::uint8_t> out(static_cast<std::size_t>(packed_bytes(k, rows, columns)), shift);
  const auto tile_bytes = static_cast<std::size_t>(packed_bytes(k, k.tile_rows, columns));
  for (std::size_t row = 0; row < rows; row += k.tile_rows)
    pack_tile(k, codes.data() + row * columns, columns, std::min(k.tile_rows, rows - row), columns,
              out.data() + row / k.tile_rows * tile_bytes);
  return out;
}

/// The same of the codes of a scan.
inline Shifted<std::uint8_t> packed_scan(const Kernels& k, ScanType type,
                                         const std::vector<std::uint8_t>& codes, std::size_t rows,
                                         std::size_t columns, std::size_t shift = 0) {
  Shifted<std::uint8_t> out(static_cast<std::size_t>(scan_bytes(k, type, rows, columns)), shift,
                            std::uint8_t{0xaa});
  const auto tile_bytes = static_cast<std::size_t>(scan_bytes(k, type, k.scan_tile_rows, columns));
  for (std::size_t row = 0; row < rows; row += k.scan_tile_rows)
    pack_scan_tile(k, type, codes.data() + row * columns, columns,
                   std::min(k.scan_tile_rows, rows - row), columns,
                   out.data() + row / k.scan_tile_rows * tile_bytes);
  return out;
}
/// The largest code of a scan.
inline std::uint8_t most_code(ScanType type) { return type == ScanType::k4 ? 15 : 127; }

} // namespace bitnet::test
