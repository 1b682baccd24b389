// The size of a tensor, checked by small enumeration and at the edges of 64 bits (a size that depends on several
// fields jointly is what random testing misses).
#include "tensor/dtype.h"

#include <catch_amalgamated.hpp>

#include <string>

using namespace bitnet;

namespace {
constexpr DType kAll[] = {DType::kF32,  DType::kF16,   DType::kQ4_0,  DType::kQ8_0, DType::kQ6_K,
                          DType::kBF16, DType::kTQ1_0, DType::kTQ2_0, DType::kI2_S};
}

TEST_CASE("the table holds the types of the format", "[dtype]") {
  struct Row {
    std::uint32_t number;
    const char* name;
    std::uint32_t weights, bytes;
    bool ternary;
  };
  for (const Row& row :
       {Row{0, "F32", 1, 4, false}, Row{1, "F16", 1, 2, false}, Row{2, "Q4_0", 32, 18, false},
        Row{8, "Q8_0", 32, 34, false}, Row{14, "Q6_K", 256, 210, false},
        Row{30, "BF16", 1, 2, false}, Row{34, "TQ1_0", 256, 54, true},
        Row{35, "TQ2_0", 256, 66, true}, Row{36, "I2_S", 128, 32, true}}) {
    const DTypeInfo* info = find_dtype(row.number);
    REQUIRE(info != nullptr);
    CHECK(std::string(info->name) == row.name);
    CHECK(info->block_weights == row.weights);
    CHECK(info->block_bytes == row.bytes);
    CHECK(info->ternary == row.ternary);
    CHECK(&dtype_info(info->type) == info);
  }
  unsigned known = 0;
  for (std::uint32_t number = 0; number < 1000; ++number)
    known += find_dtype(number) != nullptr;
  CHECK(known == 9);
  CHECK(find_dtype(UINT32_MAX) == nullptr);
}

TEST_CASE("sizes of small shapes", "[dtype]") {
  for (const DType type : kAll)
    for (std::uint64_t rows = 0; rows < 6; ++rows)
      for (std::uint64_t columns = 0; columns < 1030; ++columns) {
        const DTypeInfo& info = dtype_info(type);
        const auto bytes = tensor_bytes(type, rows, columns);
        const std::uint64_t whole = type == DType::kI2_S ? rows * columns : columns;
        if (rows * columns == 0 || whole % info.block_weights != 0) {
          if (bytes || bytes.error().code() != ErrorCode::WrongShape)
            FAIL_CHECK(info.name << " " << rows << " x " << columns << " must be refused");
        } else if (const std::uint64_t expected =
                       type == DType::kI2_S
                           ? rows * columns / 4 + 32
                           : rows * (columns / info.block_weights) * info.block_bytes;
                   !bytes || *bytes != expected) {
          FAIL_CHECK(info.name << " " << rows << " x " << columns);
        }
      }
}

TEST_CASE("sizes at the edge of 64 bits", "[dtype]") {
  for (const DType type : kAll) {
    CHECK(!tensor_bytes(type, 1ULL << 32, 1ULL << 32)); // the product is 0 in 64 bits
    CHECK(!tensor_bytes(type, 1ULL << 33, 1ULL << 33));
    CHECK(!tensor_bytes(type, UINT64_MAX, UINT64_MAX));
    const auto most =
        tensor_bytes(type, 1ULL << 31, 1ULL << 29); // 2^60 weights: below 2^62 bytes of F32
    REQUIRE(most);
    CHECK(*most > 1ULL << 57);
  }
  const auto bytes = tensor_bytes(DType::kF32, 1, 1ULL << 62); // 2^64 bytes
  REQUIRE(!bytes);
  CHECK(bytes.error().code() == ErrorCode::LimitExceeded);
  CHECK(tensor_bytes(DType::kF32, 1, (1ULL << 62) - 1));
  CHECK(tensor_bytes(DType::kF16, 1, (1ULL << 63) - 1));
  CHECK(!tensor_bytes(DType::kF16, 1, 1ULL << 63));
}
