// Two-dimensional convolution (cross-correlation) over dense NHWC maps.
//   dst[n][oy][ox][o] = bias[o] + sum over i, ky, kx of src[n][oy*stride - pad + ky*dilation][ox*...][i] * weights[o][i][ky][kx]
// with i over the ic / groups channels of o's group. float runs on oneDNN (kernels/onednn), double on the plain reference.
// Weights live in whatever layout oneDNN likes best (blocked by the vector width, padded with zeros), so that a training step does
// not reorder them: element-wise optimisers do not care. A null layout is plain OIHW.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/profile.h"

namespace keel::kernels {

struct Conv2dGeometry {
    std::int64_t n, ic, ih, iw, oc;
    int kh, kw;
    int stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
    int groups = 1;

    std::int64_t oh() const { return (ih + 2 * pad_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
    std::int64_t ow() const { return (iw + 2 * pad_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
    /// Elements of the plain weights [oc, ic / groups, kh, kw].
    std::int64_t weights_elements() const { return oc * (ic / groups) * kh * kw; }
    /// Multiply-accumulates of one forward pass.
    std::int64_t macs() const { return n * oh() * ow() * weights_elements(); }
    bool pointwise() const { return kh == 1 && kw == 1; }

    auto operator<=>(const Conv2dGeometry&) const = default;
};

/// Throws UsageError for a geometry that makes no sense (a dim that is not positive, channels not divisible by the groups, an empty
/// output) or whose tensors exceed what 64-bit sizes can count, naming the numbers. Every function below calls it.
void check_geometry(const Conv2dGeometry& g);

/// Of one pass in any direction: both maps and the weights once.
profile::Cost conv2d_cost(const Conv2dGeometry& g);

/// A weights layout of the convolution library; opaque, immutable, shared.
class ConvWeightsLayout;
using WeightsLayout = std::shared_ptr<const ConvWeightsLayout>;

/// Elements of a buffer in this layout, padding included (not for the null layout).
std::int64_t layout_elements(const WeightsLayout& layout);

/// Whether two layouts order the elements alike (null equals null only).
bool same_layout(const WeightsLayout& a, const WeightsLayout& b);

/// The layout in which this geometry's forward pass reads its weights without a reorder; never null.
WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training);

/// Exact copies between plain OIHW and `layout` (not null); padding is written as 0. Geometry-independent: the layout knows its
/// dims.
void pack_weights(const WeightsLayout& layout, const float* plain, float* packed);
void unpack_weights(const WeightsLayout& layout, const float* packed, float* plain);

/// bias may be null. Where `layout` is not the one the primitive wants, the weights are reordered into scratch first.
/// `training` selects the primitive: forward_training or forward_inference.
void conv2d_forward(const Conv2dGeometry& g, bool training, const float* src, const float* weights, const WeightsLayout& layout,
                    const float* bias, float* dst);
void conv2d_backward_data(const Conv2dGeometry& g, const float* diff_dst, const float* weights, const WeightsLayout& layout,
                          float* diff_src);
/// diff_weights is written in `layout` (padding as 0); diff_bias may be null.
void conv2d_backward_weights(const Conv2dGeometry& g, const float* src, const float* diff_dst, float* diff_weights,
                             const WeightsLayout& layout, float* diff_bias);

/// The plain loops, weights in OIHW: the truth that tests compare with, and what double runs on.
template <class T>
void conv2d_forward_reference(const Conv2dGeometry& g, const T* src, const T* weights, const T* bias, T* dst);
template <class T>
void conv2d_backward_data_reference(const Conv2dGeometry& g, const T* diff_dst, const T* weights, T* diff_src);
template <class T>
void conv2d_backward_weights_reference(const Conv2dGeometry& g, const T* src, const T* diff_dst, T* diff_weights, T* diff_bias);

/// Names of the implementations that oneDNN chose for training in the preferred layout, e.g. "jit_1x1:avx2"; for tests, doctor
/// and bench. Compiles nothing.
struct ConvImplementations {
    std::string forward, backward_data, backward_weights;
};
ConvImplementations conv2d_implementations(const Conv2dGeometry& g);

/// How many convolution primitives this process has compiled. They are kept, one for each geometry, pass, weights layout, use of a
/// bias and number of threads, until the process ends: a steady training step compiles none.
std::int64_t conv2d_primitive_count();

/// Version of the convolution library and its threading runtime, e.g. "2.6.3 (OpenMP)".
std::string convolution_library();

}  // namespace keel::kernels
