// Batch normalisation in float lanes; see variants.h for the contracts.
#pragma once

#include "kernels/batch_norm/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// The corrected two-pass algorithm: the second pass looks at differences from a first, rounded mean, which are small, and
/// their sum tells how far that mean was off.
void moments(const BatchNormGeometry& g, const float* src, double* mean, double* m2, double* scratch) {
    const auto rows = static_cast<double>(g.rows);
    add_columns<1>(g.rows, g.c, {mean},
                   [&](std::int64_t r, std::int64_t i, auto lanes) { return Terms<1>{{load(src + r * g.src_ld + i, lanes)}}; });
    for (std::int64_t i = 0; i < g.c; ++i) mean[i] = static_cast<double>(static_cast<float>(mean[i] / rows));
    add_columns<2>(g.rows, g.c, {scratch, m2}, [&](std::int64_t r, std::int64_t i, auto lanes) {
        const Vec x = load(src + r * g.src_ld + i, lanes) - load_narrow(mean + i);
        return Terms<2>{{x, x * x}};
    });
    for (std::int64_t i = 0; i < g.c; ++i) {
        const double moved = scratch[i] / rows;
        mean[i] += moved;
        m2[i] -= rows * moved * moved;
    }
}

template <bool kRelu>
void forward_rows(const BatchNormGeometry& g, const float* src, const float* mean, const float* scale, const float* beta,
                  float* dst) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            const Vec y = fma(load(src + i, lanes) - load(mean + i, lanes), load(scale + i, lanes), load(beta + i, lanes));
            store(dst + i, kRelu ? relu(y) : y, lanes);
        });
}

void forward(const BatchNormGeometry& g, const float* src, const float* mean, const float* scale, const float* beta, float* dst) {
    (g.relu ? forward_rows<true> : forward_rows<false>)(g, src, mean, scale, beta, dst);
}

/// src - mean and dy of one vector.
template <bool kRelu>
struct Gradient {
    Vec centred, dy;
    template <class Lanes>
    Gradient(const float* src, const float* diff_dst, const float* mean, const float* scale, const float* beta, Lanes lanes)
        : centred(load(src, lanes) - load(mean, lanes)), dy(load(diff_dst, lanes)) {
        if (kRelu) dy = keep(greater(fma(centred, load(scale, lanes), load(beta, lanes)), Vec{}), dy);
    }
};

template <bool kRelu>
void backward_sums_rows(const BatchNormGeometry& g, const float* src, const float* diff_dst, const float* mean, const float* scale,
                        const float* beta, double* sum_dy, double* sum_dy_src) {
    add_columns<2>(g.rows, g.c, {sum_dy, sum_dy_src}, [&](std::int64_t r, std::int64_t i, auto lanes) {
        const Gradient<kRelu> t(src + r * g.src_ld + i, diff_dst + r * g.dst_ld + i, mean + i, scale + i, beta + i, lanes);
        return Terms<2>{{t.dy, t.dy * t.centred}};
    });
}

void backward_sums(const BatchNormGeometry& g, const float* src, const float* diff_dst, const float* mean, const float* scale,
                   const float* beta, double* sum_dy, double* sum_dy_src) {
    (g.relu ? backward_sums_rows<true> : backward_sums_rows<false>)(g, src, diff_dst, mean, scale, beta, sum_dy, sum_dy_src);
}

template <bool kRelu>
void backward_apply_rows(const BatchNormGeometry& g, const float* src, const float* diff_dst, const float* mean, const float* scale,
                         const float* beta, const float* offset, const float* slope, float* diff_src) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, diff_dst += g.dst_ld, diff_src += g.diff_src_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            const Gradient<kRelu> t(src + i, diff_dst + i, mean + i, scale + i, beta + i, lanes);
            const Vec projected = fma(-t.centred, load(slope + i, lanes), t.dy - load(offset + i, lanes));
            store(diff_src + i, load(scale + i, lanes) * projected, lanes);
        });
}

void backward_apply(const BatchNormGeometry& g, const float* src, const float* diff_dst, const float* mean, const float* scale,
                    const float* beta, const float* offset, const float* slope, float* diff_src) {
    (g.relu ? backward_apply_rows<true> : backward_apply_rows<false>)(g, src, diff_dst, mean, scale, beta, offset, slope, diff_src);
}

template <bool kAccumulate>
void backward_deferred_rows(const BatchNormGeometry& g, const DeferredBackward<float>& t, double* sum_dy, double* sum_dy_src) {
    add_columns<2>(g.rows, g.c, {sum_dy, sum_dy_src}, [&](std::int64_t r, std::int64_t i, auto lanes) {
        const Vec src = load(t.src + r * g.src_ld + i, lanes);
        const Mask passed = greater(fma(src, load(t.scale + i, lanes), load(t.shift + i, lanes)), Vec{});
        const Vec dy = keep(passed, load(t.diff_dst + r * g.dst_ld + i, lanes));
        float* deferred = t.deferred + r * g.diff_src_ld + i;
        store(deferred, fma(load(t.gamma + i, lanes), dy, kAccumulate ? load(deferred, lanes) : Vec{}), lanes);
        return Terms<2>{{dy, dy * (src - load(t.mean + i, lanes))}};
    });
}

void backward_deferred(const BatchNormGeometry& g, const DeferredBackward<float>& t, double* sum_dy, double* sum_dy_src) {
    (t.accumulate ? backward_deferred_rows<true> : backward_deferred_rows<false>)(g, t, sum_dy, sum_dy_src);
}

constexpr BatchNormVariant<float> kBatchNorm{kIsa, moments, forward, backward_sums, backward_apply, backward_deferred};

}  // namespace
}  // namespace keel::kernels::simd
