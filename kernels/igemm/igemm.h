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
#include "kernels/isa.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {

/// Returns the columns of a panel for the active ISA.
int igemm_columns();
int igemm_columns(const Isa& isa);

/// Whether these kernels take the geometry: no groups, ic and oc whole panels.
bool igemm_serves(const Conv2dGeometry& g);
/// Whether igemm_forward() does: no groups, an even ic, oc whole panels.
bool igemm_forwards(const Conv2dGeometry& g);
/// Whether it does on maps of bf16: an even number of words besides.
bool igemm_forwards_bf16(const Conv2dGeometry& g);
/// The same of an ISA whose panels have so many columns.
bool igemm_serves(const Conv2dGeometry& g, int columns);
bool igemm_forwards(const Conv2dGeometry& g, int columns);

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
/// Makes words of pairs of rows of `floats` weights in panels, or of such as Winograd's algorithm transformed, half as
/// many: what a pass over maps of bf16 makes of them each time, made once.
void igemm_pair_weights(std::int64_t floats, const float* weights, float* paired);
/// Computes dst of maps of bf16, as igemm_forward() does, from such weights.
void igemm_forward_paired(const Conv2dGeometry& g, ConstMap src, const float* paired, const IgemmFusion& fusion,
                          Map dst);
/// Computes diff_src. An epilogue wants strides of 1.
void igemm_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                         Map diff_src);
/// Computes diff_weights, in panels.
void igemm_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                            float* diff_weights);

}  // namespace keel::kernels
