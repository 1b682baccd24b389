// Prompt lookup: what is found, and how guesses become more and fewer.
#include "engine/lookup.h"

#include <catch_amalgamated.hpp>

#include <algorithm>
#include <vector>

using namespace bitnet;

namespace {

using Ids = std::vector<TokenId>;

Ids found(const Ids& history, std::size_t count, std::size_t least = 1) {
  Ids out(count);
  out.resize(look_up(history, least, out));
  return out;
}

} // namespace

TEST_CASE("the longest match wins, then the newest", "[lookup]") {
  CHECK(found({1, 2, 3, 4, 5, 1, 2, 3}, 2) == Ids{4, 5});
  CHECK(found({1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3}, 1) == Ids{4});          // three before two
  CHECK(found({1, 2, 3, 4, 1, 2, 3, 6, 1, 2, 3}, 1) == Ids{6});          // the newest of equals
  CHECK(found({0, 1, 2, 3, 4, 7, 1, 2, 3, 6, 0, 1, 2, 3}, 1) == Ids{6}); // no more than three count
  CHECK(found({7, 3, 4, 9, 8, 3}, 3) == Ids{4, 9, 8});                   // one
  CHECK(found({3, 3}, 1) == Ids{3});
}

TEST_CASE("a match near the end goes on with itself", "[lookup]") {
  CHECK(found({5, 5}, 4) == Ids{5, 5, 5, 5});
  CHECK(found({1, 2, 1, 2}, 5) == Ids{1, 2, 1, 2, 1});
  CHECK(found({9, 1, 2, 3, 1, 2, 3, 1, 2, 3}, 7) == Ids{1, 2, 3, 1, 2, 3, 1});
}

TEST_CASE("nothing to find", "[lookup]") {
  CHECK(found({}, 3).empty());
  CHECK(found({1}, 3).empty());
  CHECK(found({1, 2, 3, 4}, 3).empty());
  CHECK(found({1, 2, 3, 1}, 0).empty());
  CHECK(found({1, 2, 3, 1}, 2, 2).empty()); // one token in common where two are asked for
  CHECK(found({4, 1, 2, 3, 4, 1}, 1, 2) == Ids{2});
  CHECK(found({4, 1, 2, 3, 4, 1}, 1, 3).empty());
}

TEST_CASE("guesses that are right become longer, up to the most", "[lookup]") {
  const Ids history{1, 2, 3, 1, 2, 3, 1, 2, 3};
  Drafts drafts;
  drafts.start(6);
  for (const std::size_t length : {1U, 2U, 4U, 6U, 6U}) {
    const auto guesses = drafts.guess(history, 100);
    CHECK(guesses.size() == length);
    const Ids ids(guesses.begin(), guesses.end());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      CHECK(drafts.row() == i);
      CHECK(drafts.take(ids[i]));
    }
    CHECK_FALSE(drafts.take(1)); // no more of them
  }
  CHECK(drafts.guess(history, 2).size() == 2); // no more room
  CHECK(drafts.guess(history, 0).empty());
  drafts.start(0);
  CHECK(drafts.guess(history, 100).empty());
}

TEST_CASE("guesses that are wrong become few", "[lookup]") {
  const Ids history{1, 2, 3, 1, 2, 3, 1, 2, 3};
  Drafts drafts;
  drafts.start(16);
  std::size_t guessed = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    guessed += drafts.guess(history, 100).size();
    CHECK_FALSE(drafts.take(9));
  }
  CHECK(guessed >= 10);
  CHECK(guessed < 1000 / 50);
  // A right one brings them back.
  while (drafts.guess(history, 100).empty()) {
  }
  CHECK(drafts.take(1));
  CHECK(drafts.guess(history, 100).size() == 2);
}

TEST_CASE("what is no longer there is not taken", "[lookup]") {
  Drafts drafts;
  drafts.start(4);
  CHECK(drafts.guess(Ids{1, 2, 3, 1, 2}, 100).empty()); // two in common say too little at first
  CHECK(drafts.guess(Ids{0, 1, 2, 3, 0, 1, 2}, 100).size() == 1);
  drafts.forget();
  CHECK_FALSE(drafts.take(3));
  CHECK(drafts.row() == 0);
}
