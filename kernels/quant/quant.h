// Quantized values: u8 numbers q that stand for real ones, scale[c] * (q - zero[c]) in channel c. To and from floats,
// and pooling of them. Every result is the same on every ISA, for any number of threads, bit for bit;
// docs/quantization.md has the arithmetic. "To the nearest quantized value" rounds halves to the even one and saturates
// at 0 and 255; a NaN becomes 0, and quantize() tells of it.
#pragma once

#include <cstdint>

#include "kernels/eltwise/eltwise.h"
#include "kernels/pool/pool.h"

namespace keel::kernels {

/// An NHWC map of quantized values: its first element, and the distance between pixels.
struct ConstQuantizedMap {
    const std::uint8_t* data = nullptr;
    std::int64_t ld = 0;
};
struct QuantizedMap {
    std::uint8_t* data = nullptr;
    std::int64_t ld = 0;
};

/// What a map's quantized values go through, channel by channel, as they are read; all null: nothing.
struct QuantPrologue {
    const std::uint8_t *low = nullptr, *high = nullptr;  ///< min(max(q, low), high)
    const float *scale = nullptr, *shift = nullptr;      ///< else: q * scale + shift, to the nearest (even), saturating
};

/// Computes dst = src * scale[c] + shift[c], to the nearest quantized value; one fused multiply-add. Returns false where
/// one of these is NaN or infinite, which no quantized value stands for.
bool quantize(const UnaryGeometry& g, const float* src, const float* scale, const float* shift, std::uint8_t* dst);

/// Computes dst = src * scale[c] + shift[c]; one fused multiply-add.
void dequantize(const UnaryGeometry& g, const std::uint8_t* src, const float* scale, const float* shift, float* dst);

/// Computes dst = maximum of prologue(src) over the window's pixels inside the map.
void quant_max_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantPrologue& prologue, std::uint8_t* dst);

/// An average, and what stands around it: v = (sum of prologue(src) over the window) * (1 / area) * scale[c] +
/// shift[c]: the sum in s32, a multiplication in float, a fused multiply-add. dst is v to the nearest quantized value,
/// or v itself in floats.
struct QuantAverage {
    QuantPrologue prologue;
    const std::uint8_t* pad = nullptr;  ///< [c]: those outside the map, as if read through `prologue`; null: 0
    const float *scale = nullptr, *shift = nullptr;  ///< [c]
    std::uint8_t* dst = nullptr;                     ///< this,
    float* floats = nullptr;                         ///< or this
};

/// Averages over windows of kh * kw, the area.
void quant_avg_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantAverage& average);

/// Averages over the windows of adaptive_avg_pool_forward (kernels/pool/pool.h), and their areas.
void quant_adaptive_avg_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantAverage& average);

}  // namespace keel::kernels
