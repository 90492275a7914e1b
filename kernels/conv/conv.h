// Two-dimensional convolution (cross-correlation) over NHWC maps: what all kernels of it agree on.
//   dst[n][oy][ox][o] = bias[o] + sum over i, ky, kx of
//                       src[n][oy*stride - pad + ky*dilation][ox*...][i] * weights[o][i][ky][kx]
// with i over the ic / groups channels of o's group. f32 runs on Keel's own kernels (kernels/igemm) where channels are
// whole panels and there are no groups, in inference depthwise and linear layers on theirs (kernels/depthwise,
// kernels/linear), all else on oneDNN's (kernels/onednn); kernels/routing says which. f64 runs on the plain loops
// below. Weights live in the layout that those kernels read (weights_layout.h), padded with zeros where it is wider, so
// that a training step does not reorder them: element-wise optimizers do not care.
#pragma once

#include <compare>
#include <cstdint>

#include "kernels/conv/map.h"
#include "kernels/profile.h"

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

/// Throws UsageError for a geometry that makes no sense (a dim that is not positive, channels not divisible by the
/// groups, an empty output) or whose tensors exceed what 64-bit sizes can count, naming the numbers. Every function
/// below calls it.
void check_geometry(const Conv2dGeometry& g);

/// Returns the cost of one pass in any direction: both maps and the weights once.
profile::Cost conv2d_cost(const Conv2dGeometry& g);

/// Reads src * scale + shift in place of src, channel by channel, then max(0, .) if relu. Null scale: src as it is.
struct ConvAffine {
    const float *scale = nullptr, *shift = nullptr;  ///< [ic]
    bool relu = false;
};

/// The plain loops, weights in OIHW: the truth that tests compare with, and what double runs on.
template <class T>
void conv2d_forward_reference(const Conv2dGeometry& g, const T* src, const T* weights, const T* bias, T* dst);
template <class T>
void conv2d_backward_data_reference(const Conv2dGeometry& g, const T* diff_dst, const T* weights, T* diff_src);
template <class T>
void conv2d_backward_weights_reference(const Conv2dGeometry& g, const T* src, const T* diff_dst, T* diff_weights,
                                       T* diff_bias);

}  // namespace keel::kernels
