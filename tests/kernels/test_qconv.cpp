// Convolution of codes, every variant and several team sizes: bit for bit what plain 64-bit loops give.
#include <cstdint>
#include <vector>

#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/qconv/qconv.h"
#include "kernels/random.h"
#include "tests/kernels/qconv_problem.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;
using namespace keel::test::qconv;

namespace {

/// Whether the processor counts the calling thread's tiles, or their shapes, as in use.
bool holds_tiles() {
    std::uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
    return (low & kSavesTiles) != 0;
}

/// The same, while tiles have shapes.
__attribute__((target("amx-tile"))) bool holds_tiles_once_shaped() {
    alignas(64) unsigned char shapes[64] = {1};
    shapes[16] = 64;  // bytes of a row of tile 0
    shapes[48] = 16;  // its rows
    __asm__ volatile("ldtilecfg %0" ::"m"(shapes));
    const bool held = holds_tiles();
    __asm__ volatile("tilerelease");
    return held;
}

void check(const Case& c, std::uint64_t seed = 1) {
    const Problem problem(c, seed);
    const std::vector<float> truth = problem.truth();
    for_each_qconv([&](const QconvVariant& variant) { check_qconv(c, variant, problem, truth); });
}

}  // namespace

TEST_CASE("qconv: the layers of the models in small") {
    for (const Conv2dGeometry& g :
         {square(2, 30, 3, 64, 7, 2), square(1, 14, 64, 64, 1), square(2, 14, 64, 256, 1), square(1, 14, 64, 128, 1, 2),
          square(2, 14, 64, 64, 3), square(1, 14, 128, 32, 3), square(3, 7, 128, 128, 3, 2), square(3, 7, 96, 128, 1),
          square(1, 7, 512, 64, 1), Conv2dGeometry{3, 64, 1, 1, 14, 1, 1}, Conv2dGeometry{2, 32, 3, 3, 1000, 3, 3}})
        check({g});
}

TEST_CASE("qconv: everything around the sums") {
    const Conv2dGeometry g = square(2, 9, 40, 52, 3);
    for (const Read read : {Read::plain, Read::clamped, Read::affine})
        for (const bool residual : {false, true})
            for (const bool floats : {false, true})
                check({g, read, residual, floats, true, false, 24, 12, floats ? kNone : 31.0F});
    check({square(2, 9, 5, 20, 3), Read::clamped, true, false, true});
    check({g, Read::plain, true, false, false, false, 24, 12, 0, true});
    check({square(2, 9, 5, 20, 3), Read::affine, false, true, true, false, 3, 3, kNone});
}

TEST_CASE("qconv: the ends of the ranges, and long sums") {
    for (const Conv2dGeometry& g : {square(1, 7, 64, 64, 3), square(1, 5, 3, 16, 7),
                                    Conv2dGeometry{1, 65793, 1, 1, 3, 1, 1}, Conv2dGeometry{1, 7310, 3, 3, 2, 3, 3}})
        check({g, Read::plain, true, false, true, true});
    // All 255 times all -128 or 127: the largest sums that there are.
    for (const int weight : {-128, 127})
        for_each_qconv([&](const QconvVariant& variant) {
            const std::int64_t products = 65793;
            Problem problem(
                {Conv2dGeometry{1, products, 1, 1, 1, 1, 1}, Read::plain, false, true, false, true, 0, 0, kNone}, 1);
            std::fill(problem.src.begin(), problem.src.end(), std::uint8_t{255});
            std::fill(problem.weights.begin(), problem.weights.end(), static_cast<std::int8_t>(weight));
            problem.scale = {1};
            problem.shift = {0};
            CHECK(problem.result(variant).front() == static_cast<float>(products * 255 * weight));
        });
    CHECK_THROWS_WITH(Qconv(Conv2dGeometry{1, 65794, 1, 1, 1, 1, 1}),
                      contains("wanted sums of at most 65793 products, got 65794"));
}

TEST_CASE("qconv: halves are rounded to the even code, results beyond the codes saturate") {
    for_each_qconv([&](const QconvVariant& variant) {
        std::vector<float> results, wanted{0, 0, 2, 2, 4, 254, 254, 255, 255, 255, 0, 0, 255, 0};
        for (const float v :
             {-0.5F, 0.5F, 1.5F, 2.5F, 3.5F, 253.5F, 254.5F, 255.4F, 255.5F, 3e9F, -1.0F, -3e9F, 3e38F, -3e38F}) {
            Problem problem({Conv2dGeometry{1, 4, 1, 1, 1, 1, 1}}, 1);
            problem.scale = {0};
            problem.shift = {v};
            results.push_back(problem.result(variant).front());
        }
        CHECK(results == wanted);
    });
}

TEST_CASE("qconv: lines of narrow pixels, rows of windows outside the map") {
    for (const std::int64_t channels : {3, 20}) {  // lines are padded and kept; taps are read in place
        Conv2dGeometry g{2, 2 * channels, 12, 31, 2 * 24, 3, 5, 2, 2, 4, 3};
        g.groups = 2;
        for (const Read read : {Read::plain, Read::clamped, Read::affine})
            for (const bool pad : {false, true}) check({g, read, false, false, pad, false, pad ? 7 : 0, 5});
        g.dilation_h = 3;
        check({g});
        check({Conv2dGeometry{1, channels, 40, 17, 70, 7, 3, 1, 1, 6, 1}, Read::plain, true});
    }
}

TEST_CASE("qconv: random geometries") {
    Random random(7, Draw::synthesize);
    const auto draw = [&](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(high - low + 1));
    };
    for (int i = 0; i < 60; ++i) {
        const std::int64_t groups = draw(0, 3) == 0 ? draw(2, 4) : 1;
        Conv2dGeometry g{draw(1, 3),
                         groups * draw(1, 40),
                         draw(5, 15),
                         draw(5, 15),
                         groups * draw(1, 70),
                         static_cast<int>(draw(1, 5)),
                         static_cast<int>(draw(1, 5))};
        g.stride_h = static_cast<int>(draw(1, 3));
        g.stride_w = static_cast<int>(draw(1, 3));
        g.pad_h = static_cast<int>(draw(0, 3));
        g.pad_w = static_cast<int>(draw(0, 3));
        if (draw(0, 3) == 0 && g.kh <= 3 && g.kw <= 3) g.dilation_h = g.dilation_w = 2;
        g.groups = static_cast<int>(groups);
        Case c{g, static_cast<Read>(draw(0, 2))};
        draw_surroundings(c, draw);
        check(c, static_cast<std::uint64_t>(i));
    }
}

TEST_CASE("qconv: the host program finds no tiles in use, on any thread") {
    if (!available_isas().back().includes(qconv_amx.isa) || qconv_amx.isa != Isa::amx) return;  // emulated tiles
    CHECK(holds_tiles_once_shaped());
    const Problem problem({square(4, 20, 72, 70, 3)}, 1);
    for (const int threads : {1, 3}) {
        const ThreadScope team(threads);
        CHECK(problem.result(qconv_amx) == problem.truth());
        std::vector<int> held(static_cast<std::size_t>(threads));
        parallel_for(threads, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) held[static_cast<std::size_t>(i)] = holds_tiles() ? 1 : 0;
        });
        CHECK(held == std::vector<int>(held.size(), 0));
    }
}
