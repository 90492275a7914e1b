// 3x3 convolutions of stride 1 by Winograd's minimal filtering F(2x2, 3x3) (Lavin & Gray, arXiv:1509.09308): a 2x2 tile
// of dst takes 16 multiplications a channel in place of 36, as 16 matrix products between transforms that only add and
// halve.
//
// Error: with |.| element by element, a tile's result is within
//   (ic + 16) u |A^T| [ sum over ic of (|G| |w| |G^T|) (|B^T| |d| |B|) ] |A|
// of the truth, u the unit roundoff: two roundings in the transform of the source, four in that of the weights, ic in
// the products' sum, four in the transform of the result, the rest for affine, bias and residual. The direct sum has 9
// ic in place of ic, and smaller magnitudes; measured, the two err alike. Of bf16 both transforms are rounded once
// more, by 2^-8 of their magnitudes each.
#pragma once

#include "kernels/igemm/igemm.h"

namespace keel::kernels {

/// Whether the algorithm exists for this geometry: 3x3, stride and dilation 1, paddings up to 2 on each side, channels
/// of whole panels.
bool winograd_serves(const Conv2dGeometry& g);
/// Whether the forward pass does, whose ic need not be whole panels.
bool winograd_forwards(const Conv2dGeometry& g);

/// Whether it is the faster one, by measurement: from some hundred pixels on, since the weights are transformed in each
/// pass.
bool winograd_wins(const Conv2dGeometry& g);
/// Whether the forward pass is, where its weights were transformed beforehand.
bool winograd_wins_transformed(const Conv2dGeometry& g, int columns);
/// The same as above of an ISA whose panels have so many columns.
bool winograd_serves(const Conv2dGeometry& g, int columns);
bool winograd_forwards(const Conv2dGeometry& g, int columns);
bool winograd_wins(const Conv2dGeometry& g, int columns);

/// The same of maps of `type` on an ISA. On matrix tiles products are so fast that the transforms, which are not, must
/// be of many channels and pixels: counted in cycles as published, where no such processor was at hand.
bool winograd_wins(const Conv2dGeometry& g, const Isa& isa, DType type);
bool winograd_wins_transformed(const Conv2dGeometry& g, const Isa& isa, DType type);

/// Returns the geometry whose forward pass backward data is, of flipped and transposed weights.
Conv2dGeometry winograd_backward_geometry(const Conv2dGeometry& g);

/// Do what igemm_forward and igemm_backward_data do, with any fusion that a 3x3 takes. Backward data is the forward
/// pass of the flipped, transposed weights with padding 2 - pad.
void winograd_forward(const Conv2dGeometry& g, ConstMap src, const float* weights, const IgemmFusion& fusion, Map dst);
void winograd_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const IgemmFusion& fusion,
                            Map diff_src);

/// Do the forward pass in two: the transformed weights [16][oc / columns][ic][columns], once, and what remains. For
/// maps of bf16 igemm_pair_weights() pairs them.
std::int64_t winograd_weights_floats(const Conv2dGeometry& g);
void winograd_transform_weights(const Conv2dGeometry& g, const float* weights, float* transformed);
void winograd_forward_transformed(const Conv2dGeometry& g, ConstMap src, const float* transformed,
                                  const IgemmFusion& fusion, Map dst);

/// Does what igemm_backward_weights does, by the transpose of the forward pass's linear map of the weights: G^T [ sum
/// over tiles of (B^T d B) (A diff_dst A^T) ] G. Within (tiles + 16) u of the truth, times the same sum of magnitudes.
/// The result does not depend on the number of threads.
void winograd_backward_weights(const Conv2dGeometry& g, ConstMap src, const ConvAffine& src_affine, ConstMap diff_dst,
                               float* diff_weights);

}  // namespace keel::kernels
