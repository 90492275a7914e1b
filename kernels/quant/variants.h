// The variants of work on quantized values: serial, over rows or one pixel's window.
#pragma once

#include "kernels/isa.h"
#include "kernels/quant/quant.h"

namespace keel::kernels {

/// The pixels of a window, of c channels each.
struct QuantWindow {
    const std::uint8_t* const* src;
    int count;
    int outside;         ///< so many more of `pad` belong to a sum
    float inverse_area;  ///< of an average
    std::int64_t c;
};

struct QuantVariant {
    Isa isa;
    bool (*quantize)(const UnaryGeometry& g, const float* src, const float* scale, const float* shift,
                     std::uint8_t* dst);
    void (*dequantize)(const UnaryGeometry& g, const std::uint8_t* src, const float* scale, const float* shift,
                       float* dst);
    void (*maximum)(const QuantWindow& w, const QuantPrologue& prologue, std::uint8_t* dst);
    /// average.dst or average.floats is the pixel's place.
    void (*average)(const QuantWindow& w, const QuantAverage& average);
};

extern const QuantVariant quant_avx512, quant_avx2, quant_scalar;
inline constexpr const QuantVariant* quant_variants[] = {&quant_avx512, &quant_avx2, &quant_scalar};

}  // namespace keel::kernels
