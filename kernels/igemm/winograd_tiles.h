// The 2x2 tiles of dst that Winograd's algorithm counts through, and the 4x4 source pixels under them.
#pragma once

#include "kernels/igemm/igemm.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"

namespace keel::kernels {

inline constexpr std::int64_t kWinogradPositions = 16;

/// Returns the words from one position to the next, of so many words each: an odd number of cache lines, so that what a
/// tile has at its positions does not fall into the same sets of the first-level cache.
inline std::int64_t position_stride(std::int64_t words) {
    constexpr std::int64_t kLine = 16;
    return (chunk_count(words, kLine) | 1) * kLine;
}

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

    /// Transforms `depth` channels of src for `count` tiles from `first` on; v and half as in WinogradSource.
    void transform_sources(const IgemmVariant& variant, std::int64_t first, std::int64_t count, ConstMap src,
                           std::int64_t depth, const ConvAffine& affine, float* v, std::int64_t v_position,
                           std::int64_t v_tile, WordHalf half = WordHalf::neighbors) const {
        const auto origin = [&](const WinogradTile& tile) {
            return element(src, ((tile.n * g.ih + tile.y - g.pad_h) * g.iw + tile.x - g.pad_w) * src.ld);
        };
        WinogradSource t{};
        t.row = g.iw * src.ld;
        t.pixel = src.ld;
        t.depth = depth;
        t.scale = affine.scale;
        t.shift = affine.shift;
        t.relu = affine.relu;
        t.v_position = v_position;
        t.v_tile = v_tile;
        runs(first, count, [&](const WinogradTile& tile, std::int64_t i, std::int64_t tiles) {
            const std::int64_t shared = half == WordHalf::neighbors ? 1 : 2, top = tile.y - g.pad_h;
            t.src = origin(tile);
            t.rows_begin = static_cast<int>(std::max<std::int64_t>(0, -top));
            t.rows_end = static_cast<int>(std::min<std::int64_t>(4, g.ih - top));
            t.columns_begin = std::max<std::int64_t>(0, g.pad_w - tile.x);
            t.columns_end = g.iw + g.pad_w - tile.x;
            t.tiles = tiles;
            t.v = v + i / shared * v_tile;
            t.half = i % shared == 0 ? half : WordHalf::upper;
            const std::int64_t after = first + i + tiles;
            t.next = after < this->count() ? origin(at(after)) : nullptr;
            variant.winograd_source(t);
        });
    }

    /// Transforms the gradient of the result for `count` tiles from `first` on, `word` of them to a word; the rest as
    /// in WinogradGradient.
    void transform_gradients(const IgemmVariant& variant, std::int64_t first, std::int64_t count, ConstMap diff,
                             std::int64_t columns, std::int64_t word, float* z, std::int64_t z_position,
                             std::int64_t z_panel) const {
        WinogradGradient t{};
        t.row = ow * diff.ld;
        t.pixel = diff.ld;
        t.columns = columns;
        t.panel_columns = variant.columns;
        t.z_position = z_position;
        t.z_panel = z_panel;
        runs(first, count, [&](const WinogradTile& tile, std::int64_t i, std::int64_t tiles) {
            t.diff = element(diff, ((tile.n * oh + tile.y) * ow + tile.x) * diff.ld);
            t.rows_end = static_cast<int>(std::min<std::int64_t>(2, oh - tile.y));
            t.columns_end = ow - tile.x;
            t.tiles = tiles;
            t.z = z + i / word * variant.columns;
            t.half = i % word == 0 ? WordHalf::lower : WordHalf::upper;
            variant.winograd_gradient(t);
        });
    }

    /// Calls each(i, pixel of dst) for the pixels i = 2 y + x of the tile that exist.
    template <class Each>
    void pixels(const WinogradTile& tile, Each each) const {
        for (int i = 0; i < 4; ++i) {
            const std::int64_t y = tile.y + i / 2, x = tile.x + i % 2;
            if (y < oh && x < ow) each(i, (tile.n * oh + y) * ow + x);
        }
    }

    /// Calls each(tile, i, tiles) for the tiles side by side that begin with the i-th from `first` on, of `count`.
    template <class Each>
    void runs(std::int64_t first, std::int64_t count, Each each) const {
        for (std::int64_t i = 0, tiles = 0; i < count; i += tiles) {
            const WinogradTile tile = at(first + i);
            tiles = std::min(count - i, w - tile.x / 2);
            each(tile, i, tiles);
        }
    }

    const Conv2dGeometry& g;
    std::int64_t oh, ow;  ///< of dst, which the geometry divides for
    std::int64_t h, w;    ///< in tiles
};

}  // namespace keel::kernels
