// The door to hostile files: valid headers parse, every prefix is Truncated, every lie is refused by name, and no
// change of any byte or field breaks a promise (run under ASan and UBSan too).
#include "gguf/limits.h"
#include "gguf/reader.h"
#include "support/tiny_gguf.h"
#include "support/walk_gguf.h"

#include <catch_amalgamated.hpp>

#include <functional>

using namespace bitnet;
using namespace bitnet::test;

namespace {

ErrorCode parse_code(const ByteVector& bytes) {
  const auto gguf = parse_gguf(bytes, bytes.size());
  return gguf ? ErrorCode::Ok : gguf.error().code();
}

/// A valid file of every value type and every tensor type, small enough to try everything with it.
GgufBuilder sample() {
  GgufBuilder file;
  file.set("general.architecture", "sample").set("general.alignment", std::uint32_t{32});
  file.set("a.u8", std::uint8_t{1}).set("a.i8", std::int8_t{-1}).set("a.u16", std::uint16_t{1});
  file.set("a.i16", std::int16_t{-1}).set("a.u32", std::uint32_t{1}).set("a.i32", std::int32_t{-1});
  file.set("a.u64", std::uint64_t{1})
      .set("a.i64", std::int64_t{-1})
      .set("a.f32", 1.5F)
      .set("a.f64", 2.5);
  file.set("a.bool", true).set("a.strings", std::vector<std::string>{"one", "", "three"});
  file.set("a.floats", std::vector<float>{1, 2, 3})
      .set("a.bytes", std::vector<std::uint8_t>{1, 2, 3, 4, 5});
  for (const DType type : {DType::kF32, DType::kF16, DType::kI2_S, DType::kBF16, DType::kQ8_0,
                           DType::kQ4_0, DType::kQ6_K, DType::kTQ1_0, DType::kTQ2_0})
    file.tensor(dtype_info(type).name, type, {256, 2},
                ByteVector(static_cast<std::size_t>(*tensor_bytes(type, 2, 256))));
  file.tensor("cube", DType::kF32, {2, 3, 2, 2}, ByteVector(96));
  return file;
}

/// A smaller one, for pairs of fields.
GgufBuilder small_sample() {
  GgufBuilder file;
  file.set("k", "text")
      .set("list", std::vector<std::string>{"ab"})
      .set("n", std::vector<std::uint16_t>{1, 2});
  file.tensor("w", DType::kI2_S, {64, 2}, ByteVector(64))
      .tensor("x", DType::kF16, {4, 2}, ByteVector(16));
  return file;
}

bool same(const Gguf& a, const Gguf& b) {
  if (a.version != b.version || a.alignment != b.alignment || a.data_offset != b.data_offset ||
      a.tensors.size() != b.tensors.size() ||
      a.metadata.entries().size() != b.metadata.entries().size())
    return false;
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    const TensorInfo &s = a.tensors[i], &t = b.tensors[i];
    if (s.name != t.name || s.type != t.type || s.dimensions != t.dimensions ||
        s.shape != t.shape || s.offset != t.offset || s.bytes != t.bytes)
      return false;
  }
  for (std::size_t i = 0; i < a.metadata.entries().size(); ++i) {
    const MetadataEntry &s = a.metadata.entries()[i], &t = b.metadata.entries()[i];
    if (s.key != t.key || s.type != t.type || s.element != t.element || s.count != t.count ||
        !std::equal(s.value.begin(), s.value.end(), t.value.begin(), t.value.end()))
      return false;
  }
  return true;
}

/// Parses a copy that ends where its allocation ends (so that ASan sees one byte too far), and walks what comes out.
bool survives(Bytes bytes, std::uint64_t file_size) {
  const ByteVector exact(bytes.begin(), bytes.end());
  const auto gguf = parse_gguf(exact, file_size);
  return gguf ? walk(*gguf, exact, file_size)
              : gguf.error().code() != ErrorCode::Ok && !gguf.error().detail().empty();
}

