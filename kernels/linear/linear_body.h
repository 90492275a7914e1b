// Linear layers in float lanes; see linear.h for what they compute.
#pragma once

#include "kernels/linear/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

inline double added(Vec v) {
    float lanes[kWidth];
    store(lanes, v, AllLanes{});
    double sum = 0;
    for (const float lane : lanes) sum += double{lane};
    return sum;
}

/// kOutputs outputs of kImages images: each weight and each number of src that is loaded meets several others.
template <int kOutputs, int kImages>
void tile(const LinearGeometry& g, const float* src, const float* weights, const float* bias, float* dst) {
    const std::int64_t image = g.pixels * g.src_ld, row = g.pixels * g.c;
    Vec sums[kOutputs][kImages] = {};
    for (std::int64_t p = 0; p < g.pixels; ++p, src += g.src_ld, weights += g.c)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            Vec x[kImages];
            for (int n = 0; n < kImages; ++n) x[n] = load(src + n * image + i, lanes);
            for (int o = 0; o < kOutputs; ++o) {
                const Vec w = load(weights + o * row + i, lanes);
                for (int n = 0; n < kImages; ++n) sums[o][n] = fma(w, x[n], sums[o][n]);
            }
        });
    for (int o = 0; o < kOutputs; ++o)
        for (int n = 0; n < kImages; ++n)
            dst[n * g.dst_ld + o] = static_cast<float>(added(sums[o][n]) + (bias == nullptr ? 0 : double{bias[o]}));
}

/// A few outputs of all images.
template <int kOutputs>
void rows(const LinearGeometry& g, std::int64_t o, const float* src, const float* weights, const float* bias,
          float* dst) {
    constexpr int kImages = 3;
    const float *w = weights + o * g.pixels * g.c, *b = bias == nullptr ? nullptr : bias + o;
    const std::int64_t image = g.pixels * g.src_ld;
    std::int64_t n = 0;
    for (; n + kImages <= g.n; n += kImages) tile<kOutputs, kImages>(g, src + n * image, w, b, dst + n * g.dst_ld + o);
    for (; n < g.n; ++n) tile<kOutputs, 1>(g, src + n * image, w, b, dst + n * g.dst_ld + o);
}

void linear_outputs(const LinearGeometry& g, std::int64_t begin, std::int64_t end, const float* src,
                    const float* weights, const float* bias, float* dst) {
    std::int64_t o = begin;
    for (; o + 4 <= end; o += 4) rows<4>(g, o, src, weights, bias, dst);
    for (; o < end; ++o) rows<1>(g, o, src, weights, bias, dst);
}

constexpr LinearVariant kLinear{kIsa, linear_outputs};

}  // namespace
}  // namespace keel::kernels::simd
