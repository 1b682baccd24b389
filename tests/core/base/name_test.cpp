#include "base/name.h"

#include <catch_amalgamated.hpp>

#include <string>

using bitnet::Name;

TEST_CASE("names are put together from text and numbers", "[base]") {
  CHECK(std::string_view(Name() << "blk." << 0U << ".attn_q.weight") == "blk.0.attn_q.weight");
  CHECK(std::string_view(Name() << 4294967295U) == "4294967295");
  CHECK(std::string_view(Name()).empty());
}

TEST_CASE("a name that does not fit is cut", "[base]") {
  const std::string a(60, 'a');
  CHECK(std::string_view(Name() << a << a) == std::string(96, 'a'));
}
