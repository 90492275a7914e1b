// 3x3 convolutions of quantized values by Winograd's minimal filtering F(m x m, 3x3), m = 2 or 4 (Lavin & Gray,
// arXiv:1509.09308), in integers, and exact. An instruction multiplies half as many s16 as bytes, or as many where
// there is no VNNI, but F(4x4, 3x3) needs 36 products for 16 pixels of a channel where the direct sum needs 144, F(2x2,
// 3x3) 16 for 4 in place of 36.
//
// Source: V = B^T d B has integers for coefficients; of codes 0 ... 255 its elements are at most 68 * 255 = 17,340,
// which s16 holds. Weights: G g G^T has fractions, so row i of G is multiplied by s[i] = (1, 2, 2, 1) or (4, -6, -6,
// 24, 24, 1): U is of integers of at most 49 * 128 = 6,272. Their products are summed over the channels modulo 2^32.
// Result: A^T M A, where the i-th row counts 2 / s[i] or 24 / s[i], is a multiple of the sum, known modulo 2^32: of
// F(2x2, 3x3) 4 times the sum, of F(4x4, 3x3) 9 * 2^k times, k at most 6. An odd factor has an inverse modulo 2^32, and
// a shift divides by the rest where the sum fits what is left of 32 bits: it is less than 2^29 or 2^25 in magnitude. Of
// 115 and more channels it need not be; then channels are summed in pieces for which it is (weights tell how many:
// those of trained networks want one).
#pragma once

#include <cstddef>

#include "kernels/qconv/call.h"

namespace keel::kernels::qconv {

/// Whether the algorithm exists: 3x3, stride and dilation 1, no groups, a variant that has it.
bool winograd_serves(const Conv2dGeometry& g, const QconvVariant& variant);

/// Returns the edge of the tiles of the faster one of the algorithms, or 0 where the direct sum is, by measurement.
int fastest_winograd(const Conv2dGeometry& g, const QconvVariant& variant);

/// Packs weights [oc][ic][3][3] of s8 as [panel][position][ic / 2][columns][2] of s16, and the number of pieces.
void pack_winograd(const QconvPlan& plan, const std::int8_t* weights, std::byte* packed);

/// Returns the bytes of a part.
std::size_t winograd_part_bytes(const QconvCall& call, const QconvDivision& division);

/// Computes some tiles, those of `tiling` from tiles.begin on, of some panels. `memory` is that of a part.
void run_winograd(const QconvCall& call, const Tiling& tiling, Range tiles, Range panels, std::byte* memory);

}  // namespace keel::kernels::qconv
