// The order in which sums are made that are to be the same bits on every ISA: term i is added to sum i % 16, in double,
// and the sums are added in halves. Of internal linkage and without the STL, for the files compiled for an ISA.
#pragma once

#include <stdint.h>

namespace keel::kernels {
namespace {

constexpr int kSumLanes = 16;

inline double total_of(double (&sums)[kSumLanes]) {
    for (int half = kSumLanes / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
    return sums[0];
}

/// Adds src[i] for i in [begin, end).
inline void add_values(int64_t begin, int64_t end, const float* src, double (&sums)[kSumLanes]) {
    for (int64_t i = begin; i < end; ++i) sums[i % kSumLanes] += static_cast<double>(src[i]);
}

}  // namespace
}  // namespace keel::kernels
