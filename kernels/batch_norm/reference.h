// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include "kernels/batch_norm/variants.h"

namespace keel::kernels::reference {

template <class T>
void moments(const BatchNormGeometry& g, const T* src, double* mean, double* m2, double*) {
    const auto rows = static_cast<double>(g.rows);
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) mean[i] += static_cast<double>(src[r * g.src_ld + i]) / rows;
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const double x = static_cast<double>(src[r * g.src_ld + i]) - mean[i];
            m2[i] += x * x;
        }
}

template <class T>
void forward(const BatchNormGeometry& g, const T* src, const T* mean, const T* scale, const T* beta, T* dst) {
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const T y = (src[r * g.src_ld + i] - mean[i]) * scale[i] + beta[i];
            dst[r * g.dst_ld + i] = g.relu && y <= 0 ? T(0) : y;
        }
}

/// src - mean and dy of one element.
template <class T>
struct Gradient {
    T centred, dy;
    Gradient(const BatchNormGeometry& g, std::int64_t r, std::int64_t i, const T* src, const T* diff_dst, const T* mean,
             const T* scale, const T* beta)
        : centred(src[r * g.src_ld + i] - mean[i]), dy(diff_dst[r * g.dst_ld + i]) {
        if (g.relu && !(centred * scale[i] + beta[i] > 0)) dy = 0;
    }
};

template <class T>
void backward_sums(const BatchNormGeometry& g, const T* src, const T* diff_dst, const T* mean, const T* scale, const T* beta,
                   double* sum_dy, double* sum_dy_src) {
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const Gradient<T> t(g, r, i, src, diff_dst, mean, scale, beta);
            sum_dy[i] += static_cast<double>(t.dy);
            sum_dy_src[i] += static_cast<double>(t.dy) * static_cast<double>(t.centred);
        }
}

template <class T>
void backward_apply(const BatchNormGeometry& g, const T* src, const T* diff_dst, const T* mean, const T* scale, const T* beta,
                    const T* offset, const T* slope, T* diff_src) {
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const Gradient<T> t(g, r, i, src, diff_dst, mean, scale, beta);
            diff_src[r * g.diff_src_ld + i] = scale[i] * (t.dy - offset[i] - t.centred * slope[i]);
        }
}

template <class T>
void backward_deferred(const BatchNormGeometry& g, const DeferredBackward<T>& t, double* sum_dy, double* sum_dy_src) {
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const T src = t.src[r * g.src_ld + i];
            const T dy = src * t.scale[i] + t.shift[i] > 0 ? t.diff_dst[r * g.dst_ld + i] : T(0);
            T& deferred = t.deferred[r * g.diff_src_ld + i];
            deferred = t.gamma[i] * dy + (t.accumulate ? deferred : T(0));
            sum_dy[i] += static_cast<double>(dy);
            sum_dy_src[i] += static_cast<double>(dy) * static_cast<double>(src - t.mean[i]);
        }
}

}  // namespace keel::kernels::reference
