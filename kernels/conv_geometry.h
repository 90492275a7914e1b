// The extents of a two-dimensional convolution, of which kernels and the profiler speak; kernels/conv/conv.h has its
// formula.
#pragma once

#include <compare>
#include <cstdint>

namespace keel::kernels {

struct Conv2dGeometry {
    std::int64_t n, ic, ih, iw, oc;
    int kh, kw;
    int stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
    int groups = 1;
    int far_h = 0, far_w = 0;  ///< padding at the bottom and at the right beyond pad_h and pad_w; may be negative

    std::int64_t oh() const { return (ih + 2 * pad_h + far_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
    std::int64_t ow() const { return (iw + 2 * pad_w + far_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
    /// Elements of the plain weights [oc, ic / groups, kh, kw].
    std::int64_t weights_elements() const { return oc * (ic / groups) * kh * kw; }
    /// Multiply-accumulates of one forward pass.
    std::int64_t macs() const { return n * oh() * ow() * weights_elements(); }
    bool pointwise() const { return kh == 1 && kw == 1; }
    /// Whether no window reaches beyond the map.
    bool unpadded() const { return pad_h == 0 && pad_w == 0 && far_h == 0 && far_w == 0; }

    auto operator<=>(const Conv2dGeometry&) const = default;
};

}  // namespace keel::kernels
