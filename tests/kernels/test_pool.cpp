// Pooling against its definitions: maxima and their gradients exactly, averages within their roundings.
#include "kernels/pool/pool.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

std::int64_t outputs(std::int64_t in, int kernel, int stride, int pad) { return (in + 2 * pad - kernel) / stride + 1; }

PoolGeometry windowed(std::int64_t c, int kh, int kw, int stride, int pad) {
    return {2, 7, 9, c, outputs(7, kh, stride, pad), outputs(9, kw, stride, pad), kh, kw, stride, pad, c + 3, c + 5};
}

/// Windows as AdaptiveAvgPool2d defines them, or as kernel, stride and pad do.
struct Window {
    std::int64_t begin, end;
};
Window window(const PoolGeometry& g, bool adaptive, std::int64_t o, std::int64_t in, std::int64_t out, int kernel) {
    if (adaptive) return {o * in / out, ((o + 1) * in + out - 1) / out};
    return {std::max<std::int64_t>(0, o * g.stride - g.pad), std::min(in, o * g.stride - g.pad + kernel)};
}

/// body(output pixel, input pixel, position in the window, pixels in the window) for all pairs, outputs in order.
template <class Body>
void for_pairs(const PoolGeometry& g, bool adaptive, Body body) {
    for (std::int64_t n = 0; n < g.n; ++n)
        for (std::int64_t oy = 0; oy < g.oh; ++oy)
            for (std::int64_t ox = 0; ox < g.ow; ++ox) {
                const Window ys = window(g, adaptive, oy, g.ih, g.oh, g.kh),
                             xs = window(g, adaptive, ox, g.iw, g.ow, g.kw);
                for (std::int64_t y = ys.begin; y < ys.end; ++y)
                    for (std::int64_t x = xs.begin; x < xs.end; ++x)
                        body(static_cast<std::size_t>((n * g.oh + oy) * g.ow + ox),
                             static_cast<std::size_t>((n * g.ih + y) * g.iw + x),
                             (y - (oy * g.stride - g.pad)) * g.kw + x - (ox * g.stride - g.pad),
                             (ys.end - ys.begin) * (xs.end - xs.begin));
            }
}

struct Sizes {
    std::size_t c, src_ld, dst_ld, src, dst, argmax;
    explicit Sizes(const PoolGeometry& g)
        : c(static_cast<std::size_t>(g.c)),
          src_ld(static_cast<std::size_t>(g.src_ld)),
          dst_ld(static_cast<std::size_t>(g.dst_ld)),
          src(static_cast<std::size_t>(g.n * g.ih * g.iw) * src_ld),
          dst(static_cast<std::size_t>(g.n * g.oh * g.ow) * dst_ld),
          argmax(static_cast<std::size_t>(g.n * g.oh * g.ow) * c) {}
};

void check_max(const PoolGeometry& g) {
    const Sizes size(g);
    auto src = uniform(static_cast<std::int64_t>(size.src), 1);
    for (float& x : src) x = std::round(4 * x);  // many equals
    for (std::size_t i = 5; i < src.size(); i += 97) src[i] = i % 2 == 0 ? kNaN : -kInfinity;
    const auto diff_dst = uniform(static_cast<std::int64_t>(size.dst), 2);
    std::vector<float> wanted(size.dst, 9), wanted_diff(size.src, 9);
    std::vector<std::uint8_t> wanted_argmax(size.argmax, 255);
    for_pairs(g, false, [&](std::size_t out, std::size_t in, std::int64_t position, std::int64_t) {
        for (std::size_t i = 0; i < size.c; ++i) {
            float& best = wanted[out * size.dst_ld + i];
            std::uint8_t& where = wanted_argmax[out * size.c + i];
            const float x = src[in * size.src_ld + i];
            const bool wins = where == 255 || x > best || (std::isnan(x) && !std::isnan(best));
            if (!wins) continue;
            best = x;
            where = static_cast<std::uint8_t>(position);
        }
    });
    for (std::size_t in = 0; in < size.src / size.src_ld; ++in)
        std::fill_n(&wanted_diff[in * size.src_ld], size.c, 0.0F);
    for_pairs(g, false, [&](std::size_t out, std::size_t in, std::int64_t position, std::int64_t) {
        for (std::size_t i = 0; i < size.c; ++i)
            if (wanted_argmax[out * size.c + i] == position)
                wanted_diff[in * size.src_ld + i] += diff_dst[out * size.dst_ld + i];
    });
    for_each_isa([&] {
        CAPTURE(g.c, g.kh, g.kw, g.stride, g.pad);
        std::vector<float> dst(size.dst, 9), without(size.dst, 9), diff_src(size.src, 9);
        std::vector<std::uint8_t> argmax(size.argmax, 255);
        max_pool_forward(g, src.data(), dst.data(), argmax.data());
        max_pool_forward(g, src.data(), without.data(), nullptr);
        max_pool_backward(g, diff_dst.data(), argmax.data(), diff_src.data());
        CHECK(same(dst, wanted));
        CHECK(same(without, wanted));
        CHECK(argmax == wanted_argmax);
        CHECK(same(diff_src, wanted_diff));
    });
}

