// The variants of the element-wise kernels: serial, over the whole of the geometry they are given.
#pragma once

#include "kernels/eltwise/eltwise.h"
#include "kernels/isa.h"

namespace keel::kernels {

template <class T>
struct EltwiseVariant {
    Isa isa;
    void (*copy)(const UnaryGeometry& g, const T* src, T* dst);
    void (*accumulate)(const UnaryGeometry& g, const T* src, T* dst);
    void (*scale)(const UnaryGeometry& g, Param<T> alpha, const T* src, T* dst);
    void (*relu_forward)(const UnaryGeometry& g, const T* src, T* dst);
    void (*relu_backward)(const BinaryGeometry& g, const T* dst, const T* diff_dst, T* diff_src);
    void (*add_forward)(const BinaryGeometry& g, const T* src0, const T* src1, T* dst);
    void (*add_relu_forward)(const BinaryGeometry& g, const T* src0, const T* src1, T* dst);
    void (*affine_forward)(const UnaryGeometry& g, const T* src, const Param<T>* scale, const Param<T>* shift,
                           bool relu, T* dst);
    void (*affine_add_relu_forward)(const BinaryGeometry& g, const T* src0, const Affine<Param<T>>& a, const T* src1,
                                    const Affine<Param<T>>& b, T* dst);
    void (*add_bias)(const UnaryGeometry& g, const Param<T>* bias, T* dst);
    /// sums[i] += sum over r of src[r][i]; sums is padded_columns(c) long.
    void (*column_sum)(const UnaryGeometry& g, const T* src, double* sums);
    void (*moving_average)(std::int64_t n, Param<T> decay, const T* src, T* shadow);
};

/// Of bf16, with conversions.
struct EltwiseBf16Variant : EltwiseVariant<Bf16> {
    void (*round)(const UnaryGeometry& g, const float* src, Bf16* dst);
    void (*widen)(const UnaryGeometry& g, const Bf16* src, float* dst);
};

extern const EltwiseVariant<float> eltwise_avx512, eltwise_avx2, eltwise_scalar;
inline constexpr const EltwiseVariant<float>* eltwise_variants[] = {&eltwise_avx512, &eltwise_avx2, &eltwise_scalar};

extern const EltwiseBf16Variant eltwise_bf16_avx512_bf16, eltwise_bf16_avx512, eltwise_bf16_avx2, eltwise_bf16_scalar;
inline constexpr const EltwiseBf16Variant* eltwise_bf16_variants[] = {&eltwise_bf16_avx512_bf16, &eltwise_bf16_avx512,
                                                                      &eltwise_bf16_avx2, &eltwise_bf16_scalar};

}  // namespace keel::kernels
