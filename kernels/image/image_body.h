// Image resampling in float lanes; see image.h for the contract. Not fused: all variants round alike.
#pragma once

#include "kernels/image/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

void blend_rows(const RowBlend& b, const float* weights, const std::uint8_t* src, float* dst) {
    for_lanes(b.n, [&](std::int64_t i, auto lanes) {
        Vec sum{};
        for (int k = 0; k < b.count; ++k) sum = sum + broadcast(weights[k]) * load_bytes(src + k * b.ld + i, lanes);
        store(dst + i, sum, lanes);
    });
}

constexpr ImageVariant kImage{kIsa, blend_rows};

}  // namespace
}  // namespace keel::kernels::simd
