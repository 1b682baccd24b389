// Error texts and memory sources.
#include "bitnet/types.hpp"

#include <catch_amalgamated.hpp>

#include <array>
#include <limits>
#include <string>

using namespace bitnet;

TEST_CASE("every error has a name and a sentence of its own", "[types]") {
  CHECK(std::string(error_name(ErrorCode::Ok)) == "Ok");
  CHECK(std::string(error_name(ErrorCode::NotGguf)) == "NotGguf");
  CHECK(std::string(error_sentence(ErrorCode::Truncated)) ==
        "the file ends before its content does");
  CHECK(std::string(error_name(static_cast<ErrorCode>(9999))) == "Unknown");
  CHECK(std::string(error_name(static_cast<ErrorCode>(-1))) == "Unknown");
  CHECK(std::string(error_sentence(static_cast<ErrorCode>(9999))) == "unknown error");
}

TEST_CASE("an error's detail is built by parts", "[types]") {
  Error error(ErrorCode::Malformed);
  CHECK(error.detail().empty());
  error << "a " << std::uint64_t{0} << ' ' + std::string("b ")
        << std::numeric_limits<std::uint64_t>::max() << " "
        << std::numeric_limits<std::int64_t>::min() << " " << std::int32_t{-7} << " "
        << std::uint32_t{7};
  CHECK(error.code() == ErrorCode::Malformed);
  CHECK(error.detail() == "a 0 b 18446744073709551615 -9223372036854775808 -7 7");
}

TEST_CASE("an error's detail is printable ASCII and of bounded length", "[types]") {
  Error error(ErrorCode::NotGguf);
  std::string all;
  for (int c = 0; c < 256; ++c)
    all += static_cast<char>(c);
  error << all;
  REQUIRE(error.detail().size() == Error::kDetailCapacity);
  for (const char c : error.detail())
    CHECK((c >= ' ' && c <= '~'));
  CHECK(error.detail()[0] == '?');
  CHECK(error.detail()['A'] == 'A');
  CHECK(error.detail()[0x7f] == '?');
  error << "more" << std::uint64_t{1};
  CHECK(error.detail().size() == Error::kDetailCapacity);
}

TEST_CASE("a status and a result are errors or not", "[types]") {
  CHECK(Status());
  const Status failed = Error(ErrorCode::Io) << "x";
  CHECK(!failed);
  CHECK(failed.error().detail() == "x");
  const Result<int> five = 5;
  CHECK((five && *five == 5));
  const Result<int> none = Error(ErrorCode::NotFound);
  CHECK((!none && none.error().code() == ErrorCode::NotFound));
}

TEST_CASE("a memory source gives exactly the bytes it has", "[types]") {
  const std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
  MemorySource source(bytes);
  CHECK(source.size() == 4);
  std::array<std::uint8_t, 4> out{};
  CHECK(source.read(0, out));
  CHECK(out == bytes);
  CHECK(source.read(3, MutableBytes(out).first(1)));
  CHECK(out[0] == 4);
  CHECK(source.read(4, {}));
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t offset :
       {std::uint64_t{1}, std::uint64_t{4}, std::uint64_t{5}, kMost - 3, kMost}) {
    const Status status = source.read(offset, out);
    REQUIRE(!status);
    CHECK(status.error().code() == ErrorCode::Truncated);
  }
  CHECK(!source.read(5, {}));
  MemorySource nothing{Bytes{}};
  CHECK(nothing.read(0, {}));
}

TEST_CASE("serial runs every task once, in order", "[types]") {
  Serial serial;
  std::string seen;
  serial.each(4, [&](std::size_t i) { seen += static_cast<char>('0' + i); });
  CHECK(seen == "0123");
  CHECK(serial.threads() == 1);
}
