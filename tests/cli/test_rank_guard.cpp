// Of one rank; tests/cli/test_lost_ranks.cpp has several.
#include "cli/cluster/rank_guard.h"

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::cli;

TEST_CASE("One rank alone is only called, its code and its errors come back", "[ranks]") {
    int ranks = 0;
    CHECK(guarded({.start = 0.001, .silence = 0.001, .deadline = 0.001}, [&](World& world) {
              ranks = world.size();
              return 75;
          }) == 75);
    CHECK(ranks == 1);
    CHECK_THROWS_AS(guarded({}, [](World&) -> int { throw InputError("[x] bad"); }), InputError);
}
