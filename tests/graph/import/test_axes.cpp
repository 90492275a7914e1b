#include "graph/import/axes.h"

#include "tests/support/catch.h"

namespace keel::graph {
namespace {

using Extents = std::vector<std::int64_t>;

// an image of 4 x 6 pixels and 8 channels as {c, h, w}
const Axis kChannels{{8, 0, 1}}, kRows{{4, 6, 0}}, kColumns{{6, 1, 0}};

TEST_CASE("neighbouring factors that are one run become one", "[graph]") {
    CHECK(merged({{4, 6, 0}, {6, 1, 0}}) == Axis{{24, 1, 0}});
    CHECK(merged({{4, 6, 0}, {1, 9, 9}, {8, 0, 1}}) == Axis{{4, 6, 0}, {8, 0, 1}});
    CHECK(merged({{1, 6, 0}}).empty());
}

TEST_CASE("axes are regrouped over the same factors, split where an extent ends", "[graph]") {
    const std::vector<Factor> factors = factors_of(std::vector{kChannels, kRows, kColumns});
    const auto groups = regrouped(factors, Extents{2, 4, 4, 6});
    REQUIRE(groups);
    CHECK(*groups == std::vector<Axis>{{{2, 0, 4}}, {{4, 0, 1}}, kRows, kColumns});
    const auto flat = regrouped(factors, Extents{1, 192});
    REQUIRE(flat);
    CHECK(*flat == std::vector<Axis>{{}, {{8, 0, 1}, {24, 1, 0}}});
    CHECK_FALSE(regrouped(factors, Extents{3, 64}));  // 3 does not divide 8 channels
    CHECK_FALSE(regrouped(factors, Extents{8, 4, 6, 2}));
}

TEST_CASE("two axes of one extent have factors in common, or not", "[graph]") {
    const auto common = common_factors({{2, 0, 4}, {4, 0, 1}}, {{8, 1, 0}});
    REQUIRE(common);
    CHECK(common->first == Axis{{2, 0, 4}, {4, 0, 1}});
    CHECK(common->second == Axis{{2, 4, 0}, {4, 1, 0}});
    CHECK_FALSE(common_factors({{2, 0, 3}, {3, 0, 1}}, {{3, 2, 0}, {2, 1, 0}}));
}

TEST_CASE("slices of an axis go forwards, in steps and backwards", "[graph]") {
    const auto odd = sliced(kChannels, 1, 2, 4);
    REQUIRE(odd);
    CHECK(odd->axis == Axis{{4, 0, 2}});
    CHECK(odd->offset.channels == 1);
    const auto back = sliced(kColumns, 5, -1, 6);
    REQUIRE(back);
    CHECK(back->axis == Axis{{6, -1, 0}});
    CHECK(back->offset.pixels == 5);
    const Axis two{{8, 0, 1}, {24, 1, 0}};
    const auto blocks = sliced(two, 48, 1, 72);
    REQUIRE(blocks);
    CHECK(blocks->axis == Axis{{3, 0, 1}, {24, 1, 0}});
    CHECK(blocks->offset.channels == 2);
    CHECK_FALSE(sliced(two, 12, 1, 24));
}

}  // namespace
}  // namespace keel::graph
