// Conversion of decoded pixels to a network's input. T is float (dispatched by ISA) or double (the reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

struct ImageGeometry {
    std::int64_t pixels;
    int c;  ///< channels of src and dst, interleaved; 1 <= c
};

/// dst = (src / 255 - mean[channel]) / std[channel], for 8-bit pixels; dst is dense.
template <class T>
void normalize_u8(const ImageGeometry& g, const std::uint8_t* src, const float* mean, const float* std, T* dst);

/// dst = (src - mean[channel]) / std[channel], for pixels already in [0, 1]; src == dst is allowed.
template <class T>
void normalize(const ImageGeometry& g, const T* src, const float* mean, const float* std, T* dst);

}  // namespace keel::kernels
