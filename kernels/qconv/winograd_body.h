// The transforms of Winograd's algorithm in integers (winograd.h), over vectors of channels; see variants.h. Include
// qconv_body.h first, for an Element of s16: its tiles make the products.
#pragma once

#include <string.h>

#include "kernels/qconv/finish_body.h"

namespace keel::kernels::simd {
namespace {

// Unsigned, for what does not fit is to wrap around.
typedef std::uint16_t Halves __attribute__((vector_size(kByteLanes)));
typedef std::uint32_t Words32 __attribute__((vector_size(kByteLanes)));
typedef std::int32_t SignedWords32 __attribute__((vector_size(kByteLanes)));
constexpr int kHalfLanes = static_cast<int>(kByteLanes / 2);

/// B^T of a row or column.
template <class V>
__attribute__((always_inline)) inline void source_transform(const V (&d)[4], V (&t)[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
}
template <class V>
__attribute__((always_inline)) inline void source_transform(const V (&d)[6], V (&t)[6]) {
    const V d1 = d[1] << 2, d2 = d[2] << 2, even = d[4] - d2, odd = d[3] - d1;
    const V inner = d[4] - d[2], outer = (d[3] - d[1]) << 1;
    t[0] = (d[0] << 2) + inner - d2;
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = inner + outer;
    t[4] = inner - outer;
    t[5] = d1 - (d[3] << 2) - d[3] + d[5];
}

/// A^T of a row or column whose i-th element was multiplied by what the transform of the weights (winograd.cpp) leaves
/// undivided; y[i] is 2^kHalvings[i] times what it stands for, of F(4x4, 3x3) 3 times as much.
template <class V>
__attribute__((always_inline)) inline void result_transform(const V (&m)[4], V (&y)[2]) {
    y[0] = (m[0] << 1) + m[1] + m[2];
    y[1] = m[1] - m[2] - (m[3] << 1);
}
template <class V>
__attribute__((always_inline)) inline void result_transform(const V (&m)[6], V (&y)[4]) {
    const V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4], ends = (m[0] << 1) + (m[0] << 2);
    y[0] = ends - (a << 2) + c;
    y[1] = d - (b << 1);
    y[2] = c - a;
    y[3] = (d << 1) - b + (m[5] << 1) + (m[5] << 2);
}
template <int kM>
constexpr int kHalvings[4] = {1, 1, 0, 0};
template <>
constexpr int kHalvings<4>[4] = {3, 2, 1, 1};

inline Halves load_halves(const void* p, bool wide) {
    if (!wide) return reinterpret_cast<Halves>(load_widened(static_cast<const std::uint8_t*>(p)));
    Halves v;
    memcpy(&v, p, sizeof v);
    return v;
}

/// A vector of channels; load(i) returns that of pixel i.
template <int kM, class Load>
__attribute__((always_inline)) inline void source_lanes(Load load, std::int16_t* v, std::int64_t position) {
    constexpr int kEdge = kM + 2;
    Halves columns[kEdge][kEdge];
    unrolled<kEdge>([&](auto x) {
        Halves d[kEdge];
        unrolled<kEdge>([&](auto y) { d[y] = load(y * kEdge + x); });
        source_transform(d, columns[x]);
    });
    unrolled<kEdge>([&](auto y) {
        Halves d[kEdge], t[kEdge];
        unrolled<kEdge>([&](auto x) { d[x] = columns[x][y]; });
        source_transform(d, t);
        unrolled<kEdge>([&](auto x) { memcpy(v + (y * kEdge + x) * position, &t[x], sizeof t[x]); });
    });
}

template <int kM, bool kWide>
inline void source_of(const QwinogradSource& t) {
    constexpr std::int64_t kBytes = kWide ? 2 : 1;
    std::int64_t c = 0;
    for (; c + kHalfLanes <= t.depth; c += kHalfLanes)
        source_lanes<kM>(
            [&](int i) { return load_halves(static_cast<const std::uint8_t*>(t.src[i]) + c * kBytes, kWide); }, t.v + c,
            t.v_position);
    if (c == t.depth) return;
    source_lanes<kM>(
        [&](int i) {
            alignas(64) std::uint8_t rest[2 * kHalfLanes] = {};
            memcpy(rest, static_cast<const std::uint8_t*>(t.src[i]) + c * kBytes,
                   static_cast<size_t>((t.depth - c) * kBytes));
            return load_halves(rest, kWide);
        },
        t.v + c, t.v_position);
}

template <int kM>
inline void qwinograd_source(const QwinogradSource& t) {
    t.wide ? source_of<kM, true>(t) : source_of<kM, false>(t);
}

template <int kM>
inline void qwinograd_result(const QwinogradResult& t) {
    constexpr int kEdge = kM + 2;
    constexpr std::uint32_t kInverse = kM == 4 ? 954437177U : 1U;  // of 9 = 3 * 3, modulo 2^32
    const std::int64_t columns = t.vectors * kWidth;
    for (std::int64_t j = 0; j < columns; j += kWidth) {
        Words32 rows[kEdge][kM];  // A^T m, by columns
        unrolled<kEdge>([&](auto x) {
            Words32 m[kEdge];
            unrolled<kEdge>(
                [&](auto y) { m[y] = reinterpret_cast<Words32>(load_sums(t.m + (y * kEdge + x) * t.m_position + j)); });
            result_transform(m, rows[x]);
        });
        unrolled<kM>([&](auto y) {
            Words32 m[kEdge], sums[kM];
            unrolled<kEdge>([&](auto x) { m[x] = rows[x][y]; });
            result_transform(m, sums);
            unrolled<kM>([&](auto x) {
                const auto whole = reinterpret_cast<SignedWords32>(sums[x] * kInverse);
                const auto exact = reinterpret_cast<Sums>(whole >> (kHalvings<kM>[y] + kHalvings<kM>[x]));
                std::int32_t* to = t.sums + (y * kM + x) * columns + j;
                store_sums(to, t.add ? add(load_sums(to), exact) : exact);
            });
        });
    }
}

/// Sums of a panel are kept for all positions and tiles of a block, so panels are narrow.
constexpr int kWinogradVectors = 2;

template <int kV>
inline void finish_sums(const QconvTile& t, const std::int32_t* sums) {
    int r = 0;
    if constexpr (constexpr int kOnce = kRowsAtOnce<kV>; kOnce > 0)
        if (is_whole<kV>(t))
            for (; r + kOnce <= t.rows; r += kOnce)
                finish_at_once<kV>(t, r, [&](int i, int v) { return load_sums(sums + ((r + i) * kV + v) * kWidth); });
    for (; r < t.rows; ++r) finish_row<kV>(t, r, [&](int v) { return load_sums(sums + (r * kV + v) * kWidth); });
}

template <int kV>
inline void find_finish(const QconvTile& t, const std::int32_t* sums) {
    if constexpr (kV > 1) {
        if (t.vectors < kV) return find_finish<kV - 1>(t, sums);
    }
    finish_sums<kV>(t, sums);
}
inline void qwinograd_finish(const QconvTile& t, const std::int32_t* sums) { find_finish<kWinogradVectors>(t, sums); }

constexpr QwinogradVariant kQwinograd{kWidth,
                                      kWinogradVectors,
                                      kMostRows[kWinogradVectors],
                                      qconv_tile,
                                      {qwinograd_source<2>, qwinograd_source<4>},
                                      {qwinograd_result<2>, qwinograd_result<4>},
                                      qwinograd_finish};

}  // namespace
}  // namespace keel::kernels::simd
