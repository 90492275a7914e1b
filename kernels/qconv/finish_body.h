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

}  // namespace
}  // namespace keel::kernels::simd
