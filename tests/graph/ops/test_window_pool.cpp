// Pools with any window against loops over all positions of a window.
#include "graph/ops/window_pool.h"

#include "kernels/parallel.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using graph::WindowPool;

namespace {

/// The windows that fit whole, or with ceil_mode as PyTorch has it: one more where it begins before the end padding.
std::int64_t outputs(std::int64_t in, int kernel, int stride, int before, int after, int dilation, bool ceil_mode) {
    const std::int64_t span = in + before + after - dilation * (kernel - 1) - 1;
    std::int64_t out = span / stride + 1;
    if (ceil_mode && span % stride != 0 && out * stride < in + before) ++out;
    return out;
}

graph::Buffer extents(const Maps& src, const WindowPool& p, bool ceil_mode) {
    return {outputs(src.h, p.kh, p.stride_h, p.top, p.bottom, p.dilation_h, ceil_mode),
            outputs(src.w, p.kw, p.stride_w, p.left, p.right, p.dilation_w, ceil_mode), src.c};
}

/// What one window of one channel holds: numbers of the map, and how many positions lie in it or its padding.
struct Window {
    std::vector<float> values;
    std::int64_t padded = 0;
};

Window window_of(const Maps& src, const WindowPool& p, std::int64_t i, std::int64_t oy, std::int64_t ox,
                 std::int64_t k) {
    Window window;
    for (int ky = 0; ky < p.kh; ++ky)
        for (int kx = 0; kx < p.kw; ++kx) {
            const std::int64_t y = oy * p.stride_h - p.top + ky * p.dilation_h,
                               x = ox * p.stride_w - p.left + kx * p.dilation_w;
            if (y < src.h + p.bottom && x < src.w + p.right) ++window.padded;
            if (0 <= y && y < src.h && 0 <= x && x < src.w) window.values.push_back(src.at(i, y, x, k));
        }
    return window;
}

void check_pool(const Maps& src, WindowPool pool, bool ceil_mode) {
    const graph::Buffer dst = extents(src, pool, ceil_mode);
    std::vector<float> most;
    std::vector<double> mean, bounds, padded_mean, padded_bounds;
    Maps::for_each(src.n, dst.h, dst.w, dst.c, [&](auto i, auto y, auto x, auto k, std::size_t) {
        const Window window = window_of(src, pool, i, y, x, k);
        float best = window.values.front();
        double sum = 0, magnitude = 0;
        for (const float value : window.values) {
            best = std::isnan(value) || value > best ? (std::isnan(best) ? best : value) : best;
            sum += double{value};
            magnitude += std::abs(double{value});
        }
        most.push_back(best);
        // Sums in double, which err by 2^-53 a term, are divided and rounded to float.
        const auto count = static_cast<double>(window.values.size()), all = static_cast<double>(window.padded);
        mean.push_back(sum / count);
        bounds.push_back(kRoundoff * std::abs(sum / count) + 0x1p-50 * magnitude);
        padded_mean.push_back(sum / all);
        padded_bounds.push_back(kRoundoff * std::abs(sum / all) + 0x1p-50 * magnitude);
    });
    for (const Gaps& gaps : kGaps) {
        pool.kind = WindowPool::Kind::max;
        CHECK(same(run_op(src, dst, gaps, pool).values, most));
        pool.kind = WindowPool::Kind::average;
        pool.count_padding = false;
        CHECK(outliers(run_op(src, dst, gaps, pool).values, mean, bounds) == 0);
        pool.count_padding = true;
        CHECK(outliers(run_op(src, dst, gaps, pool).values, padded_mean, padded_bounds) == 0);
    }
}

}  // namespace

TEST_CASE("Pools of any window, padding, stride and dilation, rounded down and up", "[window_pool]") {
    for (const bool ceil_mode : {false, true})
        for (const std::int64_t c : {1, 17, 300}) {
            const Maps src = Maps::random(2, 9, 8, c, 1);
            CAPTURE(ceil_mode, c);
            check_pool(src, {.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2}, ceil_mode);
            check_pool(src, {.kh = 3, .kw = 2, .stride_h = 2, .stride_w = 3, .top = 1, .left = 1}, ceil_mode);
            check_pool(src, {.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .bottom = 1, .right = 1}, ceil_mode);
            check_pool(src,
                       {.kh = 2,
                        .kw = 3,
                        .stride_h = 3,
                        .stride_w = 1,
                        .top = 1,
                        .left = 2,
                        .right = 2,
                        .dilation_h = 3,
                        .dilation_w = 2},
                       ceil_mode);
            check_pool(src, {.kh = 9, .kw = 8}, ceil_mode);  // the whole map
            check_pool(src, {.kh = 1, .kw = 5, .stride_w = 4, .left = 4, .right = 4}, ceil_mode);
        }
}

TEST_CASE("A NaN in a window is its maximum, padding never is", "[window_pool]") {
    Maps src = Maps::random(1, 5, 5, 3, 1, -9, -1);
    src.values[7] = kNaN;
    src.values[33] = -kInfinity;
    const WindowPool pool{.kh = 2, .kw = 2, .top = 1, .left = 1};
    const Maps got = run_op(src, {5, 5, 3}, {}, pool);
    std::int64_t nans = 0;
    for (const float value : got.values) {
        CHECK((std::isnan(value) || value <= -1));
        nans += std::isnan(value) ? 1 : 0;
    }
    CHECK(nans == 4);
}

TEST_CASE("Pools run on any number of threads with the same result", "[window_pool]") {
    const Maps src = Maps::random(1, 30, 31, 520, 1);
    const WindowPool pool{.kind = WindowPool::Kind::average, .kh = 5, .kw = 5, .stride_h = 2};
    std::vector<float> first;
    for (const int threads : {1, 2, 3}) {
        const ThreadScope scope(threads);
        const Maps got = run_op(src, {13, 27, 520}, {}, pool);
        if (threads == 1) first = got.values;
        CHECK(got.values == first);
    }
}

TEST_CASE("Windows without a pixel, and extents that make no sense, are refused", "[window_pool]") {
    const graph::Buffer src{4, 4, 2};
    const auto refused = [&](const graph::Buffer& dst, const WindowPool& pool, const char* why) {
        CHECK_THROWS_WITH(check_op(src, dst, pool), contains(why));
    };
    CHECK_NOTHROW(check_op(src, {4, 4, 2}, WindowPool{}));
    refused({5, 4, 2}, {}, "windows that hold a pixel");
    refused({4, 4, 2}, {.kh = 1, .top = 1}, "windows that hold a pixel");
    refused({4, 4, 2}, {.kh = 1 << 20, .top = 9, .dilation_h = 1 << 20}, "windows that hold a pixel");
    refused({1 << 20, 4, 2}, {.stride_h = 1 << 20}, "windows that hold a pixel");
    refused({4, 4, 2}, {.kh = 0}, "of at least 1");
    refused({4, 4, 2}, {.stride_w = 0}, "of at least 1");
    refused({4, 4, 2}, {.dilation_w = 0}, "of at least 1");
    refused({4, 4, 2}, {.left = -1}, "padding of at least 0");
    refused({4, 4, 3}, {}, "as many channels");
}
