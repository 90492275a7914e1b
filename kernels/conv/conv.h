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
#include "kernels/reduce/columns.h"

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

/// An NHWC map: its first element, and the distance between pixels in elements; 0 stands for dense pixels.
struct ConstMap {
    ConstMap(const float* first = nullptr, std::int64_t distance = 0) : data(first), ld(distance) {}
    const float* data;
    std::int64_t ld;
};
struct Map {
    Map(float* first = nullptr, std::int64_t distance = 0) : data(first), ld(distance) {}
    float* data;
    std::int64_t ld;
};

/// Read src * scale + shift in place of src, channel by channel, then max(0, .) if relu. Null scale: src as it is.
struct ConvAffine {
    const float *scale = nullptr, *shift = nullptr;  ///< [ic]
    bool relu = false;
};

/// A layout of weights; opaque, immutable, shared. It also says whose kernels run: Keel's own read panels (kernels/igemm), every
/// other layout, the null one included, is read by oneDNN's.
class ConvWeightsLayout;
using WeightsLayout = std::shared_ptr<const ConvWeightsLayout>;

/// Elements of a buffer in this layout, padding included (not for the null layout).
std::int64_t layout_elements(const WeightsLayout& layout);

/// Whether two layouts order the elements alike (null equals null only).
bool same_layout(const WeightsLayout& a, const WeightsLayout& b);

/// The layout of the kernels that serve this geometry best (kernels/conv/choice.h); never null.
WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training);

/// The panels of Keel's own kernels for the active ISA. Throws UsageError where igemm_serves(g) is false.
WeightsLayout panel_layout(const Conv2dGeometry& g);

/// Whether Keel's own kernels read this layout under the active ISA; for another ISA's panels oneDNN stands in.
bool own_kernels_read(const WeightsLayout& layout);

/// Whether the forward pass of this call takes an affine of its source: Keel's own kernels for 1x1 without padding and for
/// Winograd's algorithm.
bool forward_takes_affine(const Conv2dGeometry& g, const WeightsLayout& layout);

/// Exact copies between plain OIHW and `layout` (not null); padding is written as 0. Geometry-independent: the layout knows its
/// dims.
void pack_weights(const WeightsLayout& layout, const float* plain, float* packed);
void unpack_weights(const WeightsLayout& layout, const float* packed, float* plain);

/// bias may be null. `training` selects oneDNN's primitive: forward_training or forward_inference. oneDNN takes dense maps and no
/// affine; other weights than its primitive wants are reordered into scratch first. Keel's own kernels take any distance between
/// pixels, and an affine in the two passes that read src, forward where forward_takes_affine(). Anything else is a UsageError.
/// A sink takes the pixels of the result: chunk by chunk as they are made, by Keel's own kernels, else when all are made.
void conv2d_forward(const Conv2dGeometry& g, bool training, ConstMap src, const float* weights, const WeightsLayout& layout,
                    const float* bias, Map dst, const ConvAffine& src_affine = {}, RowSink* sink = nullptr);

/// Whether backward data of this call feeds a sink as the pixels are made, and takes a null diff_src.
bool backward_data_streams(const Conv2dGeometry& g, const WeightsLayout& layout);
/// += where `accumulate`, which Keel's own kernels do. A null diff_src: for the sink alone, where backward_data_streams().
void conv2d_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const WeightsLayout& layout,
                          Map diff_src, bool accumulate = false, RowSink* sink = nullptr);
/// diff_weights is written in `layout` (padding as 0); diff_bias may be null.
void conv2d_backward_weights(const Conv2dGeometry& g, ConstMap src, ConstMap diff_dst, float* diff_weights,
                             const WeightsLayout& layout, float* diff_bias, const ConvAffine& src_affine = {});

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
