// Codes: u8 numbers q that stand for real ones, scale[c] * (q - zero[c]) in channel c. To and from floats, and pooling of them.
// Every result is the same on every ISA, for any number of threads, bit for bit; docs/quantization.md has the arithmetic. "To the
// nearest code" rounds halves to the even one and saturates at 0 and 255; a NaN becomes 0.
#pragma once

#include <cstdint>

#include "kernels/eltwise/eltwise.h"
#include "kernels/pool/pool.h"

namespace keel::kernels {

/// An NHWC map of codes: its first element, and the distance between pixels.
struct ConstCodes {
    const std::uint8_t* data = nullptr;
    std::int64_t ld = 0;
};
struct Codes {
    std::uint8_t* data = nullptr;
    std::int64_t ld = 0;
};

/// What a map's codes go through, channel by channel, as they are read; all null: nothing.
struct QuantBefore {
    const std::uint8_t *low = nullptr, *high = nullptr;  ///< min(max(q, low), high)
    const float *scale = nullptr, *shift = nullptr;      ///< else: q * scale + shift, to the nearest code (even), saturating
};

/// dst = src * scale[c] + shift[c], to the nearest code; one fused multiply-add.
void quantise(const UnaryGeometry& g, const float* src, const float* scale, const float* shift, std::uint8_t* dst);

/// dst = src * scale[c] + shift[c]; one fused multiply-add.
void dequantise(const UnaryGeometry& g, const std::uint8_t* src, const float* scale, const float* shift, float* dst);

/// dst = maximum of before(src) over the window's pixels inside the map.
void quant_max_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantBefore& before, std::uint8_t* dst);

/// Average, and what stands around it: v = (sum of before(src) over the window) * (1 / area) * scale[c] + shift[c]: the sum in s32,
/// a multiplication in float, a fused multiply-add. dst is v to the nearest code, or v itself in floats.
struct QuantAverage {
    QuantBefore before;
    const std::uint8_t* pad = nullptr;               ///< [c]: the codes outside the map, as if read through `before`; null: 0
    const float *scale = nullptr, *shift = nullptr;  ///< [c]
    std::uint8_t* dst = nullptr;                     ///< this,
    float* floats = nullptr;                         ///< or this
};

/// Over windows of kh * kw, the area.
void quant_avg_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantAverage& average);

/// Over the windows of adaptive_avg_pool_forward (kernels/pool/pool.h), and their areas.
void quant_adaptive_avg_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantAverage& average);

}  // namespace keel::kernels
