// Typed access: what each accessor takes, what it refuses, and with which error.
#include "gguf/metadata.h"
#include "gguf/reader.h"
#include "support/tiny_gguf.h"

#include <catch_amalgamated.hpp>

#include <cmath>
#include <limits>

using namespace bitnet;
using namespace bitnet::test;

namespace {

struct Parsed {
  ByteVector bytes;
  Result<Gguf> gguf;
  explicit Parsed(const GgufBuilder& file)
      : bytes(file.build()), gguf(parse_gguf(bytes, bytes.size())) {}
  const Metadata& metadata() const { return gguf->metadata; }
};

template <class T> ErrorCode code_of(const Result<T>& result) {
  return result ? ErrorCode::Ok : result.error().code();
}

} // namespace

TEST_CASE("integers of every width", "[metadata]") {
  GgufBuilder file;
  file.set("u8", std::uint8_t{200}).set("i8", std::int8_t{100}).set("u16", std::uint16_t{60000});
  file.set("i16", std::int16_t{30000})
      .set("u32", std::uint32_t{4000000000U})
      .set("i32", std::int32_t{2000000000});
  file.set("u64", std::uint64_t{INT64_MAX}).set("i64", std::int64_t{INT64_MAX}).set("bool", true);
  file.set("too big", std::uint64_t{1} << 63)
      .set("negative", std::int8_t{-1})
      .set("least", INT64_MIN + 0L);
  file.set("f32", 1.0F).set("text", "1").set("list", std::vector<std::uint32_t>{1});
  const Parsed parsed(file);
  REQUIRE(parsed.gguf);
  const Metadata& m = parsed.metadata();
  CHECK(*m.integer("u8") == 200);
  CHECK(*m.integer("i8") == 100);
  CHECK(*m.integer("u16") == 60000);
  CHECK(*m.integer("i16") == 30000);
  CHECK(*m.integer("u32") == 4000000000U);
  CHECK(*m.integer("i32") == 2000000000);
  CHECK(*m.integer("u64") == INT64_MAX);
  CHECK(*m.integer("i64") == INT64_MAX);
  CHECK(*m.integer("bool") == 1);
  for (const char* key : {"too big", "negative", "least", "f32", "text", "list"}) {
    INFO(key);
    CHECK(code_of(m.integer(key)) == ErrorCode::WrongType);
    CHECK(code_of(m.integer_or(key, 5)) ==
          ErrorCode::WrongType); // the default is for absent keys only
    CHECK(m.integer(key).error().detail().substr(0, std::string_view(key).size()) == key);
  }
  CHECK(code_of(m.integer("absent")) == ErrorCode::MissingKey);
  CHECK(m.integer("absent").error().detail() == "absent");
  CHECK(*m.integer_or("absent", 5) == 5);
  CHECK(*m.integer_or("u8", 5) == 200);
  CHECK(m.integer("list").error().detail() == "list is array of u32, integer wanted");
}

TEST_CASE("numbers, booleans and strings", "[metadata]") {
  GgufBuilder file;
  file.set("f32", 1.5F)
      .set("f64", -0.1)
      .set("int", std::int16_t{-3})
      .set("big", std::uint64_t{1} << 63);
  file.set("inf", std::numeric_limits<float>::infinity())
      .set("nan", std::numeric_limits<double>::quiet_NaN());
  file.set("yes", true)
      .set("no", false)
      .set("text", "caf\xc3\xa9")
      .set("", "empty key")
      .set("empty", "");
  const Parsed parsed(file);
  REQUIRE(parsed.gguf);
  const Metadata& m = parsed.metadata();
  CHECK(*m.number("f32") == 1.5);
  CHECK(*m.number("f64") == -0.1);
  CHECK(*m.number("int") == -3.0);
  CHECK(*m.number("big") == 0x1p63);
  for (const char* key : {"inf", "nan", "yes", "text"})
    CHECK(code_of(m.number(key)) == ErrorCode::WrongType);
  CHECK(*m.number_or("absent", 0.25) == 0.25);
  CHECK(code_of(m.number_or("nan", 0.25)) == ErrorCode::WrongType);

  CHECK(*m.boolean("yes"));
  CHECK(!*m.boolean("no"));
  CHECK(code_of(m.boolean("int")) == ErrorCode::WrongType);
  CHECK(code_of(m.boolean("absent")) == ErrorCode::MissingKey);
  CHECK(*m.boolean_or("absent", true));
  CHECK(!*m.boolean_or("no", true));

  CHECK(*m.string("text") == "caf\xc3\xa9");
  CHECK(*m.string("") == "empty key");
  CHECK(m.string("empty")->empty());
  CHECK(code_of(m.string("yes")) == ErrorCode::WrongType);
  CHECK(*m.string_or("absent", "x") == "x");
  CHECK(m.has("text"));
  CHECK(!m.has("tex"));
  CHECK(m.entries().size() == 11);
}

