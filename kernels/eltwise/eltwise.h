// Element-wise kernels over matrices of `rows` pixels with `c` channels; `ld` is the distance between pixels in
// elements (ld >= c), so that a channel slice of a wider buffer is a view. No alignment is needed. Pointers may be
// equal (in place, with equal ld), but must not otherwise overlap. T is float or Bf16 (dispatched by ISA; what
// belongs to a channel is f32 then) or double (the reference).
#pragma once

#include <cstdint>

#include "kernels/bf16.h"

namespace keel::kernels {

/// One source, one destination.
struct UnaryGeometry {
    std::int64_t rows, c, src_ld, dst_ld;
};

/// Two sources, one destination.
struct BinaryGeometry {
    std::int64_t rows, c, src0_ld, src1_ld, dst_ld;
};

/// dst = src
template <class T>
void copy(const UnaryGeometry& g, const T* src, T* dst);

/// dst = src in the other type, of f32 and bf16; NaN stays NaN.
template <class From, class To>
void convert(const UnaryGeometry& g, const From* src, To* dst);

/// dst += src
template <class T>
void accumulate(const UnaryGeometry& g, const T* src, T* dst);

/// dst = alpha * src
template <class T>
void scale(const UnaryGeometry& g, Param<T> alpha, const T* src, T* dst);

/// dst = src > 0 ? src : 0, a NaN stays NaN.
template <class T>
void relu_forward(const UnaryGeometry& g, const T* src, T* dst);

/// diff_src = dst <= 0 ? 0 : diff_dst, so that the gradient of a NaN stays. src0 = dst of forward, src1 = diff_dst, dst
/// = diff_src.
template <class T>
void relu_backward(const BinaryGeometry& g, const T* dst, const T* diff_dst, T* diff_src);

/// dst = src0 + src1
template <class T>
void add_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst);

/// dst = relu(src0 + src1); its backward is relu_backward, once for both sources.
template <class T>
void add_relu_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst);

/// dst[r][i] = src[r][i] * scale[i] + shift[i] (one rounding), then max(0, .) if relu: a batch norm with given
/// statistics.
template <class T>
void affine_forward(const UnaryGeometry& g, const T* src, const Param<T>* scale, const Param<T>* shift, bool relu,
                    T* dst);

/// An affine of each channel; null scale: the identity.
template <class T>
struct Affine {
    const T *scale, *shift;
};

/// dst = max(0, src0 * a.scale + a.shift + src1 * b.scale + b.shift): the join of a residual block and the batch norms
/// before it.
template <class T>
void affine_add_relu_forward(const BinaryGeometry& g, const T* src0, const Affine<Param<T>>& a, const T* src1,
                             const Affine<Param<T>>& b, T* dst);

/// dst[r][i] += bias[i]; src_ld is not used.
template <class T>
void add_bias(const UnaryGeometry& g, const Param<T>* bias, T* dst);

/// dst[i] = sum over r of src[r][i]; dst_ld is not used. Independent of the number of threads.
template <class T>
void column_sum(const UnaryGeometry& g, const T* src, Param<T>* dst);

/// shadow = decay * shadow + (1 - decay) * src: an exponential moving average of `n` weights.
template <class T>
void moving_average(std::int64_t n, Param<T> decay, const T* src, T* shadow);

}  // namespace keel::kernels