void check_average(const PoolGeometry& g, bool adaptive) {
    const Sizes size(g);
    const auto src = uniform(static_cast<std::int64_t>(size.src), 1),
               diff_dst = uniform(static_cast<std::int64_t>(size.dst), 2);
    std::vector<double> truth(size.dst, 9), diff_truth(size.src, 9), bounds(size.dst), diff_bounds(size.src);
    for (std::size_t out = 0; out < size.dst / size.dst_ld; ++out) std::fill_n(&truth[out * size.dst_ld], size.c, 0.0);
    for (std::size_t in = 0; in < size.src / size.src_ld; ++in) std::fill_n(&diff_truth[in * size.src_ld], size.c, 0.0);
    for_pairs(g, adaptive, [&](std::size_t out, std::size_t in, std::int64_t, std::int64_t area) {
        const double divisor = adaptive ? static_cast<double>(area) : g.kh * g.kw;
        for (std::size_t i = 0; i < size.c; ++i) {
            const double term = src[in * size.src_ld + i] / divisor, diff = diff_dst[out * size.dst_ld + i] / divisor;
            truth[out * size.dst_ld + i] += term;
            diff_truth[in * size.src_ld + i] += diff;
            // no chain of additions is longer than the 63 pixels of the map, and one division
            bounds[out * size.dst_ld + i] += 64 * kRoundoff * std::abs(term);
            diff_bounds[in * size.src_ld + i] += 64 * kRoundoff * std::abs(diff);
        }
    });
    for_each_isa([&] {
        CAPTURE(g.c, g.oh, g.ow, g.kh, g.kw, g.stride, g.pad, adaptive);
        std::vector<float> dst(size.dst, 9), diff_src(size.src, 9);
        (adaptive ? adaptive_avg_pool_forward<float> : avg_pool_forward<float>)(g, src.data(), dst.data());
        (adaptive ? adaptive_avg_pool_backward<float> : avg_pool_backward<float>)(g, diff_dst.data(), diff_src.data());
        CHECK(outliers(dst, truth, bounds) == 0);
        CHECK(outliers(diff_src, diff_truth, diff_bounds) == 0);
    });
}

}  // namespace

TEST_CASE("max pooling takes the first maximum, a NaN before all, and sends its gradient there", "[pool]") {
    for (const std::int64_t c : kLengths) {
        check_max(windowed(c, 3, 3, 2, 1));
        check_max(windowed(c, 2, 2, 2, 0));
        check_max(windowed(c, 2, 3, 1, 1));
        check_max(windowed(c, 1, 2, 3, 0));
    }
}

TEST_CASE("positions up to 255 fit the argmax", "[pool]") { check_max({1, 16, 16, 3, 1, 1, 16, 16, 1, 0, 3, 3}); }

TEST_CASE("average pooling divides by the kernel's size, padding included", "[pool]") {
    for (const std::int64_t c : kLengths) {
        check_average(windowed(c, 3, 3, 2, 1), false);
        check_average(windowed(c, 2, 2, 2, 0), false);
        check_average(windowed(c, 2, 3, 1, 1), false);
        check_average(windowed(c, 1, 2, 3, 0), false);
    }
}

TEST_CASE("adaptive average pooling, global, uneven and enlarging", "[pool]") {
    for (const std::int64_t c : kLengths)
        for (const auto& [oh, ow] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 2}, {7, 9}, {10, 4}})
            check_average({2, 7, 9, c, oh, ow, 0, 0, 0, 0, c + 3, c + 5}, true);
}

TEST_CASE("pooling of large maps has the same bits for any number of threads", "[pool]") {
    const PoolGeometry g{3, 57, 57, 67, 29, 29, 3, 3, 2, 1, 67, 67};
    const Sizes size(g);
    const auto src = uniform(static_cast<std::int64_t>(size.src), 1);
    std::vector<std::vector<float>> results[3];
    for (const int threads : {1, 2, 3}) {
        const ThreadScope scope(threads);
        std::vector<float> dst(size.dst), average(size.dst), diff_src(size.src), average_diff(size.src);
        std::vector<std::uint8_t> argmax(size.argmax);
        max_pool_forward(g, src.data(), dst.data(), argmax.data());
        max_pool_backward(g, dst.data(), argmax.data(), diff_src.data());
        avg_pool_forward(g, src.data(), average.data());
        avg_pool_backward(g, average.data(), average_diff.data());
        results[threads - 1] = {dst, diff_src, average, average_diff};
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
}

TEST_CASE("the gradient of a large average pool, which is written past the caches, is its windows' share", "[pool]") {
    const ThreadScope one(1);
    for_each_isa([&] {
        PoolGeometry g{};
        g.n = 2;
        g.c = 32;
        g.ih = g.iw = 150;  // 1.4 million elements
        g.oh = g.ow = 75;
        g.kh = g.kw = g.stride = 2;
        g.src_ld = g.dst_ld = g.c;
        const auto diff_dst = uniform(g.n * g.oh * g.ow * g.c, 1);
        std::vector<float> diff_src(static_cast<std::size_t>(g.n * g.ih * g.iw * g.c + 16));
        float* to = diff_src.data() + (64 - reinterpret_cast<std::uintptr_t>(diff_src.data()) % 64) / 4 % 16;
        avg_pool_backward(g, diff_dst.data(), to);
        std::int64_t different = 0;
        for (std::int64_t n = 0; n < g.n; ++n)
            for (std::int64_t y = 0; y < g.ih; ++y)
                for (std::int64_t x = 0; x < g.iw; ++x)
                    for (std::int64_t i = 0; i < g.c; ++i)
                        different +=
                            to[((n * g.ih + y) * g.iw + x) * g.c + i] !=
                                    diff_dst[static_cast<std::size_t>(((n * g.oh + y / 2) * g.ow + x / 2) * g.c + i)] /
                                        4
                                ? 1
                                : 0;
        CHECK(different == 0);
    });
}
