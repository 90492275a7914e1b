// Batch normalization in float lanes; see variants.h for the contracts.
#pragma once

#include "kernels/batch_norm/variants.h"
#include "kernels/simd/bf16.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// Computes the moments of at most kPanel columns, in one pass over the differences from the mean of the first eight
/// rows. That is near the mean of all: the rows it was made of are part of the sum of squares, so their distance from
/// it costs few bits however odd they are.
template <class T>
void moments_of_panel(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, double* mean, double* m2) {
    const std::int64_t first = rows < 8 ? rows : 8;
    add_columns<1>(first, c, {mean}, [=](std::int64_t r, std::int64_t i, auto lanes) {
        return Terms<1>{{load(src + r * src_ld + i, lanes)}};
    });
    float centers[kPanel];
    float* const center = centers;
    for (std::int64_t i = 0; i < c; ++i) {
        center[i] = static_cast<float>(mean[i] / static_cast<double>(first));
        mean[i] = 0;
    }
    add_columns<2>(rows, c, {mean, m2}, [=](std::int64_t r, std::int64_t i, auto lanes) {
        const Vec x = load(src + r * src_ld + i, lanes) - load(center + i, lanes);
        return Terms<2>{{x, x * x}};
    });
    for (std::int64_t i = 0; i < c; ++i) {
        const double moved = mean[i] / static_cast<double>(rows);
        mean[i] = static_cast<double>(center[i]) + moved;
        m2[i] -= static_cast<double>(rows) * moved * moved;
        if (m2[i] < 0) m2[i] = 0;
    }
}

template <class T>
void moments(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, double* mean, double* m2) {
    for (std::int64_t i = 0; i < c; i += kPanel)
        moments_of_panel(rows, c - i < kPanel ? c - i : kPanel, src_ld, src + i, mean + i, m2 + i);
}

/// src - mean and dy of one vector.
template <bool kRelu>
struct Gradient {
    Vec centered, dy;
    template <class T, class Diff, class Lanes>
    Gradient(const BatchNormCoefficients<float>& k, std::int64_t i, const T* src, const Diff* diff_dst, Lanes lanes)
        : dy(load(diff_dst, lanes)) {
        const Vec x = load(src, lanes);
        centered = x - load(k.mean + i, lanes);
        if (kRelu) dy = keep(passes(fma(x, load(k.scale + i, lanes), load(k.shift + i, lanes))), dy);
    }
};

template <bool kRelu, class T, class Diff, class DiffSrc>
void backward_sums_rows(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k,
                        const BatchNormRows<T, Diff, DiffSrc>& rows, double* sum_dy, double* sum_dy_src) {
    // By value: stores of lanes might change what is behind a reference.
    add_columns<2>(g.rows, g.c, {sum_dy, sum_dy_src}, [=](std::int64_t r, std::int64_t i, auto lanes) {
        const std::int64_t at = r * g.dst_ld + i;
        Gradient<kRelu> t(k, i, rows.src + r * g.src_ld + i, rows.diff_dst + at, lanes);
        if (rows.dst != nullptr) {
            t.dy = keep(passes(load(rows.dst + at, lanes)), t.dy);
            store(rows.diff_residual + at, t.dy, lanes);
        }
        if (rows.diff_src != nullptr) {
            DiffSrc* diff = rows.diff_src + r * g.diff_src_ld + i;
            const Vec scale = load(k.scale + i, lanes);
            store(diff, rows.added ? fma(scale, t.dy, load(diff, lanes)) : scale * t.dy, lanes);
        }
        return Terms<2>{{t.dy, t.dy * t.centered}};
    });
}

template <class T, class Diff = T, class DiffSrc = T>
void backward_sums(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k,
                   const BatchNormRows<T, Diff, DiffSrc>& rows, double* sum_dy, double* sum_dy_src) {
    if (g.relu && rows.dst == nullptr)
        backward_sums_rows<true>(g, k, rows, sum_dy, sum_dy_src);
    else
        backward_sums_rows<false>(g, k, rows, sum_dy, sum_dy_src);
}

template <bool kRelu, class T>
void backward_apply_rows(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k, const float* offset,
                         const float* slope, const T* src, const T* diff_dst, T* diff_src) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, diff_dst += g.dst_ld, diff_src += g.diff_src_ld)
        for_lanes(g.c, [=](std::int64_t i, auto lanes) {
            const Gradient<kRelu> t(k, i, src + i, diff_dst + i, lanes);
            const Vec projected = fma(-t.centered, load(slope + i, lanes), t.dy - load(offset + i, lanes));
            store(diff_src + i, load(k.scale + i, lanes) * projected, lanes);
        });
}

template <class T>
void backward_apply(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k, const float* offset,
                    const float* slope, const T* src, const T* diff_dst, T* diff_src) {
    (g.relu ? backward_apply_rows<true, T> : backward_apply_rows<false, T>)(g, k, offset, slope, src, diff_dst,
                                                                            diff_src);
}

template <class T>
void correct(const BatchNormGeometry& g, const float* mean, const float* offset, const float* slope, const T* src,
             const T* diff_dst, T* diff_src) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, diff_dst += g.dst_ld, diff_src += g.diff_src_ld)
        for_lanes(g.c, [=](std::int64_t i, auto lanes) {
            const Vec centered = load(src + i, lanes) - load(mean + i, lanes);
            store(diff_src + i,
                  fma(-centered, load(slope + i, lanes), load(diff_dst + i, lanes) - load(offset + i, lanes)), lanes);
        });
}

template <class T>
constexpr BatchNormVariant<T> kBatchNorm{kIsa, moments<T>, backward_sums<T>, backward_apply<T>, correct<T>};

constexpr BatchNormBf16Variant kBatchNormBf16{kBatchNorm<Bf16>, backward_sums<Bf16, float, float>,
                                              backward_sums<Bf16, float, Bf16>};

}  // namespace
}  // namespace keel::kernels::simd