TEST_CASE("arrays", "[metadata]") {
  GgufBuilder file;
  file.set("texts", std::vector<std::string>{"a", "", "long enough to matter"});
  file.set("none", std::vector<std::string>{});
  file.set("i8",
           std::vector<std::int8_t>{-1, 5}); // scores stored as int8 must not be read as floats
  file.set("u64", std::vector<std::uint64_t>{1, UINT64_MAX});
  file.set("f32", std::vector<float>{1.0F, 2.5F, std::numeric_limits<float>::infinity(), -0x1p53F,
                                     0x1p60F});
  file.set("f64", std::vector<double>{1e300, 3.0});
  ByteVector flags;
  put(flags, std::uint32_t{7});
  put(flags, std::uint64_t{2});
  flags.insert(flags.end(), {0, 1});
  file.raw("flags", 9, flags);
  const Parsed parsed(file);
  REQUIRE(parsed.gguf);
  const Metadata& m = parsed.metadata();

  auto texts = m.strings("texts");
  REQUIRE(texts);
  CHECK(texts->size() == 3);
  CHECK(texts->next() == "a");
  CHECK(texts->next().empty());
  CHECK(texts->next() == "long enough to matter");
  CHECK(texts->next().empty()); // one call too many does no harm
  CHECK(m.strings("none")->size() == 0);
  CHECK(code_of(m.strings("i8")) == ErrorCode::WrongType);
  CHECK(code_of(m.numbers("texts")) == ErrorCode::WrongType);
  CHECK(code_of(m.numbers("absent")) == ErrorCode::MissingKey);

  const auto i8 = m.numbers("i8");
  REQUIRE(i8);
  CHECK((i8->number(0) == -1.0 && i8->integer(0) == -1 && i8->integer(1) == 5));
  CHECK((i8->integer(2) == 0 && i8->number(UINT64_MAX) == 0));
  const auto u64 = m.numbers("u64");
  CHECK((u64->integer(0) == 1 && u64->integer(1) == 0 && u64->number(1) == 0x1p64));
  const auto f32 = m.numbers("f32");
  CHECK((f32->integer(0) == 1 && f32->integer(1) == 0 && f32->number(1) == 2.5));
  CHECK((f32->integer(2) == 0 && std::isinf(f32->number(2)) &&
         f32->integer(3) == -(INT64_C(1) << 53)));
  CHECK(f32->integer(4) == 0);
  const auto f64 = m.numbers("f64");
  CHECK((f64->integer(0) == 0 && f64->integer(1) == 3 && f64->number(0) == 1e300));
  CHECK(m.numbers("flags")->integer(1) == 1);
}

TEST_CASE("hostile key names stay data", "[metadata]") {
  GgufBuilder file;
  file.set("__proto__", "x")
      .set(std::string("nul\0in key", 10), std::uint8_t{1})
      .set("\x1b[31mred", "y");
  const Parsed parsed(file);
  REQUIRE(parsed.gguf);
  CHECK(*parsed.metadata().string("__proto__") == "x");
  CHECK(*parsed.metadata().integer(std::string_view("nul\0in key", 10)) == 1);
  CHECK(code_of(parsed.metadata().integer("nul")) == ErrorCode::MissingKey);
  const auto red = parsed.metadata().integer("\x1b[31mred");
  REQUIRE(!red);
  CHECK(red.error().detail() == "?[31mred is string, integer wanted");
}
