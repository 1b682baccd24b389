// The GGUF header parser. Enters: the first bytes of a file, hostile until shown otherwise, and the file's size.
// Leaves: metadata and a tensor table that a loader can trust, or an error that names the place. Every length and count
// is held against the bytes present and against limits.h before anything is allocated or looped over; time is
// O(n log n) and memory O(n) in the header's bytes. Never reads the file, never recurses.
//
//   magic "GGUF" | u32 version | u64 tensors | u64 entries | entry ... | tensor ... | padding | data
//   entry:   string key | u32 type | value           string: u64 length | bytes
//   array:   u32 element type | u64 count | items    tensor: string name | u32 n | n x u64 extent | u32 type | u64 offset
#include "gguf/reader.h"

#include "base/checked.h"
#include "base/reader.h"
#include "gguf/limits.h"
#include "gguf/values.h"

#include <algorithm>

namespace bitnet {
namespace {

std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Does `text` start with `start` (given in lower case), whatever its letters' case?
bool starts_like(std::string_view text, std::string_view start) noexcept {
  if (text.size() < start.size())
    return false;
  for (std::size_t i = 0; i < start.size(); ++i) {
    const char c =
        text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != start[i])
      return false;
  }
  return true;
}

/// What people get instead of the file they asked for.
Error not_gguf(Bytes prefix) noexcept {
  std::string_view text = as_text(prefix);
  if (starts_like(text, "\xef\xbb\xbf")) // byte order mark
    text.remove_prefix(3);
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r' || text[0] == '\n'))
    text.remove_prefix(1);
  Error error(ErrorCode::NotGguf);
  if (text.empty() && prefix.empty())
    error << "the file is empty";
  else if (starts_like(text, "<!doctype") || starts_like(text, "<html"))
    error << "it looks like a web page (an error or login page saved in place of the file?)";
  else if (starts_like(text, "version https://git-lfs"))
    error << "it is a Git LFS pointer: the file itself was not downloaded (git lfs pull)";
  else
    error << "the first bytes are not \"GGUF\"";
  return error;
}

} // namespace

class GgufParser {
public:
  GgufParser(Bytes prefix, std::uint64_t file_size) noexcept
      : reader_(prefix.first(static_cast<std::size_t>(
            std::min<std::uint64_t>(prefix.size(), limits::kHeaderBytes)))),
        prefix_(prefix), file_size_(file_size) {}

  Result<Gguf> parse() noexcept {
    BITNET_TRY(parse_start());
    BITNET_TRY(parse_entries());
    BITNET_TRY(parse_alignment());
    BITNET_TRY(parse_tensors());
    std::sort(gguf_.tensors.begin(), gguf_.tensors.end(),
              [](const TensorInfo& a, const TensorInfo& b) {
                return a.offset != b.offset ? a.offset < b.offset : a.name < b.name;
              });
    BITNET_TRY(index_names(gguf_));
    BITNET_TRY(place_tensors());
    return std::move(gguf_);
  }

private:
  /// `bytes` more bytes were wanted for `what` (and the thing named) than the prefix holds: which error is that?
  Error shortage(std::uint64_t bytes, const char* what, std::string_view name = {}) const noexcept {
    const auto end = checked_add(reader_.position(), bytes);
    const bool in_file = end && *end <= file_size_;
    // Shorter than a whole header may be: the file may have been cut. Longer: no file can be meant.
    const ErrorCode code = in_file && *end > limits::kHeaderBytes     ? ErrorCode::LimitExceeded
                           : !in_file && bytes > limits::kHeaderBytes ? ErrorCode::Malformed
                                                                      : ErrorCode::Truncated;
    Error error(code);
    if (code == ErrorCode::LimitExceeded)
      error << "header longer than " << limits::kHeaderBytes << " bytes: ";
    else if (in_file)
      error << "more of the header wanted: ";
    else if (code == ErrorCode::Truncated)
      error << "file ends inside ";
    error << what;
    if (!name.empty())
      error << " '" << name << "'";
    return error << " at byte " << std::uint64_t{reader_.position()} << ", " << bytes
                 << " bytes long, file has " << file_size_;
  }

  template <class T> Result<T> read(const char* what, std::string_view name = {}) noexcept {
    if (const auto value = reader_.read<T>())
      return *value;
    return shortage(sizeof(T), what, name);
  }

  Result<Bytes> take(std::uint64_t bytes, const char* what, std::string_view name = {}) noexcept {
    if (const auto taken = reader_.take(bytes))
      return *taken;
    return shortage(bytes, what, name);
  }

