// The variants of batch normalisation: serial, over the rows they are given. `scale` is gamma / sigma; buffers of double are
// padded_columns(c) long.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/cpu.h"

namespace keel::kernels {

/// Pointers to the first row of batch_norm_backward_deferred().
template <class T>
struct DeferredBackward {
    const T *src, *diff_dst, *mean, *scale, *shift, *gamma;
    bool accumulate;
    T* deferred;
};

template <class T>
struct BatchNormVariant {
    Isa isa;
    /// Of one chunk of rows: mean[i], and m2[i] = sum of (src - mean)^2. All buffers hold 0 before.
    void (*moments)(const BatchNormGeometry& g, const T* src, double* mean, double* m2, double* scratch);
    /// dst = (src - mean) * scale + beta, then max(0, .) if relu.
    void (*forward)(const BatchNormGeometry& g, const T* src, const T* mean, const T* scale, const T* beta, T* dst);
    /// sum_dy[i] += sum of dy, sum_dy_src[i] += sum of dy * (src - mean).
    void (*backward_sums)(const BatchNormGeometry& g, const T* src, const T* diff_dst, const T* mean, const T* scale, const T* beta,
                          double* sum_dy, double* sum_dy_src);
    /// diff_src = scale * (dy - offset - (src - mean) * slope)
    void (*backward_apply)(const BatchNormGeometry& g, const T* src, const T* diff_dst, const T* mean, const T* scale,
                           const T* beta, const T* offset, const T* slope, T* diff_src);
    /// Writes deferred; sum_dy[i] += sum of dy, sum_dy_src[i] += sum of dy * (src - mean).
    void (*backward_deferred)(const BatchNormGeometry& g, const DeferredBackward<T>& t, double* sum_dy, double* sum_dy_src);
};

extern const BatchNormVariant<float> batch_norm_avx512, batch_norm_avx2, batch_norm_scalar;
inline constexpr const BatchNormVariant<float>* batch_norm_variants[] = {&batch_norm_avx512, &batch_norm_avx2, &batch_norm_scalar};

}  // namespace keel::kernels
