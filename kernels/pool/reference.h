// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include "kernels/pool/variants.h"

namespace keel::kernels::reference {

/// Calls body(image, y, x, pixel) for the pixels of rows [first, last) in maps of height x width.
template <class Body>
void for_map(std::int64_t height, std::int64_t width, std::int64_t first, std::int64_t last, Body body) {
    for (std::int64_t row = first; row < last; ++row)
        for (int x = 0; x < width; ++x) body(row / height, static_cast<int>(row % height), x, row * width + x);
}

inline int length(PoolRange range) { return range.end - range.begin; }

inline int area(const PoolWindows& w, int oy, int ox) {
    return w.divisor != 0 ? w.divisor : length(w.ys[oy]) * length(w.xs[ox]);
}

/// Returns the position of input pixel (y, x) in the window of output (oy, ox).
inline int position(const PoolGeometry& g, int oy, int ox, int y, int x) {
    return (y - (oy * g.stride - g.pad)) * g.kw + x - (ox * g.stride - g.pad);
}

template <class T>
void max_forward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* src, T* dst,
                 std::uint8_t* argmax) {
    const PoolGeometry& g = w.g;
    for_map(g.oh, g.ow, first, last, [&](std::int64_t image, int oy, int ox, std::int64_t pixel) {
        for (std::int64_t i = 0; i < g.c; ++i) {
            const auto at = [&](int y, int x) { return src[((image * g.ih + y) * g.iw + x) * g.src_ld + i]; };
            Param<T> best = at(w.ys[oy].begin, w.xs[ox].begin);
            int where = position(g, oy, ox, w.ys[oy].begin, w.xs[ox].begin);
            for (int y = w.ys[oy].begin; y < w.ys[oy].end; ++y)
                for (int x = w.xs[ox].begin; x < w.xs[ox].end; ++x) {
                    const Param<T> value = at(y, x);
                    if (value <= best || best != best) continue;  // a NaN wins, the first one stays
                    best = value;
                    where = position(g, oy, ox, y, x);
                }
            dst[pixel * g.dst_ld + i] = best;
            if (argmax != nullptr) argmax[pixel * g.c + i] = static_cast<std::uint8_t>(where);
        }
    });
}

/// Calls body(oy, ox, output pixel) for the outputs whose windows hold (y, x).
template <class Body>
void for_windows(const PoolWindows& w, std::int64_t image, int y, int x, Body body) {
    for (int oy = w.outputs_y[y].begin; oy < w.outputs_y[y].end; ++oy)
        for (int ox = w.outputs_x[x].begin; ox < w.outputs_x[x].end; ++ox)
            body(oy, ox, (image * w.g.oh + oy) * w.g.ow + ox);
}

template <class T>
void max_backward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* diff_dst,
                  const std::uint8_t* argmax, T* diff_src) {
    const PoolGeometry& g = w.g;
    for_map(g.ih, g.iw, first, last, [&](std::int64_t image, int y, int x, std::int64_t pixel) {
        for (std::int64_t i = 0; i < g.c; ++i) {
            Param<T> total = 0;
            for_windows(w, image, y, x, [&](int oy, int ox, std::int64_t output) {
                if (argmax[output * g.c + i] == position(g, oy, ox, y, x)) total += diff_dst[output * g.dst_ld + i];
            });
            diff_src[pixel * g.src_ld + i] = total;
        }
    });
}

template <class T>
void avg_forward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* src, T* dst) {
    const PoolGeometry& g = w.g;
    for_map(g.oh, g.ow, first, last, [&](std::int64_t image, int oy, int ox, std::int64_t pixel) {
        for (std::int64_t i = 0; i < g.c; ++i) {
            Param<T> total = 0;
            for (int y = w.ys[oy].begin; y < w.ys[oy].end; ++y) {
                Param<T> of_row = 0;
                for (int x = w.xs[ox].begin; x < w.xs[ox].end; ++x)
                    of_row += src[((image * g.ih + y) * g.iw + x) * g.src_ld + i];
                total += of_row;
            }
            dst[pixel * g.dst_ld + i] = total / static_cast<Param<T>>(area(w, oy, ox));
        }
    });
}

template <class T>
void avg_backward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* diff_dst, T* diff_src) {
    const PoolGeometry& g = w.g;
    for_map(g.ih, g.iw, first, last, [&](std::int64_t image, int y, int x, std::int64_t pixel) {
        for (std::int64_t i = 0; i < g.c; ++i) {
            Param<T> total = 0;
            for_windows(w, image, y, x, [&](int oy, int ox, std::int64_t output) {
                total += diff_dst[output * g.dst_ld + i] / static_cast<Param<T>>(area(w, oy, ox));
            });
            diff_src[pixel * g.src_ld + i] = total;
        }
    });
}

}  // namespace keel::kernels::reference
