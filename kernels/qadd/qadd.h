// The sum of two maps of quantized values (kernels/quant/quant.h). The same on every ISA, for any number of threads,
// bit for bit: two fused multiply-adds, each rounded once, and a rounding to the nearest.
#pragma once

#include <cstdint>

#include "kernels/eltwise/eltwise.h"

namespace keel::kernels {

/// Of each channel; finite.
struct QaddFactors {
    const float *scale, *other_scale, *shift;
    float least;  ///< of the result: a whole number, that of 0 where ReLU is wanted
};

/// Computes v = max(least, src0 * scale[c] + shift[c] + src1 * other_scale[c]), from left to right by fused
/// multiply-adds; dst = v to the nearest integer (even), 0 to 255. dst may be a source.
void quant_add(const BinaryGeometry& g, const std::uint8_t* src0, const std::uint8_t* src1, const QaddFactors& factors,
               std::uint8_t* dst);

}  // namespace keel::kernels
