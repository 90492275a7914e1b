// Convolution as an implicit matrix product: Keel's own kernels, in all three directions, for any kernel, stride,
// padding and dilation, without groups. Maps are NHWC with any distance between pixels, so a channel slice of a wide
// buffer is read and written in place. No im2col matrix is made: a tile of pixels reads, tap by tap, through pointers
// to its source pixels (the indirect convolution of Dukhan, arXiv:1907.02129), and a pixel outside the map is a pointer
// to zeros. Weights are panels (panels.h) of f32. Maps are of f32, or all of bf16: products are of bf16 then, weights
// rounded, and sums of f32, rounded once.
#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/conv/conv.h"
#include "kernels/igemm/panels.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {

/// Returns the columns of a panel for the active ISA.
int igemm_columns();

/// Whether these kernels take the geometry: no groups, ic and oc whole panels.
bool igemm_serves(const Conv2dGeometry& g);
/// Whether igemm_forward() does: no groups, an even ic, oc whole panels.
bool igemm_forwards(const Conv2dGeometry& g);

/// What a pass does on the way; null or false: nothing.
struct IgemmFusion {
    ConvAffine src_affine{};          ///< 1x1 without padding only
    const float* bias = nullptr;      ///< [columns of the result]
    ConstMap residual{};              ///< of the result's shape, added; may be the result itself
    bool relu = false;                ///< max(0, .) of the result
    Activation activation{};          ///< of the result, after that
    RowEpilogue* epilogue = nullptr;  ///< takes the result's pixels; a result that is null otherwise goes nowhere else
};

/// Computes dst. Distances between pixels are given in full here.
void igemm_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst);
/// Computes diff_src. An epilogue wants strides of 1.
void igemm_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                         Map diff_src);
/// Computes diff_weights, in panels.
void igemm_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                            float* diff_weights);

}  // namespace keel::kernels
