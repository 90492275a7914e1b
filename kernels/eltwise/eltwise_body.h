// The element-wise kernels in float lanes; see eltwise.h for what they compute.
#pragma once

#include "kernels/eltwise/variants.h"
#include "kernels/simd/bf16.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

template <class From, class To, class Function>
inline void map(const UnaryGeometry& g, const From* src, To* dst, Function function) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) { store(dst + i, function(load(src + i, lanes)), lanes); });
}

/// dst = function(dst, src)
template <class From, class To, class Function>
inline void update(const UnaryGeometry& g, const From* src, To* dst, Function function) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            store(dst + i, function(load(dst + i, lanes), load(src + i, lanes)), lanes);
        });
}

template <class T, class Function>
inline void map(const BinaryGeometry& g, const T* src0, const T* src1, T* dst, Function function) {
    for (std::int64_t r = 0; r < g.rows; ++r, src0 += g.src0_ld, src1 += g.src1_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            store(dst + i, function(load(src0 + i, lanes), load(src1 + i, lanes)), lanes);
        });
}

template <class T>
void copy(const UnaryGeometry& g, const T* src, T* dst) {
    map(g, src, dst, [](Vec s) { return s; });
}

template <class T>
void accumulate(const UnaryGeometry& g, const T* src, T* dst) {
    update(g, src, dst, [](Vec d, Vec s) { return d + s; });
}

template <class T>
void scale(const UnaryGeometry& g, float alpha, const T* src, T* dst) {
    map(g, src, dst, [a = broadcast(alpha)](Vec s) { return a * s; });
}

template <class T>
void relu_forward(const UnaryGeometry& g, const T* src, T* dst) {
    map(g, src, dst, [](Vec s) { return relu(s); });
}

template <class T>
void relu_backward(const BinaryGeometry& g, const T* dst, const T* diff_dst, T* diff_src) {
    map(g, dst, diff_dst, diff_src, [](Vec d, Vec diff) { return keep(passes(d), diff); });
}

template <class T>
void add_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst) {
    map(g, src0, src1, dst, [](Vec a, Vec b) { return a + b; });
}

template <class T>
void add_relu_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst) {
    map(g, src0, src1, dst, [](Vec a, Vec b) { return relu(a + b); });
}

/// dst = value(row, i, lanes) element by element.
template <class T, class Value>
void write_rows(std::int64_t rows, std::int64_t c, std::int64_t ld, T* dst, Value value) {
    if (!past_caches(rows, c, ld, dst)) {
        for (std::int64_t r = 0; r < rows; ++r, dst += ld)
            for_lanes(c, [&](std::int64_t i, auto lanes) { store(dst + i, value(r, i, lanes), lanes); });
        return;
    }
    for (std::int64_t r = 0; r < rows; ++r, dst += ld)
        for (std::int64_t i = 0; i < c; i += kWidth) stream(dst + i, value(r, i, AllLanes{}));
    fence();
}

template <class T>
void affine_forward(const UnaryGeometry& g, const T* src, const float* scale, const float* shift, bool clip, T* dst) {
    write_rows(g.rows, g.c, g.dst_ld, dst, [&](std::int64_t r, std::int64_t i, auto lanes) {
        const Vec v = fma(load(src + r * g.src_ld + i, lanes), load(scale + i, lanes), load(shift + i, lanes));
        return clip ? relu(v) : v;
    });
}

template <bool kAffine, class T>
void join_rows(const BinaryGeometry& g, const T* src0, const Affine<float>& a, const T* src1, const Affine<float>& b,
               T* dst) {
    write_rows(g.rows, g.c, g.dst_ld, dst, [&](std::int64_t r, std::int64_t i, auto lanes) {
        Vec second = load(src1 + r * g.src1_ld + i, lanes);
        if (kAffine) second = fma(second, load(b.scale + i, lanes), load(b.shift + i, lanes));
        return relu(fma(load(src0 + r * g.src0_ld + i, lanes), load(a.scale + i, lanes), load(a.shift + i, lanes)) +
                    second);
    });
}

template <class T>
void affine_add_relu_forward(const BinaryGeometry& g, const T* src0, const Affine<float>& a, const T* src1,
                             const Affine<float>& b, T* dst) {
    (b.scale != nullptr ? join_rows<true, T> : join_rows<false, T>)(g, src0, a, src1, b, dst);
}

template <class T>
void add_bias(const UnaryGeometry& g, const float* bias, T* dst) {
    update({g.rows, g.c, 0, g.dst_ld}, bias, dst, [](Vec d, Vec b) { return d + b; });
}

template <class T>
void column_sum(const UnaryGeometry& g, const T* src, double* sums) {
    add_columns<1>(g.rows, g.c, {sums}, [&](std::int64_t r, std::int64_t i, auto lanes) {
        return Terms<1>{{load(src + r * g.src_ld + i, lanes)}};
    });
}

template <class T>
void moving_average(std::int64_t n, float decay, const T* src, T* shadow) {
    const Vec kept = broadcast(decay), taken = broadcast(1 - decay);
    update({1, n, n, n}, src, shadow, [=](Vec d, Vec s) { return fma(kept, d, taken * s); });
}

template <class T>
constexpr EltwiseVariant<T> kEltwise{kIsa,
                                     copy<T>,
                                     accumulate<T>,
                                     scale<T>,
                                     relu_forward<T>,
                                     relu_backward<T>,
                                     add_forward<T>,
                                     add_relu_forward<T>,
                                     affine_forward<T>,
                                     affine_add_relu_forward<T>,
                                     add_bias<T>,
                                     column_sum<T>,
                                     moving_average<T>};

template <class From, class To>
void convert(const UnaryGeometry& g, const From* src, To* dst) {
    map(g, src, dst, [](Vec s) { return s; });
}

constexpr EltwiseBf16Variant kEltwiseBf16{kEltwise<Bf16>, convert<float, Bf16>, convert<Bf16, float>};

}  // namespace
}  // namespace keel::kernels::simd
