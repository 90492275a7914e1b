#include "tune/fit/limits.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/tune/made_up_fit.h"

using namespace keel;
using namespace keel::test;

namespace keel::fit {  // not used: names of other searches are compiled beside these

using keel::test::contains;

TEST_CASE("A wish is a number or a multiple of the checkpoint's", "[fit]") {
    CHECK(parse_wish("120", "--max-mb").value == 120);
    CHECK_FALSE(parse_wish("120", "--max-mb").relative);
    CHECK(parse_wish("0.5x", "--max-mb").value == 0.5);
    CHECK(parse_wish("0.5x", "--max-mb").relative);
    for (const char* text : {"", "x", "0", "-1", "nan", "inf", "4xx", "4 x", "1e999", "4x of f32", "0x10"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_wish(text, "--max-mb"), UsageError);
    }
    CHECK(parse_share("0.75", "--keep") == 0.75);
    for (const char* text : {"", "0", "1", "-0.5", "nan", "0.5x"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_share(text, "--keep"), UsageError);
    }
}

TEST_CASE("Limits are wishes for a checkpoint's figures, and misses say by how much", "[fit]") {
    Wishes wishes{.max_drop = 0.01};
    wishes.min_images_per_second = Wish{4, true};
    wishes.max_latency_ms = Wish{5, false};
    wishes.max_mb = Wish{0.5, true};
    wishes.max_memory_mb = Wish{1, true};
    const Figures checkpoint = made_up_figures(0, 100);  // 10 ms, 90 MB, 200 MB of memory
    const Limits limits = limits_of(wishes, checkpoint);
    CHECK(*limits.min_images_per_second == 400);
    CHECK(*limits.max_latency_ms == 5);
    CHECK(*limits.max_mb == 45);
    CHECK(*limits.max_memory_mb == 200);

    const std::vector<Miss> misses = misses_of(checkpoint, limits);
    REQUIRE(misses.size() == 3);  // no drop, no more memory than itself
    CHECK(misses[0].share == Approx(0.75));
    CHECK(misses[1].share == Approx(1));
    CHECK(misses[2].share == Approx(1));
    CHECK_THAT(text_of(misses[1]), contains("latency 10.00 ms where 5.00 are allowed, 100.0 % too much"));
    CHECK(misses_of(made_up_figures(0.01, 600), limits).empty());  // at the limit is within it

    const std::vector<Miss> lost = misses_of(made_up_figures(0.02, 600), limits);
    REQUIRE(lost.size() == 1);
    CHECK(lost[0].share == Approx(1));
    CHECK_THAT(text_of(lost[0]), contains("drop 0.0200 where 0.0100 is allowed, 0.0100 too much"));
}

TEST_CASE("A drop that must be sure keeps to its limit with its whole interval", "[fit]") {
    const Figures figures = made_up_figures(0.004, 600);  // 0.002 to 0.006
    CHECK(misses_of(figures, {.max_drop = 0.005}).empty());
    const std::vector<Miss> misses = misses_of(figures, {.max_drop = 0.005, .sure = true});
    REQUIRE(misses.size() == 1);
    CHECK(misses[0].value == Approx(0.006));
    Figures unknown = figures;
    unknown.drop_interval.reset();
    REQUIRE(misses_of(unknown, {.max_drop = 0.005, .sure = true}).size() == 1);
    CHECK_THAT(text_of(misses_of(unknown, {.max_drop = 0.005, .sure = true})[0]), contains("nobody knows"));
    // A limit of 0 has no parts: misses of it are shares of kLeastDrop.
    CHECK(misses_of(figures, {.max_drop = 0})[0].share == Approx(0.004 / kLeastDrop));
}

}  // namespace keel::fit
