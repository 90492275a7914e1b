#include "train/option.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Ranges", "[options]") {
    CHECK(from_to_below(0, 1).holds(0));
    CHECK_FALSE(from_to_below(0, 1).holds(1));
    CHECK(from_to(0, 1).holds(1));
    CHECK_FALSE(above(0).holds(0));
    CHECK_FALSE(NumberRange{}.holds(std::nan("")));
    CHECK_FALSE(at_least(0).holds(std::numeric_limits<double>::infinity()));
    CHECK(at_least(2).text() == "at least 2");
    CHECK(above(0).text() == "above 0");
    CHECK(from_to_below(0, 1).text() == "0 to below 1");
}

TEST_CASE("A flag is the key with dashes", "[options]") {
    CHECK(flag_of("lr") == "--lr");
    CHECK(flag_of("batch_size") == "--batch-size");
}
