// Pooling in float lanes; see variants.h for the contracts.
#pragma once

#include "kernels/pool/variants.h"
#include "kernels/simd/bf16.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// A row of output (of input in backward) pixels.
struct Row {
    std::int64_t image;
    int y;
    Row(std::int64_t row, std::int64_t rows_of_image)
        : image(row / rows_of_image), y(static_cast<int>(row % rows_of_image)) {}
};

/// Calls body(y, x) for the pixels of a rectangle, row by row.
template <class Body>
inline void for_pixels(PoolRange ys, PoolRange xs, Body body) {
    for (int y = ys.begin; y < ys.end; ++y)
        for (int x = xs.begin; x < xs.end; ++x) body(y, x);
}

/// Returns position 0 of the window of output row or column o, which may lie outside the map.
inline int origin(const PoolGeometry& g, int o) { return o * g.stride - g.pad; }

inline int area(const PoolWindows& w, int oy, int ox) {
    return w.divisor != 0 ? w.divisor : (w.ys[oy].end - w.ys[oy].begin) * (w.xs[ox].end - w.xs[ox].begin);
}

/// Loads, and asks the memory for what a row of pixels has 2 KiB further on: windows read several rows at once, too
/// many streams for the processor's own prefetcher.
template <class T, class Lanes>
inline Vec load_ahead(const T* p, Lanes lanes) {
    __builtin_prefetch(p + 2048 / sizeof(T));
    return load(p, lanes);
}

template <class T>
void max_forward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* src, T* dst,
                 std::uint8_t* argmax) {
    const PoolGeometry& g = w.g;
    for (std::int64_t row = first; row < last; ++row) {
        const Row out(row, g.oh);
        const T* image = src + out.image * g.ih * g.iw * g.src_ld;
        const PoolRange ys = w.ys[out.y];
        for (int ox = 0; ox < g.ow; ++ox) {
            const PoolRange xs = w.xs[ox];
            const std::int64_t pixel = row * g.ow + ox;
            const auto position = [&](int y, int x) {
                return broadcast(static_cast<float>((y - origin(g, out.y)) * g.kw + x - origin(g, ox)));
            };
            for_lanes(g.c, [&](std::int64_t i, auto lanes) {
                const auto at = [&](int y, int x) { return load_ahead(image + (y * g.iw + x) * g.src_ld + i, lanes); };
                Vec best = at(ys.begin, xs.begin), where = position(ys.begin, xs.begin);
                for_pixels(ys, xs, [&](int y, int x) {
                    const Vec value = at(y, x);
                    const Mask wins = beats(value, best);
                    best = choose(wins, value, best);
                    where = choose(wins, position(y, x), where);
                });
                store(dst + pixel * g.dst_ld + i, best, lanes);
                if (argmax != nullptr) store_bytes(argmax + pixel * g.c + i, where, lanes);
            });
        }
    }
}

/// Gathers: every pixel asks the windows that hold it, so that rows are independent of each other.
template <class T>
void max_backward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* diff_dst,
                  const std::uint8_t* argmax, T* diff_src) {
    const PoolGeometry& g = w.g;
    for (std::int64_t row = first; row < last; ++row) {
        const Row in(row, g.ih);
        for (int x = 0; x < g.iw; ++x)
            for_lanes(g.c, [&](std::int64_t i, auto lanes) {
                Vec total{};
                for_pixels(w.outputs_y[in.y], w.outputs_x[x], [&](int oy, int ox) {
                    const std::int64_t pixel = (in.image * g.oh + oy) * g.ow + ox;
                    const int position = (in.y - origin(g, oy)) * g.kw + x - origin(g, ox);
                    const Mask won =
                        equal(load_bytes(argmax + pixel * g.c + i, lanes), broadcast(static_cast<float>(position)));
                    total += keep(won, load(diff_dst + pixel * g.dst_ld + i, lanes));
                });
                store(diff_src + (row * g.iw + x) * g.src_ld + i, total, lanes);
            });
    }
}

template <class T>
void avg_forward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* src, T* dst) {
    const PoolGeometry& g = w.g;
    for (std::int64_t row = first; row < last; ++row) {
        const Row out(row, g.oh);
        const T* image = src + out.image * g.ih * g.iw * g.src_ld;
        const PoolRange ys = w.ys[out.y];
        for (int ox = 0; ox < g.ow; ++ox) {
            const PoolRange xs = w.xs[ox];
            const Vec divisor = broadcast(static_cast<float>(area(w, out.y, ox)));
            for_lanes(g.c, [&](std::int64_t i, auto lanes) {
                Vec total{};
                for (int y = ys.begin; y < ys.end; ++y) {  // row sums first: shorter chains of roundings
                    Vec of_row{};
                    for (int x = xs.begin; x < xs.end; ++x)
                        of_row += load_ahead(image + (y * g.iw + x) * g.src_ld + i, lanes);
                    total += of_row;
                }
                store(dst + (row * g.ow + ox) * g.dst_ld + i, total / divisor, lanes);
            });
        }
    }
}

template <class T>
void avg_backward(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* diff_dst, T* diff_src) {
    const PoolGeometry& g = w.g;
    const bool past = past_caches((last - first) * g.iw, g.c, g.src_ld, diff_src);
    for (std::int64_t row = first; row < last; ++row) {
        const Row in(row, g.ih);
        const T* image = diff_dst + in.image * g.oh * g.ow * g.dst_ld;
        const PoolRange ys = w.outputs_y[in.y];
        for (int x = 0; x < g.iw; ++x) {
            const PoolRange xs = w.outputs_x[x];
            T* dst = diff_src + (row * g.iw + x) * g.src_ld;
            if (past && ys.end - ys.begin == 1 && xs.end - xs.begin == 1) {  // windows that do not overlap
                const T* src = image + (ys.begin * g.ow + xs.begin) * g.dst_ld;
                const Vec divisor = broadcast(static_cast<float>(area(w, ys.begin, xs.begin)));
                for (std::int64_t i = 0; i < g.c; i += kWidth) stream(dst + i, load(src + i, AllLanes{}) / divisor);
                continue;
            }
            for_lanes(g.c, [&](std::int64_t i, auto lanes) {
                Vec total{};
                for_pixels(ys, xs, [&](int oy, int ox) {
                    total += load(image + (oy * g.ow + ox) * g.dst_ld + i, lanes) /
                             broadcast(static_cast<float>(area(w, oy, ox)));
                });
                store(dst + i, total, lanes);
            });
        }
    }
    if (past) fence();
}

template <class T>
constexpr PoolVariant<T> kPool{kIsa, max_forward<T>, max_backward<T>, avg_forward<T>, avg_backward<T>};

}  // namespace
}  // namespace keel::kernels::simd
