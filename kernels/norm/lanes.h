// What all variants of layer norm do with the channels that are no whole vectors, and the scalar one with all of them:
// the same operations in the same order (kernels/simd/sum_order.h), so that all give the same bits.
#pragma once

#include "kernels/simd/sum_order.h"

namespace keel::kernels {
namespace {

/// Adds the squares of src[i] - mean for i in [begin, end).
inline void add_squares(int64_t begin, int64_t end, const float* src, double mean, double (&sums)[kSumLanes]) {
    for (int64_t i = begin; i < end; ++i) {
        const double difference = static_cast<double>(src[i]) - mean;
        sums[i % kSumLanes] += difference * difference;
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
