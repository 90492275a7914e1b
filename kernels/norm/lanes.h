// The order in which all variants of layer norm add up a pixel's channels, so that all give the same bits: channel i
// goes to sum i % 16, and the sums are added in halves. Of internal linkage, for the files compiled for an ISA.
#pragma once

#include <stdint.h>

namespace keel::kernels {
namespace {

constexpr int kNormLanes = 16;

inline double total_of(double (&sums)[kNormLanes]) {
    for (int half = kNormLanes / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
    return sums[0];
}

/// Adds src[i], or the square of its distance from the mean, for i in [begin, end).
inline void add_values(int64_t begin, int64_t end, const float* src, double (&sums)[kNormLanes]) {
    for (int64_t i = begin; i < end; ++i) sums[i % kNormLanes] += static_cast<double>(src[i]);
}
inline void add_squares(int64_t begin, int64_t end, const float* src, double mean, double (&sums)[kNormLanes]) {
    for (int64_t i = begin; i < end; ++i) {
        const double difference = static_cast<double>(src[i]) - mean;
        sums[i % kNormLanes] += difference * difference;
    }
}

/// dst[i] = (src[i] - mean) * factor * scale[i] + shift[i] for i in [begin, end), rounded to float once.
inline void write_normalized(int64_t begin, int64_t end, const float* src, double mean, double factor,
                             const float* scale, const float* shift, float* dst) {
    for (int64_t i = begin; i < end; ++i) {
        double value = (static_cast<double>(src[i]) - mean) * factor;
        if (scale != nullptr) value *= static_cast<double>(scale[i]);
        if (shift != nullptr) value += static_cast<double>(shift[i]);
        dst[i] = static_cast<float>(value);
    }
}

}  // namespace
}  // namespace keel::kernels
