// The variants of batch normalization: serial, over the rows they are given. Buffers of double are padded_columns(c)
// long.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// The rows that the first pass of backward reads and writes.
template <class T>
struct BatchNormRows {
    const T *src, *diff_dst;
    const T* dst;      ///< if not null: dy = diff_dst where dst > 0
    T* diff_residual;  ///< with dst: = dy
    T* diff_src;       ///< if not null: = scale * dy, or += if `added`
    bool added;
};

template <class T>
struct BatchNormVariant {
    Isa isa;
    /// Writes mean[i] of one chunk of rows, and m2[i] = sum of (src - mean)^2. Both hold 0 before.
    void (*moments)(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, double* mean, double* m2);
    /// sum_dy[i] += sum of dy, sum_dy_src[i] += sum of dy * (src - mean).
    void (*backward_sums)(const BatchNormGeometry& g, const BatchNormCoefficients<T>& k, const BatchNormRows<T>& rows,
                          double* sum_dy, double* sum_dy_src);
    /// diff_src = scale * (dy - offset - (src - mean) * slope)
    void (*backward_apply)(const BatchNormGeometry& g, const BatchNormCoefficients<T>& k, const T* offset,
                           const T* slope, const T* src, const T* diff_dst, T* diff_src);
    /// diff_src = diff_dst - offset - (src - mean) * slope
    void (*correct)(const BatchNormGeometry& g, const T* mean, const T* offset, const T* slope, const T* src,
                    const T* diff_dst, T* diff_src);
};

extern const BatchNormVariant<float> batch_norm_avx512, batch_norm_avx2, batch_norm_scalar;
inline constexpr const BatchNormVariant<float>* batch_norm_variants[] = {&batch_norm_avx512, &batch_norm_avx2,
                                                                         &batch_norm_scalar};

}  // namespace keel::kernels
