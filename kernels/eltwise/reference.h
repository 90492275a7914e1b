// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include <cmath>

#include "kernels/eltwise/eltwise.h"

namespace keel::kernels::reference {

/// Calls f(r, i) for each element of a matrix.
template <class Geometry, class Function>
void for_elements(const Geometry& g, Function f) {
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::int64_t i = 0; i < g.c; ++i) f(r, i);
}

/// max(0, x); a NaN and -0 stay, as in the vector variants.
template <class T>
T relu(T x) {
    return x < 0 ? T(0) : x;
}

/// An element as what is computed with.
template <class T>
Param<T> number(T x) {
    return x;
}

template <class T>
void copy(const UnaryGeometry& g, const T* src, T* dst) {
    for_elements(g, [&](auto r, auto i) { dst[r * g.dst_ld + i] = src[r * g.src_ld + i]; });
}

template <class From, class To>
void convert(const UnaryGeometry& g, const From* src, To* dst) {
    for_elements(g, [&](auto r, auto i) { dst[r * g.dst_ld + i] = src[r * g.src_ld + i]; });
}

template <class T>
void accumulate(const UnaryGeometry& g, const T* src, T* dst) {
    for_elements(g, [&](auto r, auto i) {
        dst[r * g.dst_ld + i] = number(dst[r * g.dst_ld + i]) + number(src[r * g.src_ld + i]);
    });
}

template <class T>
void scale(const UnaryGeometry& g, Param<T> alpha, const T* src, T* dst) {
    for_elements(g, [&](auto r, auto i) { dst[r * g.dst_ld + i] = alpha * number(src[r * g.src_ld + i]); });
}

template <class T>
void relu_forward(const UnaryGeometry& g, const T* src, T* dst) {
    for_elements(g, [&](auto r, auto i) { dst[r * g.dst_ld + i] = relu(number(src[r * g.src_ld + i])); });
}

template <class T>
void relu_backward(const BinaryGeometry& g, const T* dst, const T* diff_dst, T* diff_src) {
    for_elements(g, [&](auto r, auto i) {
        diff_src[r * g.dst_ld + i] = number(dst[r * g.src0_ld + i]) <= 0 ? T(0) : diff_dst[r * g.src1_ld + i];
    });
}

template <class T>
void add_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst) {
    for_elements(g, [&](auto r, auto i) {
        dst[r * g.dst_ld + i] = number(src0[r * g.src0_ld + i]) + number(src1[r * g.src1_ld + i]);
    });
}

template <class T>
void add_relu_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst) {
    for_elements(g, [&](auto r, auto i) {
        dst[r * g.dst_ld + i] = relu(number(src0[r * g.src0_ld + i]) + number(src1[r * g.src1_ld + i]));
    });
}

template <class T>
void affine_forward(const UnaryGeometry& g, const T* src, const Param<T>* scale, const Param<T>* shift, bool clip,
                    T* dst) {
    for_elements(g, [&](auto r, auto i) {
        const Param<T> value = std::fma(number(src[r * g.src_ld + i]), scale[i], shift[i]);
        dst[r * g.dst_ld + i] = clip ? relu(value) : value;
    });
}

template <class T>
void affine_add_relu_forward(const BinaryGeometry& g, const T* src0, const Affine<Param<T>>& a, const T* src1,
                             const Affine<Param<T>>& b, T* dst) {
    for_elements(g, [&](auto r, auto i) {
        const Param<T> second = src1[r * g.src1_ld + i];
        dst[r * g.dst_ld + i] = relu(std::fma(number(src0[r * g.src0_ld + i]), a.scale[i], a.shift[i]) +
                                     (b.scale == nullptr ? second : std::fma(second, b.scale[i], b.shift[i])));
    });
}

template <class T>
void add_bias(const UnaryGeometry& g, const Param<T>* bias, T* dst) {
    for_elements(g, [&](auto r, auto i) { dst[r * g.dst_ld + i] = number(dst[r * g.dst_ld + i]) + bias[i]; });
}

template <class T>
void column_sum(const UnaryGeometry& g, const T* src, double* sums) {
    for_elements(g, [&](auto r, auto i) { sums[i] += static_cast<double>(number(src[r * g.src_ld + i])); });
}

template <class T>
void moving_average(std::int64_t n, Param<T> decay, const T* src, T* shadow) {
    for (std::int64_t i = 0; i < n; ++i) shadow[i] = decay * number(shadow[i]) + (1 - decay) * number(src[i]);
}

}  // namespace keel::kernels::reference
