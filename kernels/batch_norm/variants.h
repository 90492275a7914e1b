// The variants of batch normalization: serial, over the rows they are given. Buffers of double are padded_columns(c)
// long.
#pragma once

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// The rows that the first pass of backward reads and writes: maps of T, but gradients of Diff and DiffSrc.
template <class T, class Diff = T, class DiffSrc = T>
struct BatchNormRows {
    const T* src;
    const Diff* diff_dst;
    const T* dst;         ///< if not null: dy = diff_dst where dst > 0
    Diff* diff_residual;  ///< with dst: = dy
    DiffSrc* diff_src;    ///< if not null: = scale * dy, or += if `added`
    bool added;
};

template <class T>
struct BatchNormVariant {
    Isa isa;
    /// Writes mean[i] of one chunk of rows, and m2[i] = sum of (src - mean)^2. Both hold 0 before.
    void (*moments)(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, double* mean, double* m2);
    /// sum_dy[i] += sum of dy, sum_dy_src[i] += sum of dy * (src - mean).
    void (*backward_sums)(const BatchNormGeometry& g, const BatchNormCoefficients<Param<T>>& k,
                          const BatchNormRows<T>& rows, double* sum_dy, double* sum_dy_src);
    /// diff_src = scale * (dy - offset - (src - mean) * slope)
    void (*backward_apply)(const BatchNormGeometry& g, const BatchNormCoefficients<Param<T>>& k, const Param<T>* offset,
                           const Param<T>* slope, const T* src, const T* diff_dst, T* diff_src);
    /// diff_src = diff_dst - offset - (src - mean) * slope
    void (*correct)(const BatchNormGeometry& g, const Param<T>* mean, const Param<T>* offset, const Param<T>* slope,
                    const T* src, const T* diff_dst, T* diff_src);
};

extern const BatchNormVariant<float> batch_norm_avx512, batch_norm_avx2, batch_norm_scalar;
inline constexpr const BatchNormVariant<float>* batch_norm_variants[] = {&batch_norm_avx512, &batch_norm_avx2,
                                                                         &batch_norm_scalar};

/// Of bf16, also with the gradients of rows in f32, of which scale * dy overwrites diff_dst or is added to a map.
struct BatchNormBf16Variant : BatchNormVariant<Bf16> {
    void (*backward_sums_rows)(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k,
                               const BatchNormRows<Bf16, float, float>& rows, double* sum_dy, double* sum_dy_src);
    void (*backward_sums_map)(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k,
                              const BatchNormRows<Bf16, float, Bf16>& rows, double* sum_dy, double* sum_dy_src);
};

extern const BatchNormBf16Variant batch_norm_bf16_avx512_bf16, batch_norm_bf16_avx512, batch_norm_bf16_avx2,
    batch_norm_bf16_scalar;
inline constexpr const BatchNormBf16Variant* batch_norm_bf16_variants[] = {
    &batch_norm_bf16_avx512_bf16, &batch_norm_bf16_avx512, &batch_norm_bf16_avx2, &batch_norm_bf16_scalar};

}  // namespace keel::kernels