constexpr std::uint64_t kBoundaries[] = {0,
                                         1,
                                         2,
                                         UINT64_MAX,
                                         UINT64_MAX - 1,
                                         (1ULL << 31) - 1,
                                         1ULL << 31,
                                         (1ULL << 31) + 1,
                                         UINT32_MAX,
                                         1ULL << 32,
                                         0x100000001,
                                         (1ULL << 63) - 1,
                                         1ULL << 63,
                                         (1ULL << 63) + 1,
                                         255,
                                         256,
                                         257,
                                         65536,
                                         4096,
                                         16385,
                                         1ULL << 40,
                                         1ULL << 62,
                                         3,
                                         9};

void set_field(ByteVector& bytes, const GgufBuilder::Field& field, std::uint64_t value) {
  for (std::size_t i = 0; i < field.width; ++i)
    bytes[field.offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

} // namespace

TEST_CASE("a valid file says what was put in", "[gguf]") {
  const GgufBuilder file = sample();
  const ByteVector bytes = file.build();
  const auto gguf = parse_gguf(bytes, bytes.size());
  REQUIRE(gguf);
  CHECK(walk(*gguf, bytes, bytes.size()));
  CHECK(gguf->version == 3);
  CHECK(gguf->alignment == 32);
  CHECK(gguf->data_offset == (file.header().size() + 31) / 32 * 32);
  CHECK(gguf->tensors.size() == file.tensors.size());
  CHECK(gguf->metadata.entries().size() == file.entries.size());
  const TensorInfo* cube = gguf->find("cube");
  REQUIRE(cube != nullptr);
  CHECK(cube->dimensions == 4);
  CHECK(cube->shape == std::array<std::uint64_t, 4>{2, 3, 2, 2});
  CHECK(cube->rows() == 12);
  CHECK(cube->bytes == 96);
  CHECK(gguf->find("I2_S")->bytes == 512 / 4 + 32);
  CHECK(gguf->find("I2_S")->dimensions == 2);
  CHECK(gguf->find("cub") == nullptr);
}

TEST_CASE("version 2, other alignments and no tensors at all", "[gguf]") {
  GgufBuilder file = sample();
  file.version = 2;
  CHECK(parse_code(file.build()) == ErrorCode::Ok);
  for (const std::uint32_t alignment : {1U, 8U, 64U, 4096U, 65536U}) {
    file.alignment = alignment;
    file.set("general.alignment", alignment);
    CHECK(parse_code(file.build()) == ErrorCode::Ok);
    file.set("general.alignment", std::uint64_t{alignment}); // any integer type serves
    CHECK(parse_code(file.build()) == ErrorCode::Ok);
  }
  CHECK(parse_code(GgufBuilder{}.build()) == ErrorCode::Ok);
  CHECK(parse_code(GgufBuilder{}.set("vocabulary", "only").build()) == ErrorCode::Ok);
}

TEST_CASE("tensors may stand in any order and with gaps, sorted by offset they come out",
          "[gguf]") {
  GgufBuilder file;
  file.tensor("b", DType::kF32, {8}, ByteVector(32)).tensor("a", DType::kF32, {8}, ByteVector(32));
  file.tensors[0].offset = 64;
  file.tensors[1].offset = 0;
  ByteVector bytes = file.build();
  bytes.resize(bytes.size() + 32); // for the gap
  const auto gguf = parse_gguf(bytes, bytes.size());
  REQUIRE(gguf);
  CHECK(walk(*gguf, bytes, bytes.size()));
  CHECK(gguf->tensors[0].name == "a");
  CHECK(gguf->find("b")->offset == gguf->data_offset + 64);
}

TEST_CASE("tiny models of every kind are valid", "[gguf]") {
  for (const char* architecture : {"bitnet-b1.58", "bitnet-25", "bitnet", "llama"})
    for (const DType ternary : {DType::kI2_S, DType::kTQ1_0, DType::kTQ2_0})
      for (const DType embedding :
           {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ6_K, DType::kQ4_0}) {
        TinyOptions options;
        options.architecture = architecture;
        options.ternary = ternary;
        options.embedding = embedding;
        options.layers = 1;
        options.ffn = 256;
        options.tied = embedding != DType::kQ8_0;
        const ByteVector bytes = make_tiny_model(options);
        const auto gguf = parse_gguf(bytes, bytes.size());
        if (!gguf || !walk(*gguf, bytes, bytes.size()))
          FAIL_CHECK(architecture << " " << dtype_info(ternary).name << " "
                                  << dtype_info(embedding).name);
      }
}

TEST_CASE("every prefix of a header is Truncated, every longer one gives the same", "[gguf]") {
  for (const GgufBuilder& file : {sample(), small_sample()}) {
    const ByteVector bytes = file.build();
    const std::size_t header = file.header().size();
    const auto whole = parse_gguf(bytes, bytes.size());
    REQUIRE(whole);
    for (std::size_t p = 0; p <= bytes.size(); ++p) {
      const ByteVector prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(p));
      const auto gguf = parse_gguf(prefix, bytes.size());
      if (p < header ? gguf || gguf.error().code() != ErrorCode::Truncated
                     : !gguf || !same(*whole, *gguf))
        FAIL_CHECK("prefix " << p << " of " << bytes.size());
      // The same bytes as a file cut short: never taken, and from byte 1 on the answer is Truncated.
      if (p == bytes.size())
        continue;
      const auto cut = parse_gguf(prefix, p);
      if (cut || cut.error().code() != (p == 0 ? ErrorCode::NotGguf : ErrorCode::Truncated))
        FAIL_CHECK("cut at " << p << " of " << bytes.size());
    }
  }
}

