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
        : g(geometry), h(chunk_count(g.oh(), 2)), w(chunk_count(g.ow(), 2)) {}

    std::int64_t count() const { return rows() * w; }
    std::int64_t rows() const { return g.n * h; }
    /// Returns the pixels of dst before a row of tiles.
    std::int64_t pixels_before(std::int64_t row) const { return (row / h * g.oh() + 2 * (row % h)) * g.ow(); }
    WinogradTile at(std::int64_t index) const { return {index / w / h, 2 * (index / w % h), 2 * (index % w)}; }

    /// Transforms `depth` channels of src; v and half as in WinogradSource.
    void transform_source(const IgemmVariant& variant, const WinogradTile& tile, ConstMap src, std::int64_t depth,
                          const ConvAffine& affine, float* v, std::int64_t v_position,
                          WordHalf half = WordHalf::neighbors) const {
        WinogradSource t{{}, depth, affine.scale, affine.shift, affine.relu, v, v_position, half};
        for (int i = 0; i < kWinogradPositions; ++i) {
            const std::int64_t y = tile.y - g.pad_h + i / 4, x = tile.x - g.pad_w + i % 4;
            const bool inside = y >= 0 && y < g.ih && x >= 0 && x < g.iw;
            t.src[i] = inside ? element(src, ((tile.n * g.ih + y) * g.iw + x) * src.ld) : nullptr;
        }
        variant.winograd_source(t);
    }

    /// Calls each(i, pixel of dst) for the pixels i = 2 y + x of the tile that exist.
    template <class Each>
    void pixels(const WinogradTile& tile, Each each) const {
        for (int i = 0; i < 4; ++i) {
            const std::int64_t y = tile.y + i / 2, x = tile.x + i % 2;
            if (y < g.oh() && x < g.ow()) each(i, (tile.n * g.oh() + y) * g.ow() + x);
        }
    }

    const Conv2dGeometry& g;
    std::int64_t h, w;
};

}  // namespace keel::kernels
