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
    void (*scale)(const UnaryGeometry& g, T alpha, const T* src, T* dst);
    void (*relu_forward)(const UnaryGeometry& g, const T* src, T* dst);
    void (*relu_backward)(const BinaryGeometry& g, const T* dst, const T* diff_dst, T* diff_src);
    void (*add_forward)(const BinaryGeometry& g, const T* src0, const T* src1, T* dst);
    void (*add_relu_forward)(const BinaryGeometry& g, const T* src0, const T* src1, T* dst);
    void (*affine_forward)(const UnaryGeometry& g, const T* src, const T* scale, const T* shift, bool relu, T* dst);
    void (*affine_add_relu_forward)(const BinaryGeometry& g, const T* src0, const Affine<T>& a, const T* src1,
                                    const Affine<T>& b, T* dst);
    void (*add_bias)(const UnaryGeometry& g, const T* bias, T* dst);
    /// sums[i] += sum over r of src[r][i]; sums is padded_columns(c) long.
    void (*column_sum)(const UnaryGeometry& g, const T* src, double* sums);
    void (*moving_average)(std::int64_t n, T decay, const T* src, T* shadow);
};

extern const EltwiseVariant<float> eltwise_avx512, eltwise_avx2, eltwise_scalar;
inline constexpr const EltwiseVariant<float>* eltwise_variants[] = {&eltwise_avx512, &eltwise_avx2, &eltwise_scalar};

}  // namespace keel::kernels