TEST_CASE("any byte may be anything", "[gguf][hostile]") {
  const GgufBuilder file = sample();
  const ByteVector bytes = file.build();
  for (std::size_t i = 0; i < file.header().size(); ++i)
    for (const int change : {0x00, 0x01, 0x7f, 0x80, 0xff, -1, -2, -3}) {
      ByteVector changed = bytes;
      // Five fixed values and three flips of single bits or all.
      changed[i] = static_cast<std::uint8_t>(change >= 0    ? change
                                             : change == -1 ? changed[i] ^ 0xff
                                             : change == -2 ? changed[i] ^ 0x01
                                                            : changed[i] ^ 0x80);
      if (!survives(changed, changed.size()))
        FAIL_CHECK("byte " << i << " change " << change);
    }
}

TEST_CASE("any integer may be anything", "[gguf][hostile]") {
  for (const GgufBuilder& file : {sample(), small_sample()}) {
    std::vector<GgufBuilder::Field> fields;
    const std::size_t header = file.header(&fields).size();
    const ByteVector bytes = file.build();
    for (const auto& field : fields) {
      std::vector<std::uint64_t> values(std::begin(kBoundaries), std::end(kBoundaries));
      const std::uint64_t left = bytes.size() - field.offset - field.width;
      for (const std::uint64_t near :
           {left, std::uint64_t{header - field.offset}, std::uint64_t{bytes.size()}})
        values.insert(values.end(), {near - 1, near, near + 1, near / 8, near / 2});
      for (const std::uint64_t value : values) {
        ByteVector changed = bytes;
        set_field(changed, field, value);
        if (!survives(changed, changed.size()) ||
            !survives(Bytes(changed).first(header), changed.size()) ||
            !survives(changed, 1ULL << 40))
          FAIL_CHECK(field.what << " at " << field.offset << " = " << value);
      }
    }
  }
}

TEST_CASE("any two integers may be anything", "[gguf][hostile]") {
  const GgufBuilder file = small_sample();
  std::vector<GgufBuilder::Field> fields;
  (void)file.header(&fields);
  ByteVector changed = file.build();
  unsigned broken = 0;
  for (std::size_t a = 0; a < fields.size(); ++a)
    for (std::size_t b = a + 1; b < fields.size(); ++b) {
      const ByteVector before = changed;
      for (const std::uint64_t first : kBoundaries)
        for (const std::uint64_t second : kBoundaries) {
          set_field(changed, fields[a], first);
          set_field(changed, fields[b], second);
          const auto gguf = parse_gguf(changed, changed.size());
          broken += gguf && !walk(*gguf, changed, changed.size());
        }
      changed = before;
    }
  CHECK(broken == 0);
}

