// Resampling against the standard's formulas in double, and borders against their definition.
#include "graph/ops/resize.h"

#include <set>

#include "graph/ops/pad.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using graph::Pad;
using graph::Resize;
using kernels::NearestRounding;
using kernels::ResizeCoordinates;
using kernels::ResizeKind;

namespace {

constexpr ResizeCoordinates kCoordinates[] = {ResizeCoordinates::half_pixel, ResizeCoordinates::pytorch_half_pixel,
                                              ResizeCoordinates::align_corners, ResizeCoordinates::asymmetric};

/// The coordinate in src, in double of the float scale.
double coordinate(ResizeCoordinates kind, std::int64_t o, std::int64_t in, std::int64_t out, float scale) {
    const auto at = static_cast<double>(o);
    switch (kind) {
        case ResizeCoordinates::half_pixel:
            return (at + 0.5) / double{scale} - 0.5;
        case ResizeCoordinates::pytorch_half_pixel:
            return out > 1 ? (at + 0.5) / double{scale} - 0.5 : 0;
        case ResizeCoordinates::align_corners:
            return out > 1 ? at * static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
        case ResizeCoordinates::asymmetric:
            return at / double{scale};
    }
    return 0;
}

std::int64_t nearest(double x, NearestRounding rounding, std::int64_t in) {
    const double whole = rounding == NearestRounding::round_prefer_floor  ? std::ceil(x - 0.5)
                         : rounding == NearestRounding::round_prefer_ceil ? std::floor(x + 0.5)
                         : rounding == NearestRounding::floor             ? std::floor(x)
                                                                          : std::ceil(x);
    return std::clamp(static_cast<std::int64_t>(whole), std::int64_t{0}, in - 1);
}

/// The mean along one axis between the two pixels around x; value(i) is a pixel's.
template <class Value>
double blend(double x, std::int64_t in, Value value) {
    x = std::clamp(x, 0.0, static_cast<double>(in - 1));
    const auto first = static_cast<std::int64_t>(x);
    const double share = x - static_cast<double>(first);
    return value(first) * (1 - share) + (share > 0 ? share * value(std::min(first + 1, in - 1)) : 0);
}

struct Case {
    std::int64_t h, w;
    float scale_h, scale_w;
};

/// Scales of powers of two and of ratios; the last says less than its extents do.
const Case kCases[] = {{10, 12, 2, 2}, {5, 3, 1, 0.5F}, {3, 9, 0.6F, 1.5F}, {1, 1, 0.2F, 1.0F / 6}, {7, 6, 1.5F, 1}};

}  // namespace

TEST_CASE("Linear resampling in every coordinate system", "[resize]") {
    for (const std::int64_t c : {1, 3, 17})
        for (const Case& to : kCases)
            for (const ResizeCoordinates coordinates : kCoordinates) {
                const Maps src = Maps::random(2, 5, 6, c, 1);
                std::vector<double> truth, bounds;
                Maps::for_each(2, to.h, to.w, c, [&](auto i, auto y, auto x, auto k, std::size_t) {
                    truth.push_back(blend(coordinate(coordinates, y, 5, to.h, to.scale_h), 5, [&](std::int64_t iy) {
                        return blend(coordinate(coordinates, x, 6, to.w, to.scale_w), 6,
                                     [&](std::int64_t ix) { return double{src.at(i, iy, ix, k)}; });
                    }));
                    // A coordinate below 16 in float errs by 3 roundings of 16, along each axis, and moves the mean by
                    // at most twice the largest magnitude, 1, for each pixel; the mean itself is 7 roundings.
                    bounds.push_back(kRoundoff * (2 * 3 * 16 * 2 + 7));
                });
                for (const Gaps& gaps : kGaps) {
                    CAPTURE(c, to.h, to.w, static_cast<int>(coordinates));
                    const Resize op{ResizeKind::linear, coordinates, {}, to.scale_h, to.scale_w};
                    CHECK(outliers(run_op(src, {to.h, to.w, c}, gaps, op).values, truth, bounds) == 0);
                }
            }
}

namespace {

/// How far a coordinate in float may be from that in double: nothing for a scale that is a power of two, else three
/// roundings of numbers below 16. With aligned corners it is one quotient of whole numbers, which is rounded right.
double coordinate_error(ResizeCoordinates kind, float scale) {
    int exponent = 0;
    const bool exact = kind == ResizeCoordinates::align_corners || std::frexp(scale, &exponent) == 0.5F;
    return exact ? 0 : 3 * 16 * kRoundoff;
}

/// The pixels that a coordinate may be rounded to: two where its error reaches over a jump.
std::set<std::int64_t> nearest_pixels(const Resize& op, std::int64_t o, std::int64_t in, std::int64_t out,
                                      float scale) {
    const double at = coordinate(op.coordinates, o, in, out, scale), error = coordinate_error(op.coordinates, scale);
    return {nearest(at - error, op.rounding, in), nearest(at + error, op.rounding, in)};
}

}  // namespace

