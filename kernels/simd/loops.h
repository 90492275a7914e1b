// Loops over lanes, for the `*_body.h` files; include avx2.h or avx512.h first.
#pragma once

#include <string.h>

namespace keel::kernels::simd {
namespace {

/// `body(i, lanes)` for i = 0, kWidth, ... < n; `lanes` is FirstLanes in a last, incomplete step, else AllLanes.
template <class Body>
inline void for_lanes(std::int64_t n, Body body) {
    std::int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) body(i, AllLanes{});
    if (i < n) body(i, FirstLanes{n - i});
}

inline Vec load_bytes(const std::uint8_t* p, FirstLanes lanes) {
    std::uint8_t bytes[kWidth] = {};
    memcpy(bytes, p, static_cast<size_t>(lanes.n));
    return load_bytes(bytes, AllLanes{});
}

inline void store_bytes(std::uint8_t* p, Vec v, FirstLanes lanes) {
    std::uint8_t bytes[kWidth];
    store_bytes(bytes, v, AllLanes{});
    memcpy(p, bytes, static_cast<size_t>(lanes.n));
}

/// max(0, v), where a NaN stays NaN.
inline Vec relu(Vec v) { return max(Vec{}, v); }

/// In order: p[0] + p[1] + ...
inline double sum(const double (&p)[kWidth]) {
    double total = 0;
    for (double value : p) total += value;
    return total;
}

/// N terms at once.
template <int N>
struct Terms {
    Vec v[N];
    friend Terms operator+(Terms a, const Terms& b) {
        for (int k = 0; k < N; ++k) a.v[k] += b.v[k];
        return a;
    }
};

/// sums[k][i] += sum over rows r of terms(r, i, lanes).v[k], for columns i < c rounded up to kWidth. Eight rows are added as a
/// tree in float, three roundings deep, and those sums in double: an eighth of the conversions that all-double sums would cost,
/// and as accurate, for the roundings of many short trees average out.
template <int N, class RowTerms>
inline void add_columns(std::int64_t rows, std::int64_t c, double* const (&sums)[N], RowTerms terms) {
    const auto add = [&](std::int64_t i, const Terms<N>& total) {
        for (int k = 0; k < N; ++k) add_to(sums[k] + i, widen(total.v[k]));
    };
    std::int64_t r = 0;
    for (; r + 8 <= rows; r += 8)
        for_lanes(c, [&](std::int64_t i, auto lanes) {
            const auto t = [&](int row) { return terms(r + row, i, lanes); };
            add(i, ((t(0) + t(1)) + (t(2) + t(3))) + ((t(4) + t(5)) + (t(6) + t(7))));
        });
    for (; r < rows; ++r) for_lanes(c, [&](std::int64_t i, auto lanes) { add(i, terms(r, i, lanes)); });
}

}  // namespace
}  // namespace keel::kernels::simd