  Result<Bytes> read_string(const char* what, std::string_view name = {}) noexcept {
    const auto length = read<std::uint64_t>(what, name);
    BITNET_TRY(length);
    return take(*length, what, name);
  }

  /// A key or a tensor name.
  Result<std::string_view> read_name(const char* what) noexcept {
    const auto length = read<std::uint64_t>(what);
    BITNET_TRY(length);
    if (*length > limits::kNameBytes)
      return at(ErrorCode::LimitExceeded)
             << what << " of " << *length << " bytes, at most " << limits::kNameBytes;
    const auto text = take(*length, what);
    BITNET_TRY(text);
    return as_text(*text);
  }

  /// An error that begins with the place.
  Error at(ErrorCode code) const noexcept {
    return Error(code) << "at byte " << std::uint64_t{reader_.position()} << ": ";
  }

  Status parse_start() noexcept {
    constexpr std::string_view kMagic = "GGUF";
    const std::string_view start = as_text(prefix_.first(std::min(prefix_.size(), kMagic.size())));
    if (file_size_ == 0 || start != kMagic.substr(0, start.size()))
      return not_gguf(prefix_);
    BITNET_TRY(take(kMagic.size(), "the magic"));

    const auto version = read<std::uint32_t>("the version");
    BITNET_TRY(version);
    if (*version != 2 && *version != 3) {
      if ((*version & 0xffffU) == 0 && *version != 0) // 3 written big-endian reads as 3 << 24
        return Error(ErrorCode::UnsupportedVersion) << "big-endian file";
      return Error(ErrorCode::UnsupportedVersion) << "version " << *version << ", 2 and 3 are read";
    }
    gguf_.version = *version;

    const auto tensors = read<std::uint64_t>("the tensor count");
    BITNET_TRY(tensors);
    if (*tensors > limits::kTensors)
      return Error(ErrorCode::LimitExceeded)
             << *tensors << " tensors, at most " << limits::kTensors;
    const auto entries = read<std::uint64_t>("the metadata count");
    BITNET_TRY(entries);
    if (*entries > limits::kMetadataEntries)
      return Error(ErrorCode::LimitExceeded)
             << *entries << " metadata entries, at most " << limits::kMetadataEntries;
    tensor_count_ = *tensors;
    entry_count_ = *entries;
    return {};
  }

  Status parse_entries() noexcept {
    Vec<MetadataEntry>& entries = gguf_.metadata.entries_;
    for (std::uint64_t i = 0; i < entry_count_; ++i) {
      MetadataEntry entry;
      const auto key = read_name("key");
      BITNET_TRY(key);
      entry.key = *key;
      const auto type = read<std::uint32_t>("type of key", entry.key);
      BITNET_TRY(type);
      entry.type = static_cast<ValueType>(*type);
      BITNET_TRY(parse_value(entry));
      BITNET_TRY(entries.push(entry));
    }
    const auto less = [](const MetadataEntry& a, const MetadataEntry& b) { return a.key < b.key; };
    std::sort(entries.begin(), entries.end(), less);
    for (std::size_t i = 1; i < entries.size(); ++i)
      if (entries[i - 1].key == entries[i].key)
        return Error(ErrorCode::Malformed) << "key '" << entries[i].key << "' occurs twice";
    return {};
  }

  Status parse_value(MetadataEntry& entry) noexcept {
    if (entry.type == ValueType::kArray)
      return parse_array(entry);
    const std::uint64_t fixed = value_bytes(entry.type);
    if (fixed == 0 && entry.type != ValueType::kString)
      return at(ErrorCode::Malformed)
             << "key '" << entry.key << "' has type " << static_cast<std::uint32_t>(entry.type)
             << ", which does not exist";
    const auto value = fixed != 0 ? take(fixed, "value of key", entry.key)
                                  : read_string("value of key", entry.key);
    BITNET_TRY(value);
    entry.value = *value;
    return entry.type == ValueType::kBool ? check_booleans(entry) : Status();
  }

