// How convolutions that oneDNN runs are cut into pieces: pure functions of their geometry.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv/conv.h"

namespace keel::kernels::onednn {

/// Some images, or some rows of one's result: a convolution of its own, without what the others pad.
struct Piece {
    std::int64_t image, dst_row, src_row;  ///< the first of them
    Conv2dGeometry geometry;

    /// Where its part of a map of `h` rows of `row` elements begins, whose first row is `first`.
    std::int64_t offset(std::int64_t h, std::int64_t row, std::int64_t first) const {
        return (image * h + first) * row;
    }
    std::int64_t src_offset(const Conv2dGeometry& whole) const {
        return offset(whole.ih, whole.iw * whole.ic, src_row);
    }
    std::int64_t dst_offset(const Conv2dGeometry& whole) const {
        return offset(whole.oh(), whole.ow() * whole.oc, dst_row);
    }
};

/// Returns the pieces of a forward pass, in order: whole images where they are small, else rows.
std::vector<Piece> cut(const Conv2dGeometry& g);

/// Returns the geometry of most of them.
Conv2dGeometry typical(const Conv2dGeometry& g);

/// Returns pieces of whole images, at most `most`, of about as many images each.
std::vector<Piece> cut_images(const Conv2dGeometry& g, std::int64_t most);

/// Returns how many partial sums the gradient of weights of so many elements is made of, at most; its pieces are whole
/// images. Fewer where they are large.
std::int64_t most_partials(std::int64_t elements);

}  // namespace keel::kernels::onednn
