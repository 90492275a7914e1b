// Copies by strides against their definition, element by element.
#include "graph/ops/rearrange.h"

#include <limits>
#include <numeric>

#include "kernels/parallel.h"
#include "kernels/random.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using graph::Rearrange;
using graph::RearrangeAxis;

namespace {

std::int64_t size_of_axes(const std::vector<RearrangeAxis>& axes) {
    std::int64_t product = 1;
    for (const RearrangeAxis& axis : axes) product *= axis.size;
    return product;
}

/// Adds what the axes say of element `index`.
void add_steps(const std::vector<RearrangeAxis>& axes, std::int64_t index, std::int64_t& pixel, std::int64_t& channel) {
    for (std::size_t i = axes.size(); i-- > 0; index /= axes[i].size) {
        pixel += index % axes[i].size * axes[i].pixel_stride;
        channel += index % axes[i].size * axes[i].channel_stride;
    }
}

void check_copy(const Maps& src, std::int64_t h, std::int64_t w, const Rearrange& op) {
    const std::int64_t c = size_of_axes(op.channel_axes);
    REQUIRE(size_of_axes(op.pixel_axes) == h * w);
    std::vector<float> wanted;
    Maps::for_each(src.n, h, w, c, [&](std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k, std::size_t) {
        std::int64_t pixel = op.first_pixel, channel = op.first_channel;
        add_steps(op.pixel_axes, y * w + x, pixel, channel);
        add_steps(op.channel_axes, k, pixel, channel);
        wanted.push_back(src.at(i, pixel / src.w, pixel % src.w, channel));
    });
    for (const Gaps& gaps : kGaps)
        for (const int threads : {1, 3}) {
            const ThreadScope scope(threads);
            CHECK(run_op(src, {h, w, c}, gaps, op).values == wanted);
        }
}

/// Axes that stay inside `pixels` and `channels`: digits of the two in random order, some of them flipped or repeated.
Rearrange random_op(Random& random, const Maps& src) {
    std::vector<RearrangeAxis> axes;
    Rearrange op;
    const auto add_digits = [&](std::int64_t extent, bool pixels) {
        for (std::int64_t stride = 1; stride < extent;) {
            std::int64_t size = std::min<std::int64_t>(2 + random.below(4), extent / stride), step = stride;
            if (size < 2) break;
            if (random.below(4) == 0) {
                (pixels ? op.first_pixel : op.first_channel) += (size - 1) * stride;
                step = -stride;
            }
            axes.push_back({size, pixels ? step : 0, pixels ? 0 : step});
            stride *= size;
        }
    };
    add_digits(src.h * src.w, true);
    add_digits(src.c, false);
    if (random.below(3) == 0) axes.push_back({3, 0, 0});
    for (std::size_t i = axes.size(); i > 1; --i)
        std::swap(axes[i - 1], axes[random.below(static_cast<std::uint32_t>(i))]);
    for (const RearrangeAxis& axis : axes)
        (random.below(2) == 0 && op.pixel_axes.size() < 16 ? op.pixel_axes : op.channel_axes).push_back(axis);
    return op;
}

}  // namespace

