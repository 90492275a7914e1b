// Two-dimensional convolution (cross-correlation) over NHWC maps: what all kernels of it agree on.
//   dst[n][oy][ox][o] = bias[o] + sum over i, ky, kx of
//                       src[n][oy*stride - pad + ky*dilation][ox*...][i] * weights[o][i][ky][kx]
// with i over the ic / groups channels of o's group. f32 runs on Keel's own kernels (kernels/igemm) where channels are
// whole panels and there are no groups, in inference depthwise and linear layers on theirs (kernels/depthwise,
// kernels/linear), all else on oneDNN's (kernels/onednn); kernels/routing says which. f64 runs on the plain loops
// below. Weights live in the layout that those kernels read (weights_layout.h), padded with zeros where it is wider, so
// that a training step does not reorder them: element-wise optimizers do not care.
#pragma once

#include <cstdint>

#include "kernels/conv/map.h"
#include "kernels/conv_geometry.h"
#include "kernels/profile.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {

/// Throws UsageError for a geometry that makes no sense (a dim that is not positive, channels not divisible by the
/// groups, an empty output) or whose tensors exceed what 64-bit sizes can count, naming the numbers. Every function
/// below calls it.
void check_geometry(const Conv2dGeometry& g);

/// Returns the cost of one pass in any direction: both maps, of `type`, and the weights once. `epilogue` says whether
/// there is one, and which maps of the result's shape it reads; of backward data the result is of src's.
profile::Cost conv2d_cost(const Conv2dGeometry& g, DType type = DType::f32, const RowEpilogue* epilogue = nullptr,
                          bool backward_data = false);

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
