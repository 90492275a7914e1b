#include "engine/quantile.h"

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("A median is the middle value, or between the middle two", "[quantile]") {
    CHECK(median({3}) == 3);
    CHECK(median({9, 1, 4}) == 4);
    CHECK(median({9, 1, 4, 2}) == 3);
}

TEST_CASE("A quantile is a value that the share does not exceed", "[quantile]") {
    std::vector<double> hundred;
    for (int i = 100; i > 0; --i) hundred.push_back(i);
    CHECK(quantile(hundred, 0.99) == 99);
    CHECK(quantile(hundred, 0.5) == 50);
    CHECK(quantile(hundred, 1) == 100);
    CHECK(quantile(hundred, 0) == 1);
    CHECK(quantile({1, 2}, 0.99) == 2);
}