TEST_CASE("lying headers are refused, each with its own error", "[gguf][hostile]") {
  const auto text = [](const char* s) { return ByteVector(s, s + std::strlen(s)); };
  const auto field = [](const GgufBuilder& file, const char* what, std::uint64_t value,
                        std::size_t nth = 0) {
    std::vector<GgufBuilder::Field> fields;
    (void)file.header(&fields);
    ByteVector bytes = file.build();
    for (const auto& f : fields)
      if (std::string_view(f.what) == what && nth-- == 0)
        set_field(bytes, f, value);
    return bytes;
  };
  // Each takes the small sample and lies about one thing.
  const auto lie = [](const std::function<void(GgufBuilder&)>& change) {
    GgufBuilder file = small_sample();
    change(file);
    return file.build();
  };
  const auto array = [](std::uint32_t element, std::uint64_t count, std::size_t bytes) {
    ByteVector out;
    put(out, element);
    put(out, count);
    out.resize(out.size() + bytes);
    return out;
  };
  const GgufBuilder good = small_sample();
  using enum ErrorCode;
  struct Lie {
    const char* name;
    ByteVector bytes;
    ErrorCode code;
  };
  const std::vector<Lie> lies = {
      // Not the file that was meant
      {"empty file", {}, NotGguf},
      {"web page", text("<!DOCTYPE html><html><body>Sign in</body></html>"), NotGguf},
      {"web page after white space", text("\n  <HTML lang=en>"), NotGguf},
      {"git lfs pointer",
       text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), NotGguf},
      {"zeros", ByteVector(4096), NotGguf},
      {"ggml magic of old", text("tjgg\1\0\0\0"), NotGguf},
      {"magic with its last byte wrong", text("GGUE"), NotGguf},
      {"the magic and nothing else", text("GGUF"), Truncated},
      {"half the magic", text("GG"), Truncated},
      {"version 0", field(good, "version", 0), UnsupportedVersion},
      {"version 1, 32-bit counts", field(good, "version", 1), UnsupportedVersion},
      {"version 4", field(good, "version", 4), UnsupportedVersion},
      {"big-endian", field(good, "version", 3ULL << 24), UnsupportedVersion},
      // Counts (CVE-2024-23605, -21836, -23496: count times size wraps)
      {"2^64-1 tensors", field(good, "tensor count", UINT64_MAX), LimitExceeded},
      {"2^61 tensors", field(good, "tensor count", 1ULL << 61), LimitExceeded},
      {"one tensor too many for us", field(good, "tensor count", limits::kTensors + 1),
       LimitExceeded},
      {"one tensor more than there is", field(good, "tensor count", 3), Malformed},
      {"2^64-1 entries", field(good, "entry count", UINT64_MAX), LimitExceeded},
      {"entries that wrap to 0 bytes", field(good, "entry count", 1ULL << 60), LimitExceeded},
      {"one entry too many for us", field(good, "entry count", limits::kMetadataEntries + 1),
       LimitExceeded},
      {"a tensor read as an entry", field(good, "entry count", 4), LimitExceeded},
      {"an entry read as a tensor", field(good, "entry count", 2), LimitExceeded},
      // Strings
      {"key of 2^64-1 bytes", field(good, "key length", UINT64_MAX), LimitExceeded},
      {"key of 2^63 bytes", field(good, "key length", 1ULL << 63), LimitExceeded},
      {"key one byte too long for us", lie([](auto& f) { f.set(std::string(257, 'k'), true); }),
       LimitExceeded},
      {"string of 2^64-1 bytes", field(good, "string length", UINT64_MAX), Malformed},
      {"string of 2^64-8 bytes, wraps to the start", field(good, "string length", UINT64_MAX - 7),
       Malformed},
      {"string of 2^32 bytes, 0 in 32 bits", field(good, "string length", 1ULL << 32), Malformed},
      {"string that ends behind the file", field(good, "string length", 100000), Truncated},
      // Types
      {"value type 13", field(good, "value type", 13), Malformed},
      {"value type 2^32-1", field(good, "value type", UINT32_MAX), Malformed},
      {"boolean 2", lie([](auto& f) { f.raw("b", 7, {2}); }), Malformed},
      {"boolean 255 in an array", lie([&](auto& f) {
         auto a = array(7, 1, 0);
         a.push_back(255);
         f.raw("b", 9, a);
       }),
       Malformed},
      // Arrays (CVE-2026-7482: over-read; nested ones: recursion)
      {"array of arrays", lie([&](auto& f) { f.raw("a", 9, array(9, 1, 64)); }), Malformed},
      {"array of type 13", lie([&](auto& f) { f.raw("a", 9, array(13, 1, 64)); }), Malformed},
      {"array of 2^64-1 bytes", lie([&](auto& f) { f.raw("a", 9, array(0, UINT64_MAX, 8)); }),
       Malformed},
      {"array of 2^62 floats, 0 bytes in 64 bits",
       lie([&](auto& f) { f.raw("a", 9, array(6, 1ULL << 62, 8)); }), Malformed},
      {"array of 2^61 strings, 0 bytes in 64 bits",
       lie([&](auto& f) { f.raw("a", 9, array(8, 1ULL << 61, 8)); }), Malformed},
      {"array of 2^40 empty strings", lie([&](auto& f) { f.raw("a", 9, array(8, 1ULL << 40, 8)); }),
       Malformed},
      {"array one item longer than the file",
       lie([&](auto& f) { f.raw("a", 9, array(12, 1000, 8)); }), Truncated},
      {"string in an array of 2^64-1 bytes", field(good, "length of element 0", UINT64_MAX),
       Malformed},
      {"string in an array longer than the file", field(good, "length of element 0", 5000),
       Truncated},
      // Names (an O(n^2) search for these would itself be a hang)
      {"key twice", lie([](auto& f) { f.duplicate("k", 0, {1}); }), Malformed},
      {"empty key twice", lie([](auto& f) { f.duplicate("", 0, {1}).duplicate("", 0, {1}); }),
       Malformed},
      {"tensor twice", lie([](auto& f) { f.tensor("w", DType::kF32, {8}, ByteVector(32)); }),
       Malformed},
      {"tensor name of 2^64-1 bytes", field(good, "name length", UINT64_MAX), LimitExceeded},
      {"tensor name one byte too long for us",
       lie([](auto& f) { f.tensor(std::string(257, 'n'), DType::kF32, {8}, ByteVector(32)); }),
       LimitExceeded},
      // Alignment (2^31: no upper bound; 0: division by zero)
      {"alignment 0", lie([](auto& f) { f.set("general.alignment", std::uint32_t{0}); }),
       Malformed},
      {"alignment 3", lie([](auto& f) { f.set("general.alignment", std::uint32_t{3}); }),
       Malformed},
      {"alignment 2^31", lie([](auto& f) { f.set("general.alignment", std::uint32_t{1} << 31); }),
       LimitExceeded},
      {"alignment 2^63-1",
       lie([](auto& f) { f.set("general.alignment", std::uint64_t{INT64_MAX}); }), LimitExceeded},
      {"alignment 2^64-1", lie([](auto& f) { f.set("general.alignment", UINT64_MAX + 0UL); }),
       WrongType},
      {"alignment -32", lie([](auto& f) { f.set("general.alignment", std::int32_t{-32}); }),
       WrongType},
      {"alignment as text", lie([](auto& f) { f.set("general.alignment", "32"); }), WrongType},
      // Shapes (CVE-2024-21802, CVE-2026-33298: products that wrap)
      {"5 dimensions", field(good, "dimensions", 5), LimitExceeded},
      {"2^32-1 dimensions", field(good, "dimensions", UINT32_MAX), LimitExceeded},
      {"no dimensions", field(good, "dimensions", 0), Malformed},
      {"a dimension of 0", field(good, "extent", 0), Malformed},
      {"the other dimension 0", field(good, "extent", 0, 1), Malformed},
      {"2^32 x 2^32 weights, 0 in 64 bits",
       lie([](auto& f) { f.tensors[0].shape = {1ULL << 32, 1ULL << 32}; }), LimitExceeded},
      {"2^16 four times, 0 in 64 bits",
       lie([](auto& f) { f.tensors[0].shape = {1 << 16, 1 << 16, 1 << 16, 1 << 16}; }),
       LimitExceeded},
      {"2^64-1 columns", field(good, "extent", UINT64_MAX), LimitExceeded},
      {"negative rows", field(good, "extent", 1ULL << 63, 1), LimitExceeded},
      {"2^40 weights and one more", lie([](auto& f) { f.tensors[1].shape = {(1ULL << 40) + 1}; }),
       LimitExceeded},
      {"2^40 weights that are not there", lie([](auto& f) { f.tensors[1].shape = {1ULL << 40}; }),
       Truncated},
      {"I2_S of 126 weights", field(good, "extent", 63), WrongShape},
      {"Q8_0 row of 48",
       lie([](auto& f) { f.tensor("q", DType::kQ8_0, {48, 2}, ByteVector(102)); }), WrongShape},
      {"TQ1_0 row of 128",
       lie([](auto& f) { f.tensor("q", DType::kTQ1_0, {128, 2}, ByteVector(54)); }), WrongShape},
      // Tensor types
      {"tensor type 4, removed", field(good, "tensor type", 4), UnsupportedType},
      {"tensor type 38, TL1", field(good, "tensor type", 38), UnsupportedType},
      {"tensor type 2^32-1", field(good, "tensor type", UINT32_MAX), UnsupportedType},
      {"type 36 of 18 bytes a block",
       lie([](auto& f) { f.tensors[0] = {"w", 36, {256, 8}, ByteVector(1152)}; }), UnsupportedType},
      {"type 36 that overlaps its successor", lie([](auto& f) { f.tensors[1].offset = 32; }),
       UnsupportedType},
      // Places
      {"offset 1", field(good, "offset", 1, 1), Malformed},
      {"offset 2^63", field(good, "offset", 1ULL << 63, 1), Malformed},
      {"offset 2^64-32, wraps into the header", lie([](auto& f) {
         f.tensor("y", DType::kF32, {8}, ByteVector(32)).tensors[2].offset = UINT64_MAX - 31;
       }),
       Malformed},
      {"offset behind the file", lie([](auto& f) {
         f.tensor("y", DType::kF32, {8}, ByteVector(32)).tensors[2].offset = 1ULL << 20;
       }),
       Malformed},
      {"two tensors in one place",
       lie([](auto& f) { f.tensor("y", DType::kF32, {8}, ByteVector(32)).tensors[2].offset = 64; }),
       Malformed},
      {"tensors that overlap by one step", lie([](auto& f) {
         f.tensor("y", DType::kF32, {16}, ByteVector(64))
             .tensor("z", DType::kF32, {8}, ByteVector(32));
         f.tensors[3].offset = 96 + 32; // y is 64 bytes at 96
       }),
       Malformed},
  };
  for (const Lie& l : lies) {
    INFO(l.name);
    const auto gguf = parse_gguf(l.bytes, l.bytes.size());
    REQUIRE(!gguf);
    INFO(error_name(gguf.error().code()) << ": " << gguf.error().detail());
    CHECK(std::string(error_name(gguf.error().code())) == error_name(l.code));
    CHECK(!gguf.error().detail().empty());
    // From any first piece of it the answer is the same, or that more is wanted.
    for (std::size_t p = 0; p < l.bytes.size(); p += p < 200 ? 1 : 97) {
      const auto piece = parse_gguf(Bytes(l.bytes).first(p), l.bytes.size());
      if (piece ||
          (piece.error().code() != ErrorCode::Truncated && piece.error().code() != l.code)) {
        FAIL_CHECK("prefix " << p);
        break;
      }
    }
  }
  CHECK(lies.size() >= 60);
}

