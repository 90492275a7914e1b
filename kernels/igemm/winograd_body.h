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

/// Calls to(position, vector) for the 16 of a tile whose pixels are read(i).
template <class Read, class Store>
inline void source_lanes(Read read, Store to) {
    Four columns[4];
    for (int x = 0; x < 4; ++x) columns[x] = source_transform(read(x), read(4 + x), read(8 + x), read(12 + x));
    for (int y = 0; y < 4; ++y) {
        const Four row = source_transform(columns[0].v[y], columns[1].v[y], columns[2].v[y], columns[3].v[y]);
        for (int x = 0; x < 4; ++x) to(4 * y + x, row.v[x]);
    }
}

/// Of maps of Element; to(position, c, vector, lanes) stores.
template <class Element, class Store>
inline void source_of(const WinogradSource& t, Store to) {
    for_lanes(t.depth, [&](std::int64_t c, auto lanes) {
        const auto pixel = [&](int i) {
            return t.src[i] == nullptr ? Vec{} : load(static_cast<const Element*>(t.src[i]) + c, lanes);
        };
        const auto store_at = [&](int position, Vec v) { to(position, c, v, lanes); };
        if (t.scale == nullptr) return source_lanes(pixel, store_at);
        const Vec scale = load(t.scale + c, lanes), shift = load(t.shift + c, lanes);
        source_lanes(
            [&](int i) {
                if (t.src[i] == nullptr) return Vec{};  // the border is zero after the affine
                const Vec value = fma(pixel(i), scale, shift);
                return t.relu ? relu(value) : value;
            },
            store_at);
    });
}

inline void winograd_source(const WinogradSource& t) {
    source_of<float>(t, [&](int position, std::int64_t c, Vec v, auto lanes) {
        store(t.v + position * t.v_position + c, v, lanes);
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

/// Of a map of Element; to(where, vector, lanes) stores.
template <class Element, class Store>
inline void gradient_of(const WinogradGradient& t, Store to) {
    for_lanes(t.columns, [&](std::int64_t j, auto lanes) {
        const auto pixel = [&](int i) {
            return t.diff[i] == nullptr ? Vec{} : load(static_cast<const Element*>(t.diff[i]) + j, lanes);
        };
        const Four left = gradient_transform(pixel(0), pixel(2)), right = gradient_transform(pixel(1), pixel(3));
        float* z = t.z + j / t.panel_columns * t.z_panel + j % t.panel_columns;
        for (int y = 0; y < 4; ++y) {
            const Four row = gradient_transform(left.v[y], right.v[y]);
            for (int x = 0; x < 4; ++x) to(z + (4 * y + x) * t.z_position, row.v[x], lanes);
        }
    });
}

inline void winograd_gradient(const WinogradGradient& t) {
    gradient_of<float>(t, [](float* p, Vec v, auto lanes) { store(p, v, lanes); });
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
