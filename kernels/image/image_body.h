// Image normalisation in float lanes; see variants.h for the contract.
#pragma once

#include "kernels/image/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// load_source(i, lanes) gives the elements from i on.
template <class LoadSource>
inline void apply(std::int64_t n, const ImagePattern<float>& pattern, float* dst, LoadSource load_source) {
    for (std::int64_t begin = 0; begin < n; begin += pattern.period) {
        const std::int64_t length = n - begin < pattern.period ? n - begin : pattern.period;
        for_lanes(length, [&](std::int64_t i, auto lanes) {
            const Vec centred = load_source(begin + i, lanes) - load(pattern.offset + i, lanes);
            store(dst + begin + i, centred * load(pattern.factor + i, lanes), lanes);
        });
    }
}

void normalize_u8(std::int64_t n, const ImagePattern<float>& pattern, const std::uint8_t* src, float* dst) {
    apply(n, pattern, dst, [=](std::int64_t i, auto lanes) { return load_bytes(src + i, lanes); });
}

void normalize(std::int64_t n, const ImagePattern<float>& pattern, const float* src, float* dst) {
    apply(n, pattern, dst, [=](std::int64_t i, auto lanes) { return load(src + i, lanes); });
}

constexpr ImageVariant<float> kImage{kIsa, normalize_u8, normalize};

}  // namespace
}  // namespace keel::kernels::simd