  Status parse_array(MetadataEntry& entry) noexcept {
    const auto element = read<std::uint32_t>("array of key", entry.key);
    BITNET_TRY(element);
    entry.element = static_cast<ValueType>(*element);
    const auto count = read<std::uint64_t>("array of key", entry.key);
    BITNET_TRY(count);
    entry.count = *count;

    const std::uint64_t fixed = value_bytes(entry.element);
    if (fixed == 0 && entry.element != ValueType::kString)
      return at(ErrorCode::Malformed)
             << "key '" << entry.key << "' is an array of type " << *element
             << (entry.element == ValueType::kArray ? ": arrays of arrays are not read"
                                                    : ", which does not exist");
    // The least that so many items take; for strings that is their lengths. Held against the bytes before any loop.
    constexpr std::uint64_t kStringBytes = 8;
    const std::uint64_t least =
        checked_mul(*count, fixed != 0 ? fixed : kStringBytes).value_or(UINT64_MAX);
    if (least > reader_.left())
      return shortage(least, "array of key", entry.key);
    if (fixed != 0) {
      const auto items = take(least, "array of key", entry.key);
      BITNET_TRY(items);
      entry.value = *items;
      return entry.element == ValueType::kBool ? check_booleans(entry) : Status();
    }
    const std::size_t first = reader_.position();
    for (std::uint64_t i = 0; i < *count; ++i)
      BITNET_TRY(read_string("array of key", entry.key));
    entry.value = prefix_.subspan(first, reader_.position() - first);
    return {};
  }

  /// A byte that is neither 0 nor 1 would be a bool that is both true and false.
  Status check_booleans(const MetadataEntry& entry) const noexcept {
    for (const std::uint8_t byte : entry.value)
      if (byte > 1)
        return at(ErrorCode::Malformed)
               << "key '" << entry.key << "' has a boolean of value " << std::uint32_t{byte};
    return {};
  }

  Status parse_alignment() noexcept {
    constexpr std::string_view kKey = "general.alignment";
    const auto alignment = gguf_.metadata.integer_or(kKey, gguf_.alignment);
    BITNET_TRY(alignment);
    if (*alignment > limits::kAlignment)
      return Error(ErrorCode::LimitExceeded)
             << kKey << " is " << *alignment << ", at most " << limits::kAlignment;
    if (*alignment == 0 || (*alignment & (*alignment - 1)) != 0)
      return Error(ErrorCode::Malformed) << kKey << " is " << *alignment << ", not a power of two";
    gguf_.alignment = *alignment;
    return {};
  }

  Status parse_tensors() noexcept {
    for (std::uint64_t i = 0; i < tensor_count_; ++i) {
      TensorInfo tensor;
      BITNET_TRY(parse_tensor(tensor));
      BITNET_TRY(gguf_.tensors.push(tensor));
    }
    gguf_.data_offset =
        (reader_.position() + gguf_.alignment - 1) & ~(gguf_.alignment - 1); // both below 2^27
    return {};
  }

  Status parse_tensor(TensorInfo& tensor) noexcept {
    const auto name = read_name("tensor name");
    BITNET_TRY(name);
    tensor.name = *name;
    const auto dimensions = read<std::uint32_t>("tensor", tensor.name);
    BITNET_TRY(dimensions);
    if (*dimensions > limits::kDimensions)
      return at(ErrorCode::LimitExceeded) << "tensor '" << tensor.name << "' has " << *dimensions
                                          << " dimensions, at most " << limits::kDimensions;
    if (*dimensions == 0)
      return at(ErrorCode::Malformed) << "tensor '" << tensor.name << "' has no dimensions";
    tensor.dimensions = *dimensions;

    std::uint64_t weights = 1;
    for (std::uint32_t d = 0; d < tensor.dimensions; ++d) {
      const auto extent = read<std::uint64_t>("shape of tensor", tensor.name);
      BITNET_TRY(extent);
      if (*extent == 0)
        return at(ErrorCode::Malformed) << "tensor '" << tensor.name << "' has a dimension of 0";
      // No extent is 0, so the product never shrinks: stopping at the first excess is the same as at the last.
      weights = checked_mul(weights, *extent).value_or(UINT64_MAX);
      if (weights > limits::kTensorWeights)
        return at(ErrorCode::LimitExceeded) << "tensor '" << tensor.name << "' has more than "
                                            << limits::kTensorWeights << " weights";
      tensor.shape[d] = *extent;
    }

    const auto type = read<std::uint32_t>("type of tensor", tensor.name);
    BITNET_TRY(type);
    const auto offset = read<std::uint64_t>("offset of tensor", tensor.name);
    BITNET_TRY(offset);
    tensor.offset = *offset; // from the start of the data until place_tensors()
    const DTypeInfo* info = find_dtype(*type);
    if (info == nullptr)
      return at(ErrorCode::UnsupportedType) << "tensor '" << tensor.name << "' has type " << *type;
    tensor.type = info->type;
    const auto bytes = tensor_bytes(tensor.type, tensor.rows(), tensor.columns());
    if (!bytes)
      return Error(bytes.error().code())
             << "tensor '" << tensor.name << "': " << bytes.error().detail();
    tensor.bytes = *bytes;
    return {};
  }