TEST_CASE("Nearest resampling in every coordinate system and rounding is an exact copy", "[resize]") {
    for (const Case& to : kCases)
        for (const ResizeCoordinates coordinates : kCoordinates)
            for (const NearestRounding rounding :
                 {NearestRounding::round_prefer_floor, NearestRounding::round_prefer_ceil, NearestRounding::floor,
                  NearestRounding::ceil}) {
                const Resize op{ResizeKind::nearest, coordinates, rounding, to.scale_h, to.scale_w};
                const Maps src = Maps::random(2, 5, 6, 7, 1);
                for (const Gaps& gaps : kGaps) {
                    CAPTURE(to.h, to.w, static_cast<int>(coordinates), static_cast<int>(rounding));
                    const Maps got = run_op(src, {to.h, to.w, 7}, gaps, op);
                    std::int64_t strangers = 0;
                    got.for_each([&](auto i, auto y, auto x, auto k, std::size_t element) {
                        bool found = false;
                        for (const std::int64_t iy : nearest_pixels(op, y, 5, to.h, to.scale_h))
                            for (const std::int64_t ix : nearest_pixels(op, x, 6, to.w, to.scale_w))
                                found = found || got.values[element] == src.at(i, iy, ix, k);
                        strangers += found ? 0 : 1;
                    });
                    CHECK(strangers == 0);
                }
            }
}

TEST_CASE("A resize that makes no sense is refused", "[resize]") {
    const graph::Buffer src{4, 4, 2};
    CHECK_NOTHROW(check_op(src, {8, 8, 2}, Resize{.scale_h = 2, .scale_w = 2}));
    CHECK_NOTHROW(check_op(src, {8, 8, 2}, Resize{.scale_h = 1e-38F, .scale_w = 1e38F}));
    CHECK_THROWS_WITH(check_op(src, {8, 8, 3}, Resize{}), contains("as many channels"));
    for (const float scale : {0.0F, -1.0F, kNaN, kInfinity})
        CHECK_THROWS_WITH(check_op(src, {8, 8, 2}, Resize{.scale_w = scale}), contains("scales above 0"));
}

TEST_CASE("Scales at the ends of float's range stay inside the map", "[resize]") {
    const Maps src = Maps::random(1, 4, 4, 2, 1);
    for (const ResizeKind kind : {ResizeKind::nearest, ResizeKind::linear})
        for (const ResizeCoordinates coordinates : kCoordinates)
            for (const float scale : {1e-45F, 1e-38F, 3e38F}) {
                const Maps got = run_op(src, {6, 5, 2}, {}, Resize{kind, coordinates, {}, scale, scale});
                CHECK(std::ranges::all_of(got.values, [](float v) { return std::abs(v) <= 1; }));
            }
}

namespace {

/// The position in src that position o of dst shows; -1: the constant.
std::int64_t source(Pad::Mode mode, std::int64_t o, std::int64_t before, std::int64_t in) {
    const std::int64_t i = o - before;
    if (mode == Pad::Mode::constant) return i < 0 || i >= in ? -1 : i;
    if (mode == Pad::Mode::edge) return std::min(std::max<std::int64_t>(i, 0), in - 1);
    if (i < 0) return -i;
    return i < in ? i : in - 1 - (i - (in - 1));
}

}  // namespace

TEST_CASE("Borders of a constant, of reflections and of edges", "[pad]") {
    struct Borders {
        int top, left, front;
        std::int64_t bottom, right, behind;
    };
    const Maps src = Maps::random(2, 4, 3, 5, 1);
    for (const Borders& b :
         {Borders{1, 2, 0, 2, 1, 0}, {3, 0, 0, 0, 2, 0}, {0, 0, 4, 0, 0, 3}, {1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0}})
        for (const Pad::Mode mode : {Pad::Mode::constant, Pad::Mode::reflect, Pad::Mode::edge})
            for (const float value : {-1.5F, -kInfinity}) {
                const graph::Buffer dst{4 + b.top + b.bottom, 3 + b.left + b.right, 5 + b.front + b.behind};
                std::vector<float> wanted;
                Maps::for_each(2, dst.h, dst.w, dst.c, [&](auto i, auto y, auto x, auto k, std::size_t) {
                    const std::int64_t iy = source(mode, y, b.top, 4), ix = source(mode, x, b.left, 3),
                                       ik = source(mode, k, b.front, 5);
                    wanted.push_back(iy < 0 || ix < 0 || ik < 0 ? value : src.at(i, iy, ix, ik));
                });
                for (const Gaps& gaps : kGaps) {
                    CAPTURE(b.top, b.left, b.front, static_cast<int>(mode));
                    CHECK(run_op(src, dst, gaps, Pad{mode, b.top, b.left, b.front, value}).values == wanted);
                }
            }
}

TEST_CASE("Borders that src does not lie in, or cannot be reflected into, are refused", "[pad]") {
    const graph::Buffer src{4, 3, 5};
    const auto refused = [&](const graph::Buffer& dst, const Pad& op, const char* why) {
        CHECK_THROWS_WITH(check_op(src, dst, op), contains(why));
    };
    refused({3, 3, 5}, {}, "a dst that src lies in");
    refused({4, 3, 5}, {.top = 1}, "a dst that src lies in");
    refused({4, 3, 5}, {.front = -1}, "a dst that src lies in");
    refused({4, 6, 5}, {.mode = Pad::Mode::reflect, .left = 3}, "a reflected border that is narrower than src");
    refused({8, 3, 5}, {.mode = Pad::Mode::reflect}, "a reflected border that is narrower than src");
    CHECK_NOTHROW(check_op(src, {7, 5, 9}, Pad{.mode = Pad::Mode::reflect, .top = 0, .left = 2, .front = 4}));
}
