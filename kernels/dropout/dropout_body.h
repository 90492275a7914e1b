// Dropout with several Philox blocks side by side, one in each 64-bit lane.
#pragma once

#include <string.h>

#include "kernels/dropout/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

constexpr int kBlocks = sizeof(Words) / sizeof(std::uint64_t), kBatch = 4 * kBlocks;

/// kept[4 * b + w] has all bits set where word w of block first + b is not below the threshold, else none; philox4x32
/// of kernels/random.h. Of the lanes, only the low halves count.
inline void philox_at_least(const DropoutStep& step, std::uint64_t first, float (&kept)[kBatch]) {
    Words c0{}, c2{}, c3{};
    for (int b = 0; b < kBlocks; ++b) c0[b] = first + static_cast<std::uint64_t>(b);
    Words c1 = c0 >> 32;
    auto k0 = static_cast<std::uint32_t>(step.key), k1 = static_cast<std::uint32_t>(step.key >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
        const Words p0 = multiply_low(c0, Words{} + 0xD2511F53U), p1 = multiply_low(c2, Words{} + 0xCD9E8D57U);
        c0 = (p1 >> 32) ^ c1 ^ k0;
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ k1;
        c3 = p0;
    }
    // the sign of word - threshold, spread over the lane: a branch on random bits would be mispredicted every other
    // time
    const auto below = [&](Words c) { return Words{} - (((c & 0xFFFFFFFFU) - step.threshold) >> 63); };
    const auto pair = [&](Words a, Words b) { return ~((below(a) & 0xFFFFFFFFU) | (below(b) << 32)); };
    const Words low = pair(c0, c1), high = pair(c2, c3);
    for (int b = 0; b < kBlocks; ++b) {
        const std::uint64_t block[2] = {low[b], high[b]};
        memcpy(kept + 4 * b, block, sizeof block);
    }
}

inline Vec bits_of_both(Vec a, Vec b) {
    return reinterpret_cast<Vec>(reinterpret_cast<Words>(a) & reinterpret_cast<Words>(b));
}

void dropout(std::int64_t n, const DropoutStep& step, float scale, const float* src, float* dst) {
    float kept[kBatch];
    std::uint64_t block = step.first_block;
    for (std::int64_t begin = 0; begin < n; begin += kBatch, block += kBlocks) {
        philox_at_least(step, block, kept);
        for_lanes(n - begin < kBatch ? n - begin : kBatch, [&](std::int64_t i, auto lanes) {
            const Vec scaled = broadcast(scale) * load(src + begin + i, lanes);
            store(dst + begin + i, bits_of_both(load(kept + i, AllLanes{}), scaled), lanes);
        });
    }
}

constexpr DropoutVariant<float> kDropout{kIsa, dropout};

}  // namespace
}  // namespace keel::kernels::simd
