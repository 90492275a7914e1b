#include "kernels/pool/window_pool.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 16384;  // elements worth waking a thread for
constexpr std::int64_t kPanel = 256;    // channels whose sums stay in the first-level cache

/// A window: `count` positions inside the map from `first` on, and how many lie inside the map or its padding.
struct Window {
    std::int64_t first, count, padded;
};

/// How many of o, o + step, ... (`most` of them) are below `end`.
std::int64_t below(std::int64_t o, std::int64_t step, std::int64_t most, std::int64_t end) {
    return std::clamp<std::int64_t>(chunk_count(std::max<std::int64_t>(end - o, 0), step), 0, most);
}

Window window(const WindowAxis& axis, std::int64_t o) {
    const std::int64_t origin = o * axis.stride - axis.before, step = axis.dilation;
    const std::int64_t outside = below(origin, step, axis.kernel, 0);
    const std::int64_t first = origin + outside * step;
    return {first, below(first, step, axis.kernel - outside, axis.in),
            below(origin, step, axis.kernel, axis.in + axis.after)};
}

std::vector<Window> windows(const WindowAxis& axis) {
    std::vector<Window> all;
    for (std::int64_t o = 0; o < axis.out; ++o) all.push_back(window(axis, o));
    return all;
}

/// Calls body(y, x, src of the window's first pixel, dst, channels) for each window and panel of channels.
template <class Body>
void for_windows(const WindowPoolGeometry& g, const char* name, const float* src, float* dst, Body body) {
    const std::vector<Window> ys = windows(g.y), xs = windows(g.x);
    const std::int64_t area = std::min<std::int64_t>(g.y.kernel, g.y.in) * std::min<std::int64_t>(g.x.kernel, g.x.in);
    const std::int64_t panels = chunk_count(g.c, kPanel);
    const profile::Span span(
        name, {static_cast<double>(g.n * g.y.out * g.x.out * g.c) * static_cast<double>(area),
               static_cast<double>(g.n * (g.y.in * g.x.in + g.y.out * g.x.out) * g.c) * double{sizeof(float)}});
    const std::int64_t grain = chunk_count(kGrain, g.x.out * std::min(g.c, kPanel) * area);
    parallel_for(g.n * g.y.out * panels, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t at = begin; at < end; ++at) {
            const std::int64_t row = at / panels, channel = at % panels * kPanel;
            const Window& y = ys[static_cast<std::size_t>(row % g.y.out)];
            const float* line = src + (row / g.y.out * g.y.in + y.first) * g.x.in * g.src_ld + channel;
            for (std::int64_t ox = 0; ox < g.x.out; ++ox) {
                const Window& x = xs[static_cast<std::size_t>(ox)];
                body(y, x, line + x.first * g.src_ld, dst + (row * g.x.out + ox) * g.dst_ld + channel,
                     std::min(kPanel, g.c - channel));
            }
        }
    });
}

/// Calls body(first channel of the pixel) for the pixels of a window.
template <class Body>
void for_pixels(const WindowPoolGeometry& g, const Window& y, const Window& x, const float* src, Body body) {
    for (std::int64_t i = 0; i < y.count; ++i)
        for (std::int64_t k = 0; k < x.count; ++k)
            body(src + (i * g.y.dilation * g.x.in + k * g.x.dilation) * g.src_ld);
}

}  // namespace

bool windows_hold_pixels(const WindowAxis& axis) {
    for (std::int64_t o = 0; o < axis.out; ++o)
        if (window(axis, o).count < 1) return false;
    return true;
}

void window_max_forward(const WindowPoolGeometry& g, const float* src, float* dst) {
    for_windows(g, "window_max_pool", src, dst,
                [&](const Window& y, const Window& x, const float* from, float* to, std::int64_t c) {
                    std::copy_n(from, c, to);
                    for_pixels(g, y, x, from, [&](const float* pixel) {
                        for (std::int64_t i = 0; i < c; ++i)
                            to[i] = pixel[i] <= to[i] || to[i] != to[i] ? to[i] : pixel[i];  // a NaN wins and stays
                    });
                });
}

void window_average_forward(const WindowPoolGeometry& g, bool count_padding, const float* src, float* dst) {
    for_windows(g, "window_avg_pool", src, dst,
                [&](const Window& y, const Window& x, const float* from, float* to, std::int64_t c) {
                    std::array<double, kPanel> sums{};
                    for_pixels(g, y, x, from, [&](const float* pixel) {
                        for (std::int64_t i = 0; i < c; ++i)
                            sums[static_cast<std::size_t>(i)] += static_cast<double>(pixel[i]);
                    });
                    const auto divisor = static_cast<double>(count_padding ? y.padded * x.padded : y.count * x.count);
                    for (std::int64_t i = 0; i < c; ++i)
                        to[i] = static_cast<float>(sums[static_cast<std::size_t>(i)] / divisor);
                });
}

}  // namespace keel::kernels
