#include "kernels/resize/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 8192;  // elements worth waking a thread for

/// The pixels of src that a pixel of dst is made of along one axis, and the share of the second.
struct Taps {
    std::int64_t first, second;
    float share;
};

struct Axis {
    std::int64_t in, out;
    float scale;
};

float coordinate(const Axis& axis, ResizeCoordinates coordinates, std::int64_t o) {
    const auto at = static_cast<float>(o), half = 0.5F;
    switch (coordinates) {
        case ResizeCoordinates::half_pixel:
            return (at + half) / axis.scale - half;
        case ResizeCoordinates::pytorch_half_pixel:
            return axis.out > 1 ? (at + half) / axis.scale - half : 0;
        case ResizeCoordinates::align_corners:
            return axis.out == 1 ? 0 : at * static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1);
        case ResizeCoordinates::asymmetric:
            return at / axis.scale;
    }
    return 0;
}

float nearest(float x, NearestRounding rounding) {
    switch (rounding) {
        case NearestRounding::round_prefer_floor:
            return std::ceil(x - 0.5F);
        case NearestRounding::round_prefer_ceil:
            return std::floor(x + 0.5F);
        case NearestRounding::floor:
            return std::floor(x);
        case NearestRounding::ceil:
            return std::ceil(x);
    }
    return x;
}

std::vector<Taps> taps_of(const Axis& axis, const ResizeGeometry& g) {
    std::vector<Taps> taps;
    const auto last = static_cast<float>(axis.in - 1);
    for (std::int64_t o = 0; o < axis.out; ++o) {
        float x = coordinate(axis, g.coordinates, o);
        if (g.kind == ResizeKind::nearest) x = nearest(x, g.rounding);
        x = std::clamp(x, 0.0F, last);
        const auto first = static_cast<std::int64_t>(x);
        taps.push_back({first, std::min(first + 1, axis.in - 1), x - static_cast<float>(first)});
    }
    return taps;
}

void copy_row(const ResizeGeometry& g, const float* row, const std::vector<Taps>& xs, float* dst) {
    for (std::int64_t x = 0; x < g.ow; ++x)
        std::copy_n(row + xs[static_cast<std::size_t>(x)].first * g.src_ld, g.c, dst + x * g.dst_ld);
}

/// share_y: of the lower row.
void blend_row(const ResizeGeometry& g, const float* upper, const float* lower, float share_y,
               const std::vector<Taps>& xs, float* dst) {
    for (std::int64_t x = 0; x < g.ow; ++x, dst += g.dst_ld) {
        const Taps& at = xs[static_cast<std::size_t>(x)];
        const float *a = upper + at.first * g.src_ld, *b = upper + at.second * g.src_ld;
        const float *c = lower + at.first * g.src_ld, *d = lower + at.second * g.src_ld;
        const float right = at.share, left = 1 - right, below = share_y, above = 1 - below;
        for (std::int64_t i = 0; i < g.c; ++i)
            dst[i] = (a[i] * left + b[i] * right) * above + (c[i] * left + d[i] * right) * below;
    }
}

}  // namespace

void resize_forward(const ResizeGeometry& g, const float* src, float* dst) {
    const bool linear = g.kind == ResizeKind::linear;
    const profile::Span span("resize", profile::per_element<float>(g.n * g.oh * g.ow * g.c, linear ? 9 : 0, 2));
    const std::vector<Taps> ys = taps_of({g.ih, g.oh, g.scale_h}, g), xs = taps_of({g.iw, g.ow, g.scale_w}, g);
    const std::int64_t grain = chunk_count(kGrain, std::max<std::int64_t>(g.ow * g.c, 1));
    parallel_for(g.n * g.oh, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const float* image = src + row / g.oh * g.ih * g.iw * g.src_ld;
            const Taps& y = ys[static_cast<std::size_t>(row % g.oh)];
            const float* upper = image + y.first * g.iw * g.src_ld;
            float* to = dst + row * g.ow * g.dst_ld;
            if (linear)
                blend_row(g, upper, image + y.second * g.iw * g.src_ld, y.share, xs, to);
            else
                copy_row(g, upper, xs, to);
        }
    });
}

}  // namespace keel::kernels
