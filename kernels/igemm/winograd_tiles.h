// The 2x2 tiles of dst that Winograd's algorithm counts through, and the 4x4 source pixels under them.
#pragma once

#include "kernels/igemm/igemm.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"

namespace keel::kernels {

inline constexpr std::int64_t kWinogradPositions = 16;

struct WinogradTile {
    std::int64_t n, y, x;  ///< of its first pixel in dst
};

struct WinogradTiles {
    explicit WinogradTiles(const Conv2dGeometry& geometry)
        : g(geometry), oh(g.oh()), ow(g.ow()), h(chunk_count(oh, 2)), w(chunk_count(ow, 2)) {}

    std::int64_t count() const { return rows() * w; }
    std::int64_t rows() const { return g.n * h; }
    /// Returns the pixels of dst before a row of tiles.
    std::int64_t pixels_before(std::int64_t row) const { return (row / h * oh + 2 * (row % h)) * ow; }
    WinogradTile at(std::int64_t index) const { return {index / w / h, 2 * (index / w % h), 2 * (index % w)}; }
    /// The tile after one: without the divisions, which take as long as a small tile's transform.
    WinogradTile next(WinogradTile tile) const {
        tile.x += 2;
        if (tile.x < ow) return tile;
        tile.x = 0;
        tile.y += 2;
        if (tile.y < oh) return tile;
        return {tile.n + 1, 0, 0};
    }

    /// Transforms `depth` channels of src; v and half as in WinogradSource.
    void transform_source(const IgemmVariant& variant, const WinogradTile& tile, ConstMap src, std::int64_t depth,
                          const ConvAffine& affine, float* v, std::int64_t v_position,
                          WordHalf half = WordHalf::neighbors) const {
        WinogradSource t;
        t.depth = depth;
        t.scale = affine.scale;
        t.shift = affine.shift;
        t.relu = affine.relu;
        t.v = v;
        t.v_position = v_position;
        t.half = half;
        const std::int64_t pixel = src.ld * static_cast<std::int64_t>(size_of(src.type)), top = tile.y - g.pad_h,
                           left = tile.x - g.pad_w;
        const auto* first = static_cast<const std::byte*>(src.data) + tile.n * g.ih * g.iw * pixel;
        const bool whole = top >= 0 && top + 4 <= g.ih && left >= 0 && left + 4 <= g.iw;
        for (std::int64_t i = 0; i < kWinogradPositions; ++i) {
            const std::int64_t y = top + i / 4, x = left + i % 4;
            const bool inside = whole || (y >= 0 && y < g.ih && x >= 0 && x < g.iw);
            t.src[i] = inside ? first + (y * g.iw + x) * pixel : nullptr;
        }
        variant.winograd_source(t);
    }

    /// Calls each(i, pixel of dst) for the pixels i = 2 y + x of the tile that exist.
    template <class Each>
    void pixels(const WinogradTile& tile, Each each) const {
        for (int i = 0; i < 4; ++i) {
            const std::int64_t y = tile.y + i / 2, x = tile.x + i % 2;
            if (y < oh && x < ow) each(i, (tile.n * oh + y) * ow + x);
        }
    }

    const Conv2dGeometry& g;
    std::int64_t oh, ow;  ///< of dst, which the geometry divides for
    std::int64_t h, w;    ///< in tiles
};

}  // namespace keel::kernels
