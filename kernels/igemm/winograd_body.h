// The transforms of Winograd's minimal filtering F(2x2, 3x3) (Lavin & Gray, arXiv:1509.09308), over vectors of
// channels; see variants.h.
#pragma once

#include "kernels/igemm/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

struct Four {
    Vec v[4];
};

/// B^T of a row or column.
inline Four source_transform(Vec a, Vec b, Vec c, Vec d) { return {{a - c, b + c, c - b, b - d}}; }

/// Asks the memory for a cache line of each pixel that tile `tile` is the first to read.
template <class Element>
inline void fetch_tile(const WinogradSource& t, const Element* src, std::int64_t tile) {
    for (int y = 0; y < 4; ++y)
        for (int x = 2; x < 4; ++x) __builtin_prefetch(src + y * t.row + (2 * tile + x) * t.pixel);
}

/// Of maps of Element; to(tile, position, c, vector, lanes) stores. Two columns of a tile are its neighbor's as well.
template <class Element, class Store>
inline void source_of(const WinogradSource& t, Store to) {
    const bool whole = t.rows_begin == 0 && t.rows_end == 4;
    for_lanes(t.depth, [&](std::int64_t c, auto lanes) {
        const Element* src = static_cast<const Element*>(t.src) + c;
        const bool fetches = t.next != nullptr && c * sizeof(Element) % 64 == 0;  // a cache line's first
        const auto tiles = [&](auto affine) {
            const auto column = [&](std::int64_t x) -> Four {
                if (x < t.columns_begin || x >= t.columns_end) return {};
                const auto at = [&](int y) { return affine(load(src + y * t.row + x * t.pixel, lanes)); };
                if (whole) return source_transform(at(0), at(1), at(2), at(3));
                // The border is zero after the affine.
                const auto there = [&](int y) { return y < t.rows_begin || y >= t.rows_end ? Vec{} : at(y); };
                return source_transform(there(0), there(1), there(2), there(3));
            };
            Four first = column(0), second = column(1);
            for (std::int64_t tile = 0; tile < t.tiles; ++tile) {
                if (fetches) fetch_tile(t, static_cast<const Element*>(t.next) + c, tile);
                const Four third = column(2 * tile + 2), fourth = column(2 * tile + 3);
                for (int y = 0; y < 4; ++y) {
                    const Four row = source_transform(first.v[y], second.v[y], third.v[y], fourth.v[y]);
                    for (int x = 0; x < 4; ++x) to(tile, 4 * y + x, c, row.v[x], lanes);
                }
                first = third;
                second = fourth;
            }
        };
        if (t.scale == nullptr) return tiles([](Vec v) { return v; });
        const Vec scale = load(t.scale + c, lanes), shift = load(t.shift + c, lanes);
        if (t.relu)
            tiles([&](Vec v) { return relu(fma(v, scale, shift)); });
        else
            tiles([&](Vec v) { return fma(v, scale, shift); });
    });
}

inline void winograd_source(const WinogradSource& t) {
    source_of<float>(t, [&](std::int64_t tile, int position, std::int64_t c, Vec v, auto lanes) {
        store(t.v + position * t.v_position + tile * t.v_tile + c, v, lanes);
    });
}

/// To maps of Element; to(where, vector, lanes) stores.
template <class Element, class Store>
inline void result_of(const WinogradResult& t, Store to) {
    for_lanes(t.columns, [&](std::int64_t j, auto lanes) {
        Vec top[4], bottom[4];  // A^T m
        for (int x = 0; x < 4; ++x) {
            const auto m = [&](int y) { return load(t.m + (4 * y + x) * t.m_position + j, lanes); };
            const Vec sum = m(1) + m(2), difference = m(1) - m(2);
            top[x] = m(0) + sum;
            bottom[x] = difference - m(3);
        }
        const Vec bias = t.bias == nullptr ? Vec{} : load(t.bias + j, lanes);
        const auto finish = [&](int i, Vec value) {
            if (t.dst[i] == nullptr) return;
            value += bias;
            if (t.residual[i] != nullptr) value += load(static_cast<const Element*>(t.residual[i]) + j, lanes);
            to(static_cast<Element*>(t.dst[i]) + j, t.relu ? relu(value) : value, lanes);
        };
        finish(0, top[0] + (top[1] + top[2]));
        finish(1, top[1] - top[2] - top[3]);
        finish(2, bottom[0] + (bottom[1] + bottom[2]));
        finish(3, bottom[1] - bottom[2] - bottom[3]);
    });
}

