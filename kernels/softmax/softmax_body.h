// Softmax in float lanes; see softmax.h for what it computes. Over one lane it is the scalar variant.
#pragma once

#include "kernels/simd/exp.h"
#include "kernels/simd/loops.h"
#include "kernels/simd/ordered_sums.h"
#include "kernels/softmax/variants.h"

namespace keel::kernels::simd {
namespace {

float largest(std::int64_t c, const float* src) {
    float found = src[0];
    std::int64_t i = 0;
    if (c >= kWidth) {
        Vec most = load(src, AllLanes{});
        for (i = kWidth; i + kWidth <= c; i += kWidth) most = max(load(src + i, AllLanes{}), most);
        float lanes[kWidth];
        store(lanes, most, AllLanes{});
        found = lanes[0];
        for (const float value : lanes) found = value > found ? value : found;
    }
    for (; i < c; ++i) found = src[i] > found ? src[i] : found;
    return found;
}

double exponentials(std::int64_t c, const float* src, float largest, float* dst) {
    constexpr std::int64_t kBlock = 512;  // of exponentials that nobody wants
    float block[kBlock];
    double sums[kSumLanes] = {};
    const Vec top = broadcast(largest);
    for (std::int64_t first = 0; first < c; first += kBlock) {
        const std::int64_t count = c - first < kBlock ? c - first : kBlock, whole = count / kSumLanes * kSumLanes;
        float* to = dst != nullptr ? dst + first : block;
        for_lanes(count, [&](std::int64_t i, auto lanes) {
            store(to + i, exp_nonpositive(load(src + first + i, lanes) - top), lanes);
        });
        add_whole(whole, sums, [&](std::int64_t i) { return wide_at(to + i); });
        add_values(whole, count, to, sums);
    }
    return total_of(sums);
}

void divide(std::int64_t c, float divisor, float* dst) {
    const Vec by = broadcast(divisor);
    for_lanes(c, [&](std::int64_t i, auto lanes) { store(dst + i, load(dst + i, lanes) / by, lanes); });
}

void subtract(std::int64_t c, const float* src, float first, float second, float* dst) {
    const Vec a = broadcast(first), b = broadcast(second);
    for_lanes(c, [&](std::int64_t i, auto lanes) { store(dst + i, (load(src + i, lanes) - a) - b, lanes); });
}

constexpr SoftmaxVariant kSoftmax{kIsa, largest, exponentials, divide, subtract};

}  // namespace
}  // namespace keel::kernels::simd