TEST_CASE("errors say what people can act on", "[gguf]") {
  const auto detail = [](std::string_view start) {
    const ByteVector bytes(start.begin(), start.end());
    return std::string(parse_gguf(bytes, 1 << 20).error().detail());
  };
  CHECK(detail("<!DOCTYPE html>").find("web page") != std::string::npos);
  CHECK(detail("version https://git-lfs.github.com").find("Git LFS") != std::string::npos);
  CHECK(detail("PK\3\4").find("GGUF") != std::string::npos);
  const ByteVector bytes = sample().build();
  const auto cut = parse_gguf(Bytes(bytes).first(100), 100);
  CHECK(std::string(cut.error().detail()).find("file ends inside") == 0);
  const auto data_cut = parse_gguf(Bytes(bytes).first(bytes.size() - 1), bytes.size() - 1);
  CHECK(std::string(data_cut.error().detail()).find("tensor data") != std::string::npos);
  const auto twice = parse_gguf(sample().duplicate("a.u8", 0, {1}).build(), 1 << 20);
  CHECK(twice.error().detail() == "key 'a.u8' occurs twice");
}

TEST_CASE("a prefix longer than the file is a mistake of the caller", "[gguf]") {
  const ByteVector bytes = sample().build();
  const auto gguf = parse_gguf(bytes, bytes.size() - 1);
  REQUIRE(!gguf);
  CHECK(gguf.error().code() == ErrorCode::InvalidArgument);
}