  /// Offsets become places in the file: aligned, inside it, none overlapping another.
  Status place_tensors() noexcept {
    Vec<TensorInfo>& tensors = gguf_.tensors;
    // The file's least size were the tensors packed as tightly as can be. Sizes are below 2^43 and tensors below 2^15.
    std::uint64_t packed_end = gguf_.data_offset;
    for (const TensorInfo& tensor : tensors)
      packed_end = aligned(packed_end) + tensor.bytes;
    if (!tensors.empty() && packed_end > file_size_)
      return Error(ErrorCode::Truncated) << "file ends inside the tensor data: " << packed_end
                                         << " bytes wanted, file has " << file_size_;

    for (TensorInfo& tensor : tensors) {
      if (tensor.offset % gguf_.alignment != 0)
        return misplaced(tensor, "is not aligned");
      const auto offset = checked_add(gguf_.data_offset, tensor.offset);
      const auto end = offset ? checked_add(*offset, tensor.bytes) : offset;
      if (!end || *end > file_size_)
        return misplaced(tensor, "is outside the file");
      tensor.offset = *offset;
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const bool last = i + 1 == tensors.size();
      const std::uint64_t room = (last ? file_size_ : tensors[i + 1].offset) - tensors[i].offset;
      if (tensors[i].type == DType::kI2_S)
        BITNET_TRY(check_i2_s(tensors[i], room, last));
      if (tensors[i].bytes > room)
        return misplaced(tensors[i + 1], "overlaps the tensor before");
    }
    return {};
  }

  /// Number 36 has had other owners; only the room up to the next tensor tells them apart.
  Status check_i2_s(const TensorInfo& tensor, std::uint64_t room, bool last) const noexcept {
    if (last ? tensor.bytes <= room : aligned(tensor.bytes) == room)
      return {};
    return Error(ErrorCode::UnsupportedType) << "tensor '" << tensor.name << "' has type 36 and "
                                             << room << " bytes; I2_S has " << tensor.bytes;
  }

  static Error misplaced(const TensorInfo& tensor, const char* how) noexcept {
    return Error(ErrorCode::Malformed)
           << "tensor '" << tensor.name << "' at offset " << tensor.offset << ", " << tensor.bytes
           << " bytes, " << how;
  }

  std::uint64_t aligned(std::uint64_t value) const noexcept {
    return (value + gguf_.alignment - 1) & ~(gguf_.alignment - 1);
  }

  Reader reader_;
  Bytes prefix_;
  std::uint64_t file_size_;
  std::uint64_t tensor_count_ = 0, entry_count_ = 0;
  Gguf gguf_;
};

const TensorInfo* Gguf::find(std::string_view name) const noexcept {
  const auto* index =
      std::lower_bound(by_name.begin(), by_name.end(), name,
                       [&](std::uint32_t i, std::string_view n) { return tensors[i].name < n; });
  return index != by_name.end() && tensors[*index].name == name ? &tensors[*index] : nullptr;
}

Status index_names(Gguf& gguf) noexcept {
  const Vec<TensorInfo>& tensors = gguf.tensors;
  Vec<std::uint32_t>& order = gguf.by_name;
  order.clear();
  BITNET_TRY(order.reserve(tensors.size()));
  for (std::uint32_t i = 0; i < tensors.size(); ++i)
    BITNET_TRY(order.push(i));
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return tensors[a].name != tensors[b].name ? tensors[a].name < tensors[b].name : a < b;
  });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const TensorInfo &one = tensors[order[i - 1]], &other = tensors[order[i]];
    if (one.name != other.name)
      continue;
    Error error(ErrorCode::Malformed);
    error << "tensor '" << one.name << "' occurs twice";
    if (one.file != other.file)
      error << ", in files " << one.file + 1 << " and " << other.file + 1;
    return error;
  }
  return {};
}

Result<Gguf> parse_gguf(Bytes prefix, std::uint64_t file_size) noexcept {
  if (prefix.size() > file_size)
    return Error(ErrorCode::InvalidArgument)
           << "a prefix of " << std::uint64_t{prefix.size()} << " bytes of a file of " << file_size;
  return GgufParser(prefix, file_size).parse();
}

} // namespace bitnet
