// Sums in the order of sum_order.h, in lanes of double; include avx2.h, avx512.h or one_lane.h first.
#pragma once

#include "kernels/simd/sum_order.h"

namespace keel::kernels::simd {
namespace {

inline Wide wide_at(const float* p) { return widen(load(p, AllLanes{})); }

/// Adds terms(i), a Wide, for i = 0, kWidth, ... below `whole`, a multiple of kSumLanes.
template <class Terms>
inline void add_whole(std::int64_t whole, double (&sums)[kSumLanes], Terms terms) {
    constexpr int kParts = kSumLanes / static_cast<int>(kWidth);
    Wide parts[kParts];
    for (int k = 0; k < kParts; ++k) parts[k] = load_wide(sums + k * kWidth);
    for (std::int64_t i = 0; i < whole; i += kSumLanes)
        for (int k = 0; k < kParts; ++k) parts[k] = parts[k] + terms(i + k * kWidth);
    for (int k = 0; k < kParts; ++k) store_wide(sums + k * kWidth, parts[k]);
}

}  // namespace
}  // namespace keel::kernels::simd