TEST_CASE("Transposes, reshapes, shuffles, slices, flips and expansions are exact copies", "[rearrange]") {
    for (const std::int64_t n : {1, 2}) {
        SECTION("NHWC to NCHW and back, n = " + std::to_string(n)) {
            for (const auto& [h, w, c] : {std::tuple{5, 7, 3}, {16, 16, 32}, {33, 17, 65}, {1, 1, 9}, {4, 4, 1}}) {
                const Maps src = Maps::random(n, h, w, c, 1);
                check_copy(src, 1, c, {{{c, 0, 1}}, {{h * w, 1, 0}}});              // {1, c, h * w}
                check_copy(src, 1, 1, {{}, {{c, 0, 1}, {h * w, 1, 0}}});            // flattened as PyTorch does
                check_copy(src, 1, h * w, {{{h * w, 1, 0}}, {{c, 0, 1}}});          // as it is
                check_copy(src, w, h, {{{w, 1, 0}, {h, w, 0}}, {{c, 0, 1}}});       // rows are columns
                check_copy(src, 1, 1, {{}, {{h * w, 1, 0}, {c, 0, 1}}});            // one vector
                check_copy(src, 1, c, {{{c, 0, 1}}, {{w, 1, 0}}, (h - 1) * w, 0});  // of the last row
            }
        }
        SECTION("channel shuffles, n = " + std::to_string(n)) {
            for (const auto& [groups, each] : {std::pair{2, 58}, {3, 5}, {4, 16}, {8, 1}}) {
                const Maps src = Maps::random(n, 6, 5, groups * each, 2);
                check_copy(src, 6, 5, {{{30, 1, 0}}, {{each, 0, 1}, {groups, 0, each}}});
            }
        }
        SECTION("slices with steps, flips and expansions, n = " + std::to_string(n)) {
            const Maps src = Maps::random(n, 8, 6, 7, 3);
            check_copy(src, 4, 3, {{{4, 12, 0}, {3, 2, 0}}, {{3, 0, 2}}, 1, 1});
            check_copy(src, 8, 6, {{{8, 6, 0}, {6, -1, 0}}, {{7, 0, 1}}, 5, 0});
            check_copy(src, 8, 6, {{{48, 1, 0}}, {{7, 0, -1}}, 0, 6});
            check_copy(src, 5, 4, {{{20, 0, 0}}, {{7, 0, 1}}, 9, 0});
            check_copy(src, 8, 6, {{{48, 1, 0}}, {{9, 0, 0}}, 0, 3});
            check_copy(src, 1, 1, {{}, {}, 47, 6});
            // space to depth of 2 x 2 blocks, and its inverse
            check_copy(src, 4, 3, {{{4, 12, 0}, {3, 2, 0}}, {{2, 6, 0}, {2, 1, 0}, {7, 0, 1}}});
            const Maps deep = Maps::random(n, 3, 2, 12, 4);
            check_copy(deep, 6, 4, {{{3, 2, 0}, {2, 0, 6}, {2, 1, 0}, {2, 0, 3}}, {{3, 0, 1}}});
        }
    }
}

TEST_CASE("Random rearrangements are exact copies", "[rearrange]") {
    Random random(5, Draw::bench);
    for (int round = 0; round < 60; ++round) {
        const Maps src =
            Maps::random(1 + random.below(3), 1 + random.below(9), 1 + random.below(9), 1 + random.below(40), 7);
        const Rearrange op = random_op(random, src);
        CAPTURE(round);
        check_copy(src, 1, size_of_axes(op.pixel_axes), op);
    }
}

TEST_CASE("A rearrangement that leaves its src is refused, however large its numbers", "[rearrange]") {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max(), kLeast = -kMost - 1;
    const graph::Buffer src{4, 4, 3}, dst{4, 4, 3};
    const Rearrange good{{{16, 1, 0}}, {{3, 0, 1}}};
    CHECK_NOTHROW(check_op(src, dst, good));
    const auto refused = [&](const Rearrange& op, const char* why) {
        CHECK_THROWS_WITH(check_op(src, dst, op), contains(why));
    };
    refused({{{15, 1, 0}}, {{3, 0, 1}}}, "pixel axes that make up dst's pixels");
    refused({{{kMost, 1, 0}, {kMost, 1, 0}}, {{3, 0, 1}}}, "pixel axes that make up dst's pixels");
    refused({{{-4, 1, 0}, {-4, 1, 0}}, {{3, 0, 1}}}, "pixel axes that make up dst's pixels");
    refused({{{16, 1, 0}}, {{0, 0, 1}}}, "channel axes that make up dst's channels");
    refused({std::vector<RearrangeAxis>(17, {1, 0, 0}), {{3, 0, 1}}}, "sixteen axes at most");
    for (const std::int64_t stride : {std::int64_t{2}, std::int64_t{-1}, kMost, kLeast}) {
        refused({{{16, stride, 0}}, {{3, 0, 1}}}, "axes that stay among src's pixels");
        refused({{{16, 1, 0}}, {{3, 0, stride}}}, "axes that stay among src's channels");
        refused({{{16, 1, stride}}, {{3, 0, 1}}}, "axes that stay among src's channels");
    }
    for (const std::int64_t first : {std::int64_t{1}, std::int64_t{-1}, kMost, kLeast}) {
        refused({{{16, 1, 0}}, {{3, 0, 1}}, first, 0}, "axes that stay among src's pixels");
        refused({{{16, 1, 0}}, {{3, 0, 1}}, 0, first}, "axes that stay among src's channels");
    }
}
