// What becomes of the sums of a convolution of quantized values, over the vector wrapper; see variants.h. Include
// avx2_integers.h or avx512_integers.h first.
#pragma once

#include "kernels/qconv/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// f(Index<0>{}), f(Index<1>{}), ...: a loop whose arrays stay in registers.
template <int kI>
struct Index {
    constexpr operator int() const { return kI; }
};
template <int kCount, int kFrom = 0, class F>
__attribute__((always_inline)) inline void unrolled(F&& f) {
    if constexpr (kFrom < kCount) {
        f(Index<kFrom>{});
        unrolled<kCount, kFrom + 1>(f);
    }
}

/// What a vector of columns is made with.
struct Factors {
    Vec scale, shift, residual_scale;
};
inline Factors load_factors(const QconvTile& t, std::int64_t column) {
    const AllLanes all;
    return {load(t.scale + column, all), load(t.shift + column, all),
            t.residual_scale == nullptr ? Vec{} : load(t.residual_scale + column, all)};
}

/// Returns a vector of results before they become quantized values.
template <class Lanes>
inline Vec result(const QconvTile& t, int row, std::int64_t column, Sums sums, const Factors& factors, Lanes lanes) {
    const Vec v = fma(to_float(sums), factors.scale, factors.shift);
    if (t.residual_scale == nullptr) return v;
    return fma(load_bytes(t.residual + row * t.residual_row + column, lanes), factors.residual_scale, v);
}
template <class Lanes>
inline Vec result(const QconvTile& t, int row, std::int64_t column, Sums sums, Lanes lanes) {
    return result(t, row, column, sums, load_factors(t, column), lanes);
}

template <class Lanes>
inline void finish(const QconvTile& t, int row, std::int64_t column, Sums sums, Lanes lanes) {
    const Vec v = max(broadcast(t.least), result(t, row, column, sums, lanes));
    if (t.dst == nullptr) return store(t.floats + row * t.dst_row + column, v, lanes);
    store_bytes(t.dst + row * t.dst_row + column, min(broadcast(255), v), lanes);
}

/// Finishes a row of kV vectors of columns, of which the last may be wanted in part; sums(v) returns them.
template <int kV, class Get>
__attribute__((always_inline)) inline void finish_row(const QconvTile& t, int row, Get sums) {
    constexpr std::int64_t kLast = (kV - 1) * kWidth;
    const std::int64_t left = t.columns - kLast;
    unrolled<kV - 1>([&](auto v) { finish(t, row, v * kWidth, sums(v), AllLanes{}); });
    if (left == kWidth)
        finish(t, row, kLast, sums(Index<kV - 1>{}), AllLanes{});
    else
        finish(t, row, kLast, sums(Index<kV - 1>{}), FirstLanes(left));
}

/// How many rows of kV vectors become bytes of one vector at once; 0: none.
template <int kV>
constexpr int kRowsAtOnce = kV* kWidth == kByteLanes       ? 1
                            : 2 * kV* kWidth == kByteLanes ? 2
                                                           : 0;

/// Whether a tile's rows may be finished so many at once.
template <int kV>
inline bool is_whole(const QconvTile& t) {
    return t.columns == kV * kWidth && t.dst != nullptr;
}

/// Finishes kRowsAtOnce rows, from `row` on, to quantized values; sums(r, v) returns those of the r-th of them.
template <int kV, class Get>
__attribute__((always_inline)) inline void finish_at_once(const QconvTile& t, int row, Get sums) {
    Vec v[4];
    unrolled<kRowsAtOnce<kV>>([&](auto r) {
        unrolled<kV>([&](auto i) { v[r * kV + i] = result(t, row + r, i * kWidth, sums(r, i), AllLanes{}); });
    });
    const QuantizedVec quantized = max_quantized(all_quantized(t.least), to_quantized(v));
    std::uint8_t* dst = t.dst + row * t.dst_row;
    if constexpr (kRowsAtOnce<kV> == 1)
        store_quantized(dst, quantized);
    else
        store_quantized_halves(dst, dst + t.dst_row, quantized);
}

}  // namespace
}  // namespace keel::kernels::simd
