// How a convolution of quantized values is cut for a variant: segments of the sum, panels of the columns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/conv/conv.h"
#include "kernels/scratch.h"

namespace keel::kernels {

struct QconvVariant;

struct QconvPlan {
    Conv2dGeometry g;
    const QconvVariant* variant;
    bool merged;            ///< a segment is a row of the kernel, else a tap
    std::int64_t segments;  ///< pieces that a pixel's sum is read in
    std::int64_t depth;     ///< quantized values of a segment, padded to whole groups
    /// Those that it has weights for: `depth`, but where that is more than a block of the variant, whole blocks. Of the
    /// last block a tile then reads the last values of the segment, and so some twice, which have weights of 0 there.
    std::int64_t stored;
    /// Edge m of the tiles of the result by Winograd's algorithm F(m x m, 3x3), 2 or 4 (winograd.h), with the channels
    /// as the one segment; 0: the direct sum.
    int winograd = 0;

    std::int64_t ic() const { return g.ic / g.groups; }  ///< of a group of channels, like all these
    std::int64_t oc() const { return g.oc / g.groups; }
    std::int64_t columns() const;  ///< oc, padded to whole vectors
    std::int64_t panel() const;    ///< columns of a panel, but for the last one
    /// Products of one position that Winograd's algorithm has in the place of a tap.
    std::int64_t positions() const { return std::int64_t{winograd + 2} * (winograd + 2); }
    std::int64_t panels() const;
    std::int64_t most_rows() const;  ///< of a tile
    /// Whether point i of the result reads pixel i of src.
    bool flat() const { return g.pointwise() && g.stride_h == 1 && g.stride_w == 1 && g.unpadded(); }
    std::int64_t products() const { return segments * depth; }
    std::int64_t weight_bytes(std::int64_t columns) const;

    std::size_t padded() const { return static_cast<std::size_t>(g.groups * columns()); }
    std::size_t weights_bytes() const {
        return section(static_cast<std::size_t>(weight_bytes(g.groups * columns()))) +
               (winograd == 0 ? 0 : section(sizeof(std::int64_t)));
    }
    /// Returns where Winograd's algorithm keeps how many pieces the channels are summed in.
    std::size_t pieces_at() const { return weights_bytes() - section(sizeof(std::int64_t)); }
    std::size_t packed_bytes() const { return weights_bytes() + 3 * section(padded() * sizeof(float)); }

    /// Returns scale, shift and scale of the residual, which come after the packed weights, padded().
    template <class Byte>
    auto factors(Byte* packed) const {
        using Float = std::conditional_t<std::is_const_v<Byte>, const float, float>;
        std::array<Float*, 3> all;
        for (std::size_t i = 0; i < 3; ++i)
            all[i] = reinterpret_cast<Float*>(packed + weights_bytes() + i * section(padded() * sizeof(float)));
        return all;
    }
};

}  // namespace keel::kernels
