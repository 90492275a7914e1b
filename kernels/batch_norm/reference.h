// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include <cmath>

#include "kernels/batch_norm/variants.h"

namespace keel::kernels::reference {

template <class T>
void moments(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, double* mean, double* m2) {
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < c; ++i)
            mean[i] += static_cast<double>(Param<T>{src[r * src_ld + i]}) / static_cast<double>(rows);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < c; ++i) {
            const double x = static_cast<double>(Param<T>{src[r * src_ld + i]}) - mean[i];
            m2[i] += x * x;
        }
}

/// Whether the ReLU let an element pass.
template <class T>
bool passes(const BatchNormGeometry& g, const BatchNormCoefficients<T>& k, T src, std::int64_t i) {
    return !g.relu || !(std::fma(src, k.scale[i], k.shift[i]) <= 0);
}

template <class T, class Diff = T, class DiffSrc = T>
void backward_sums(const BatchNormGeometry& g, const BatchNormCoefficients<Param<T>>& k,
                   const BatchNormRows<T, Diff, DiffSrc>& rows, double* sum_dy, double* sum_dy_src) {
    using Number = Param<T>;
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const std::int64_t at = r * g.dst_ld + i;
            const Number src = rows.src[r * g.src_ld + i];
            const bool passed = rows.dst == nullptr ? passes(g, k, src, i) : !(Number{rows.dst[at]} <= 0);
            const Number dy = passed ? Number{rows.diff_dst[at]} : Number{0};
            if (rows.dst != nullptr) rows.diff_residual[at] = dy;
            if (rows.diff_src != nullptr) {
                DiffSrc& diff = rows.diff_src[r * g.diff_src_ld + i];
                diff = rows.added ? std::fma(k.scale[i], dy, Number{diff}) : k.scale[i] * dy;
            }
            sum_dy[i] += static_cast<double>(dy);
            sum_dy_src[i] += static_cast<double>(dy) * static_cast<double>(src - k.mean[i]);
        }
}

template <class T>
void backward_apply(const BatchNormGeometry& g, const BatchNormCoefficients<Param<T>>& k, const Param<T>* offset,
                    const Param<T>* slope, const T* src, const T* diff_dst, T* diff_src) {
    using Number = Param<T>;
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const Number x = src[r * g.src_ld + i];
            const Number dy = passes(g, k, x, i) ? Number{diff_dst[r * g.dst_ld + i]} : Number{0};
            diff_src[r * g.diff_src_ld + i] = k.scale[i] * (dy - offset[i] - (x - k.mean[i]) * slope[i]);
        }
}

template <class T>
void correct(const BatchNormGeometry& g, const Param<T>* mean, const Param<T>* offset, const Param<T>* slope,
             const T* src, const T* diff_dst, T* diff_src) {
    using Number = Param<T>;
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i)
            diff_src[r * g.diff_src_ld + i] =
                Number{diff_dst[r * g.dst_ld + i]} - offset[i] - (Number{src[r * g.src_ld + i]} - mean[i]) * slope[i];
}

}  // namespace keel::kernels::reference
