// SHA-256 against the examples that NIST publishes (FIPS 180-2, appendix B), and pieces of every size against the whole.
#include "bitnet/sha256.hpp"

#include <catch_amalgamated.hpp>

#include <string>
#include <string_view>

using namespace bitnet;

namespace {

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string hex(const std::array<std::uint8_t, 32>& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest)
    text.append({kDigits[byte >> 4U], kDigits[byte & 15U]});
  return text;
}

std::string sha256(std::string_view text, std::size_t piece = std::string_view::npos) {
  Sha256 sha;
  for (; text.size() > piece; text.remove_prefix(piece))
    sha.update(bytes_of(text.substr(0, piece)));
  sha.update(bytes_of(text));
  return hex(sha.digest());
}

} // namespace

TEST_CASE("SHA-256 of NIST's examples", "[sha256]") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 in pieces is that of the whole, at every length around a block", "[sha256]") {
  std::string text;
  for (std::size_t length = 0; length < 200; ++length) {
    const std::string whole = sha256(text);
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{3}, std::size_t{63}, std::size_t{64}, std::size_t{65}})
      CHECK(sha256(text, piece) == whole);
    text.push_back(static_cast<char>(length * 7 + 1));
  }
}
