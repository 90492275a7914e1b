// Element-wise kernels with parameters of each channel, or one for all, over matrices of `rows` pixels (eltwise.h).
// Single operations, each rounded once: the same bits on every ISA.
#pragma once

#include <cstdint>

#include "kernels/eltwise/eltwise.h"

namespace keel::kernels {

/// dst = src < 0 ? slope * src : src; a NaN stays NaN. slope[i * slope_step] is that of channel i, slope_step 0 or 1.
void prelu_forward(const UnaryGeometry& g, const float* src, const float* slope, std::int64_t slope_step, float* dst);

/// The whole numbers low - zero and high - zero of magnitude 2^20 at most, and the scale.
struct FakeQuantization {
    float scale, low, high;
};

/// dst = scale * q for q = src / scale clamped to [low, high] and rounded to the nearest whole number, the even one of
/// two; NaN of a NaN or an infinity, which none of them stands for. parameters[i * step] are those of channel i, step 0
/// or 1.
void fake_quantize(const UnaryGeometry& g, const float* src, const FakeQuantization* parameters, std::int64_t step,
                   float* dst);

}  // namespace keel::kernels
