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

bool all_finite(std::int64_t n, const float* src) {
    Vec spoiled{};  // 0 * x is 0 for every finite x, else NaN
    for_lanes(n, [&](std::int64_t i, auto lanes) { spoiled = fma(Vec{}, load(src + i, lanes), spoiled); });
    double sums[kWidth] = {};
    add_to(sums, widen(spoiled));
    return sum(sums) == 0;
}

constexpr ReduceVariant<float> kReduce{kIsa, sum_of_squares, all_finite};

}  // namespace
}  // namespace keel::kernels::simd
