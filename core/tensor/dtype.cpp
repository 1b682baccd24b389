// The table of tensor types and the one formula for a tensor's bytes. Never allocates.
#include "tensor/dtype.h"

#include "base/checked.h"

namespace bitnet {
namespace {

constexpr DTypeInfo kTypes[] = {
    // type          name      weights bytes tail ternary rows of blocks
    {DType::kF32, "F32", 1, 4, 0, false, true},
    {DType::kF16, "F16", 1, 2, 0, false, true},
    {DType::kQ4_0, "Q4_0", 32, 18, 0, false, true},
    {DType::kQ8_0, "Q8_0", 32, 34, 0, false, true},
    {DType::kQ6_K, "Q6_K", 256, 210, 0, false, true},
    {DType::kBF16, "BF16", 1, 2, 0, false, true},
    {DType::kTQ1_0, "TQ1_0", 256, 54, 0, true, true},
    {DType::kTQ2_0, "TQ2_0", 256, 66, 0, true, true},
    {DType::kI2_S, "I2_S", 128, 32, 32, true, false},
};

} // namespace

const DTypeInfo* find_dtype(std::uint32_t number) noexcept {
  for (const DTypeInfo& info : kTypes)
    if (static_cast<std::uint32_t>(info.type) == number)
      return &info;
  return nullptr;
}

const DTypeInfo& dtype_info(DType type) noexcept {
  const DTypeInfo* info = find_dtype(static_cast<std::uint32_t>(type));
  return info != nullptr ? *info : kTypes[0]; // every DType has its row
}

Result<std::uint64_t> tensor_bytes(DType type, std::uint64_t rows, std::uint64_t columns) noexcept {
  const DTypeInfo& info = dtype_info(type);
  if (rows == 0 || columns == 0)
    return Error(ErrorCode::WrongShape) << "a tensor of no weights";
  const auto weights = checked_mul(rows, columns);
  if (!weights)
    return Error(ErrorCode::LimitExceeded) << columns << " x " << rows << " weights";
  const std::uint64_t whole = info.rows_of_blocks ? columns : *weights;
  if (whole % info.block_weights != 0)
    return Error(ErrorCode::WrongShape)
           << info.name << (info.rows_of_blocks ? " row of " : " tensor of ") << whole
           << " weights is not a multiple of " << info.block_weights;
  const auto blocks = checked_mul(*weights / info.block_weights, info.block_bytes);
  const auto bytes = blocks ? checked_add(*blocks, info.tail_bytes) : blocks;
  if (!bytes)
    return Error(ErrorCode::LimitExceeded)
           << columns << " x " << rows << " weights of " << info.name;
  return *bytes;
}

} // namespace bitnet
