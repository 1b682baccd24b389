// The tree of tokens: every token that gives text is at its bytes, and nowhere else.
#include "text/token_trie.h"

#include "gguf/reader.h"
#include "support/tiny_gguf.h"
#include "text/tokenizer.h"

#include <catch_amalgamated.hpp>

#include <map>
#include <set>

using namespace bitnet;
using namespace bitnet::test;

TEST_CASE("every token is in the tree at its bytes", "[text]") {
  for (const char* kind : {"gpt2", "llama"}) {
    const ByteVector file = make_tiny_model({.architecture = "llama",
                                             .tokenizer = kind,
                                             .layers = 1,
                                             .hidden = 64,
                                             .ffn = 128,
                                             .vocabulary = 400});
    const auto gguf = parse_gguf(file, file.size());
    REQUIRE(gguf);
    auto tokenizer = Tokenizer::make(gguf->metadata);
    REQUIRE(tokenizer);
    const auto found = tokenizer->trie();
    REQUIRE(found);
    const TokenTrie& trie = **found;
    CHECK(*tokenizer->trie() == &trie); // made once

    std::map<std::string, std::set<TokenId>> expected;
    std::set<TokenId> ends;
    for (TokenId id = 0; tokenizer->valid(id); ++id) {
      Text bytes;
      REQUIRE(tokenizer->decode(id, bytes));
      if (tokenizer->ends_generation(id))
        ends.insert(id);
      else if (!bytes.empty())
        expected[std::string(view(bytes))].insert(id);
    }
    CHECK(std::set<TokenId>(trie.ends().begin(), trie.ends().end()) == ends);
    CHECK_FALSE(ends.empty());
    std::map<std::string, std::set<TokenId>> all;
    std::string path;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < trie.size(); ++i) {
      REQUIRE(trie[i].depth <= path.size());
      path.resize(trie[i].depth);
      path.push_back(static_cast<char>(trie[i].byte));
      for (const TokenId id : trie.ids(i))
        all[path].insert(id);
      longest = std::max(longest, path.size());
      // A jump lands on the first node that is not below.
      std::size_t next = i + 1;
      while (next < trie.size() && trie[next].depth > trie[i].depth)
        ++next;
      CHECK(trie[i].next == next);
    }
    CHECK(all == expected);
    CHECK(trie.longest() == longest);
    for (unsigned byte = 0; byte < 256; ++byte)
      CHECK(trie.alone()[byte] == expected.contains(std::string(1, static_cast<char>(byte))));
  }
}
