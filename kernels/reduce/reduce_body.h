// Reductions in float lanes, squares and sums in double: no square overflows.
#pragma once

#include "kernels/reduce/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

double sum_of_squares(std::int64_t n, const float* src) {
    Wide total{};
    for_lanes(n, [&](std::int64_t i, auto lanes) {
        const Wide x = widen(load(src + i, lanes));
        total = fma(x, x, total);
    });
    double sums[kWidth] = {};
    add_to(sums, total);
    return sum(sums);
}

bool all_finite(std::int64_t n, const float* src, float factor) {
    Vec spoiled{};
    for_lanes(n, [&](std::int64_t i, auto lanes) { spoil(spoiled, load(src + i, lanes) * broadcast(factor)); });
    return unspoiled(spoiled);
}

constexpr ReduceVariant<float> kReduce{kIsa, sum_of_squares, all_finite};

}  // namespace
}  // namespace keel::kernels::simd