inline void winograd_result(const WinogradResult& t) {
    result_of<float>(t, [](float* p, Vec v, auto lanes) { store(p, v, lanes); });
}

/// G of a row or column.
inline Four weights_transform(Vec a, Vec b, Vec c) {
    const Vec half = broadcast(0.5F), outer = (a + c) * half, inner = b * half;
    return {{a, outer + inner, outer - inner, c}};
}

inline void winograd_weights(const WinogradWeights& t) {
    for_lanes(t.columns, [&](std::int64_t j, auto lanes) {
        const auto w = [&](int i) { return load(t.w + i * t.w_tap + j, lanes); };
        Four columns[3];
        for (int x = 0; x < 3; ++x) columns[x] = weights_transform(w(x), w(3 + x), w(6 + x));
        for (int y = 0; y < 4; ++y) {
            const Four row = weights_transform(columns[0].v[y], columns[1].v[y], columns[2].v[y]);
            for (int x = 0; x < 4; ++x) store(t.u + (4 * y + x) * t.u_position + j, row.v[x], lanes);
        }
    });
}

/// A of a row or column.
inline Four gradient_transform(Vec a, Vec b) { return {{a, a + b, a - b, -b}}; }

/// Of a map of Element; to(tile, position, where the first tile's is, vector, lanes) stores.
template <class Element, class Store>
inline void gradient_of(const WinogradGradient& t, Store to) {
    for_lanes(t.columns, [&](std::int64_t j, auto lanes) {
        const Element* diff = static_cast<const Element*>(t.diff) + j;
        float* z = t.z + j / t.panel_columns * t.z_panel + j % t.panel_columns;
        for (std::int64_t tile = 0; tile < t.tiles; ++tile) {
            const auto pixel = [&](int y, std::int64_t x) {
                return y < t.rows_end && x < t.columns_end ? load(diff + y * t.row + x * t.pixel, lanes) : Vec{};
            };
            const Four left = gradient_transform(pixel(0, 2 * tile), pixel(1, 2 * tile)),
                       right = gradient_transform(pixel(0, 2 * tile + 1), pixel(1, 2 * tile + 1));
            for (int y = 0; y < 4; ++y) {
                const Four row = gradient_transform(left.v[y], right.v[y]);
                for (int x = 0; x < 4; ++x) to(tile, 4 * y + x, z, row.v[x], lanes);
            }
        }
    });
}

inline void winograd_gradient(const WinogradGradient& t) {
    gradient_of<float>(t, [&](std::int64_t tile, int position, float* z, Vec v, auto lanes) {
        store(z + position * t.z_position + tile * t.panel_columns, v, lanes);
    });
}

struct Three {
    Vec v[3];
};

/// G^T of a row or column.
inline Three weights_gradient_transform(Vec a, Vec b, Vec c, Vec d) {
    const Vec half = broadcast(0.5F), sum = (b + c) * half;
    return {{a + sum, (b - c) * half, sum + d}};
}

inline void winograd_weights_gradient(const WinogradWeightsGradient& t) {
    for_lanes(t.columns, [&](std::int64_t j, auto lanes) {
        const auto u = [&](int i) { return load(t.u + i * t.u_position + j, lanes); };
        Three columns[4];
        for (int x = 0; x < 4; ++x) columns[x] = weights_gradient_transform(u(x), u(4 + x), u(8 + x), u(12 + x));
        for (int y = 0; y < 3; ++y) {
            const Three row =
                weights_gradient_transform(columns[0].v[y], columns[1].v[y], columns[2].v[y], columns[3].v[y]);
            for (int x = 0; x < 3; ++x) store(t.w + (3 * y + x) * t.w_tap + j, row.v[x], lanes);
        }
    });
}

}  // namespace
}  // namespace keel::kernels::simd
