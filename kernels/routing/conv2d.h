// The three passes of a convolution, by the kernels that read the layout of its weights: Keel's own read panels
// (kernels/igemm), oneDNN's read every other layout, the null one (plain OIHW) included. Maps are all f32, or all bf16
// where takes_halves(); weights are f32.
#pragma once

#include "kernels/conv/conv.h"
#include "kernels/conv/weights_layout.h"
#include "kernels/igemm/panels.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {

/// Returns the layout of the kernels that serve this geometry best (choice.h) for maps of `type`; never null.
WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training, DType type = DType::f32);

/// Whether the kernels that read this layout multiply maps of bf16: Keel's own, and oneDNN's where it has some for the
/// geometry on this machine.
bool takes_halves(const Conv2dGeometry& g, const WeightsLayout& layout);

/// Whether the kernels that read this layout take a map as it is, whatever the distance between its pixels: Keel's own,
/// and of bf16 those whose pixels begin at words of 32 bits.
bool takes_map(const WeightsLayout& layout, ConstMap map);

/// Whether the forward pass of this call, of maps of `type`, takes an affine of its source: Keel's own kernels for 1x1
/// without padding and for Winograd's algorithm.
bool forward_takes_affine(const Conv2dGeometry& g, const WeightsLayout& layout, DType type = DType::f32);

/// Computes dst; bias may be null. `training` selects oneDNN's primitive: forward_training or forward_inference. oneDNN
/// takes dense maps and no affine; other weights than its primitive wants are reordered into scratch first. Keel's own
/// kernels take any distance between pixels that takes_map(), and an affine in the two passes that read src, forward
/// where forward_takes_affine(). Anything else is a UsageError, and so are elements of other types. An epilogue takes
/// the pixels of the result in f32: chunk by chunk as they are made, by Keel's own kernels, else when all are made.
void conv2d_forward(const Conv2dGeometry& g, bool training, ConstMap src, const float* weights,
                    const WeightsLayout& layout, const float* bias, Map dst, const ConvAffine& src_affine = {},
                    RowEpilogue* epilogue = nullptr);

/// Whether backward data of this call feeds an epilogue as the pixels are made, and takes a null diff_src.
bool backward_data_streams(const Conv2dGeometry& g, const WeightsLayout& layout);

/// Computes diff_src, and adds it to what is there where `accumulate`, which Keel's own kernels do. A null diff_src:
/// for the epilogue alone, where backward_data_streams().
void conv2d_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const WeightsLayout& layout,
                          Map diff_src, bool accumulate = false, RowEpilogue* epilogue = nullptr);

/// Writes diff_weights in `layout` (padding as 0), and diff_bias, which may be null.
void conv2d_backward_weights(const Conv2dGeometry& g, ConstMap src, ConstMap diff_dst, float* diff_weights,
                             const WeightsLayout& layout, float* diff_bias, const ConvAffine& src_affine = {});

}  // namespace keel::kernels
