// Convolution of codes on matrix tiles, which are plain loops here: the way the AMX variant walks pixels, products and
// columns, packs weights and shapes tiles, on any machine. kernels/qconv/qconv_amx.cpp is the same body on the real
// ones.
#define KEEL_EMULATE_TILES "tests/support/tiles_stand_in.h"
#include "kernels/simd/tiles.h"

#include "kernels/qconv/reference.h"
#include "tests/kernels/qconv_problem.h"
#include "tests/support/tiles_use.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = Isa::scalar;

void qconv_gather(const QconvGather& t) { reference::qconv_gather(t); }

void finish_rows(const QconvTile& t, int begin, int end, const std::int32_t* sums) {
    for (int r = begin; r < end; ++r)
        for (std::int64_t j = 0; j < t.columns; ++j) reference::qconv_finish(t, r, j, sums[r * 64 + j]);
}

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/tiles_body.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;
using namespace keel::test::qconv;

namespace {

constexpr QconvVariant kOnStandIn = simd::kQconvOnTiles;

/// How often tiles were given shapes.
int check_on_tiles(const Case& c, std::uint64_t seed = 1) {
    const Problem problem(c, seed);
    const int before = TileUse::configured;
    check_qconv(c, kOnStandIn, problem, problem.truth());
    CHECK(TileUse::faults == 0);
    CHECK(TileUse::holders == 0);  // every thread gave its tiles back
    return TileUse::configured - before;
}

}  // namespace

TEST_CASE("qconv on tiles: pixels around one and two tiles", "[tiles]") {
    for (const std::int64_t pixels : {1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 97})
        check_on_tiles({Conv2dGeometry{pixels, 64, 1, 1, 64, 1, 1}});
    for (const std::int64_t side : {5, 7, 11, 14, 17, 33}) check_on_tiles({square(1, side, 20, 33, 3)});
}

TEST_CASE("qconv on tiles: depths around one and more blocks, columns around all numbers of vectors", "[tiles]") {
    for (const std::int64_t depth : {1, 3, 4, 5, 60, 63, 64, 65, 68, 96, 127, 128, 129, 250})
        for (const int kernel : {1, 3}) check_on_tiles({square(1, 6, depth, 24, kernel)});
    for (const std::int64_t columns : {1, 15, 16, 17, 32, 40, 48, 63, 64, 65, 100, 128})
        for (const std::int64_t pixels : {9, 16, 40}) check_on_tiles({Conv2dGeometry{pixels, 72, 1, 1, columns, 1, 1}});
}

TEST_CASE("qconv on tiles: rows that are left for later, residual and result in one place", "[tiles]") {
    for (const std::int64_t depth : {8, 64, 200, 2304})
        for (const bool floats : {false, true}) {
            Case c{Conv2dGeometry{70, depth, 1, 1, 150, 1, 1}, Read::plain, true, floats};
            c.onto_residual = !floats;
            c.least = floats ? kNone : 12;
            check_on_tiles(c);
        }
}

TEST_CASE("qconv on tiles: gathered, read in place, padded lines, groups, dilation, extremes", "[tiles]") {
    for (const Read read : {Read::plain, Read::clamped, Read::affine})
        for (const std::int64_t channels : {3, 20, 72}) {
            Conv2dGeometry g{2, 2 * channels, 9, 21, 2 * 24, 3, 5, 2, 2, 4, 3};
            g.groups = 2;
            check_on_tiles({g, read, false, false, true, false, 7, 5});
            g.dilation_h = g.dilation_w = 2;
            check_on_tiles({g, read, true, false, false, true});
        }
    check_on_tiles({square(1, 40, 64, 32, 3)});
    check_on_tiles({square(2, 30, 3, 64, 7, 2)});
    check_on_tiles({Conv2dGeometry{2, 4096, 3, 3, 17, 1, 1}});  // pixels in the same sets of the cache are gathered
}

TEST_CASE("qconv on tiles: shapes are set once a thread, and again only for the last few pixels", "[tiles]") {
    // Teams of one and three threads, each of which has whole tiles.
    CHECK(check_on_tiles({Conv2dGeometry{6 * 32, 100, 1, 1, 200, 1, 1}}) == 1 + 3);
    CHECK(check_on_tiles({square(1, 28, 128, 32, 3)}) == 1 + 3);
    // One thread: 17 tiles of 32 and one of 8.
    const Problem problem({Conv2dGeometry{17 * 32 + 8, 16, 1, 1, 16, 1, 1}}, 1);
    const ThreadScope alone(1);
    const int before = TileUse::configured;
    CHECK(problem.result(kOnStandIn) == problem.truth());
    CHECK(TileUse::configured - before <= 2);
}