TEST_CASE("a header longer than the limit is refused, however much of it is there", "[gguf]") {
  GgufBuilder file;
  file.entry_count = 2; // after a string that fills the limit, one entry more
  ByteVector bytes = file.header();
  put_string(bytes, "padding");
  put(bytes, std::uint32_t{8});
  put(bytes, std::uint64_t{limits::kHeaderBytes});
  bytes.resize(bytes.size() + limits::kHeaderBytes);
  put_string(bytes, "last");
  put(bytes, std::uint32_t{7});
  put(bytes, std::uint8_t{1});
  for (const std::size_t p : {std::size_t{1000}, bytes.size() - 1, bytes.size()}) {
    const auto gguf = parse_gguf(Bytes(bytes).first(p), bytes.size());
    REQUIRE(!gguf);
    CHECK(gguf.error().code() == ErrorCode::LimitExceeded);
  }
  // A length the file does hold, but no header may have.
  const auto far = parse_gguf(Bytes(bytes).first(1000), 1ULL << 40);
  CHECK(far.error().code() == ErrorCode::LimitExceeded);
}

TEST_CASE("the largest header allowed is parsed in no time", "[gguf]") {
  // All limits used up, with keys and names that differ only at their end: sorting is what this costs.
  GgufBuilder file;
  const std::string filler(limits::kNameBytes - 8, 'k');
  for (std::uint64_t i = 0; i < limits::kMetadataEntries; ++i)
    file.duplicate(filler + std::to_string(10000000 + i * 7919 % 9999991), 0, {1});
  for (std::uint64_t i = 0; i < limits::kTensors; ++i)
    file.tensor(filler + std::to_string(10000000 + i * 7919 % 9999991), DType::kF32, {8},
                ByteVector(32));
  const ByteVector bytes = file.build();
  const auto gguf = parse_gguf(bytes, bytes.size());
  REQUIRE(gguf);
  CHECK(gguf->tensors.size() == limits::kTensors);
  CHECK(gguf->find(file.tensors[777].name)->offset == gguf->data_offset + 777 * 32);
}
