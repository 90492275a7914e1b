#include "kernels/onednn/cut.h"

#include <algorithm>

#include "kernels/parallel.h"

namespace keel::kernels::onednn {
namespace {

// Multiply-accumulates of a piece: of rows, where a piece has a border that two of them read, and of whole images.
constexpr std::int64_t kRowMacs = std::int64_t{8} << 20, kImageMacs = std::int64_t{2} << 20;

/// Whether each window meets the map, so that rows of the result leave rows to read.
bool windows_meet_rows(const Conv2dGeometry& g) {
    const std::int64_t window = std::int64_t{g.dilation_h} * (g.kh - 1) + 1;
    return g.pad_h < window && g.pad_h + g.far_h < window;
}

/// The rows [begin, end) of the result of one image.
Piece rows_of(const Conv2dGeometry& g, std::int64_t image, std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * g.stride_h - g.pad_h,
                       last = (end - 1) * g.stride_h - g.pad_h + std::int64_t{g.dilation_h} * (g.kh - 1) + 1;
    const std::int64_t from = std::max<std::int64_t>(first, 0), to = std::min(last, g.ih);
    Piece piece{image, begin, from, g};
    piece.geometry.n = 1;
    piece.geometry.ih = to - from;
    piece.geometry.pad_h = static_cast<int>(from - first);
    piece.geometry.far_h = static_cast<int>(last - to) - piece.geometry.pad_h;
    return piece;
}

}  // namespace

Conv2dGeometry typical(const Conv2dGeometry& g) {
    const std::vector<Piece> pieces = cut(g);
    return pieces[pieces.size() / 2].geometry;
}

std::vector<Piece> cut_images(const Conv2dGeometry& g, std::int64_t most) {
    check_geometry(g);
    const std::int64_t macs = std::max<std::int64_t>(g.macs(), 1),
                       count = std::clamp<std::int64_t>(macs / kImageMacs, 1, std::min(g.n, most));
    std::vector<Piece> pieces;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t begin = g.n * i / count;
        pieces.push_back({begin, 0, 0, g});
        pieces.back().geometry.n = g.n * (i + 1) / count - begin;
    }
    return pieces;
}

std::vector<Piece> cut(const Conv2dGeometry& g) {
    check_geometry(g);
    Conv2dGeometry one = g;
    one.n = 1;
    const std::int64_t bands = std::clamp<std::int64_t>(one.macs() / kRowMacs, 1, g.oh());
    if (bands > 1 && windows_meet_rows(g)) {
        const std::int64_t rows = chunk_count(g.oh(), bands);
        std::vector<Piece> pieces;
        for (std::int64_t image = 0; image < g.n; ++image)
            for (std::int64_t row = 0; row < g.oh(); row += rows)
                pieces.push_back(rows_of(g, image, row, std::min(row + rows, g.oh())));
        return pieces;
    }
    // Of a size that n does not change, but for the last: neither does n change a plan.
    const std::int64_t images = chunk_count(kImageMacs, std::max<std::int64_t>(one.macs(), 1));
    std::vector<Piece> pieces;
    for (std::int64_t image = 0; image < g.n; image += images) {
        pieces.push_back({image, 0, 0, g});
        pieces.back().geometry.n = std::min(images, g.n - image);
    }
    return pieces;
}

std::int64_t most_partials(std::int64_t elements) {
    constexpr std::int64_t kMost = 32, kElements = std::int64_t{16} << 20;
    return std::clamp<std::int64_t>(kElements / std::max<std::int64_t>(elements, 1), 1, kMost);
}

}  // namespace keel::kernels::onednn
