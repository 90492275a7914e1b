// Loops over lanes, for the `*_body.h` files; include avx2.h or avx512.h first.
#pragma once

#include <stdint.h>
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

/// Whether to write rows past the caches: of whole vectors, and too many for the second-level cache, where they would
/// first be read from memory, line by line, to be written over. T is what memory has of a lane.
template <class T>
bool past_caches(std::int64_t rows, std::int64_t c, std::int64_t ld, const T* dst) {
    constexpr std::int64_t kLeast = (4 << 20) / sizeof(T);
    return rows * c >= kLeast && c % kWidth == 0 && ld % kWidth == 0 &&
           reinterpret_cast<uintptr_t>(dst) % (kWidth * sizeof(T)) == 0;
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

/// Makes lanes of `spoiled`, which begin as 0, NaN where v is NaN or infinite: 0 * x is 0 for every other x.
inline void spoil(Vec& spoiled, Vec v) { spoiled = fma(Vec{}, v, spoiled); }
inline bool unspoiled(Vec spoiled) {
    double sums[kWidth] = {};
    add_to(sums, widen(spoiled));
    return sum(sums) == 0;
}

/// N terms at once.
template <int N>
struct Terms {
    Vec v[N];
};

/// Columns whose sums fit the first-level cache beside what is summed.
constexpr std::int64_t kPanel = 1024;

/// sums[k][i] += sum over rows r of terms(r, i, lanes).v[k], for columns i < c rounded up to kWidth; each element is
/// visited once. Rows are read one after the other, for that is what the memory streams best. Eight of them are added
/// in float, and those sums in double: an eighth of the conversions that all-double sums would cost, and as accurate,
/// for the roundings of many short sums average out.
template <int N, class RowTerms>
inline void add_columns(std::int64_t rows, std::int64_t c, double* const (&sums)[N], RowTerms terms) {
    constexpr std::int64_t kGroup = 8;
    alignas(64) float partial[N * kPanel];  // for each vector of columns its N sums: one stream
    for (std::int64_t first = 0; first < c; first += kPanel) {
        const std::int64_t width = c - first < kPanel ? c - first : kPanel;
        for (std::int64_t begin = 0; begin < rows; begin += kGroup) {
            const std::int64_t end = begin + kGroup < rows ? begin + kGroup : rows;
            for_lanes(width, [&](std::int64_t i, auto lanes) {
                const Terms<N> t = terms(begin, first + i, lanes);
                for (int k = 0; k < N; ++k) store(partial + N * i + k * kWidth, t.v[k], AllLanes{});
            });
            for (std::int64_t r = begin + 1; r < end; ++r)
                for_lanes(width, [&](std::int64_t i, auto lanes) {
                    const Terms<N> t = terms(r, first + i, lanes);
                    for (int k = 0; k < N; ++k) {
                        float* sum = partial + N * i + k * kWidth;
                        store(sum, load(sum, AllLanes{}) + t.v[k], AllLanes{});
                    }
                });
            for (std::int64_t i = 0; i < width; i += kWidth)
                for (int k = 0; k < N; ++k)
                    add_to(sums[k] + first + i, widen(load(partial + N * i + k * kWidth, AllLanes{})));
        }
    }
}

}  // namespace
}  // namespace keel::kernels::simd
