// Dropout with sixteen Philox blocks side by side: plain loops over arrays, which compilers turn into vectors themselves.
#pragma once

#include "kernels/dropout/variants.h"

namespace keel::kernels::simd {
namespace {

constexpr int kBlocks = 16, kBatch = 4 * kBlocks;

/// words[w][b] = word w of block first + b; philox4x32 of kernels/random.h.
inline void philox(std::uint64_t first, std::uint64_t key, std::uint32_t (&words)[4][kBlocks]) {
    auto& [c0, c1, c2, c3] = words;
    for (int b = 0; b < kBlocks; ++b) {
        const std::uint64_t block = first + static_cast<std::uint64_t>(b);
        c0[b] = static_cast<std::uint32_t>(block);
        c1[b] = static_cast<std::uint32_t>(block >> 32);
        c2[b] = c3[b] = 0;
    }
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85)
        for (int b = 0; b < kBlocks; ++b) {
            const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0[b], p1 = std::uint64_t{0xCD9E8D57} * c2[b];
            c0[b] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[b] ^ k0;
            c1[b] = static_cast<std::uint32_t>(p1);
            c2[b] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[b] ^ k1;
            c3[b] = static_cast<std::uint32_t>(p0);
        }
}

void dropout(std::int64_t n, const DropoutStep& step, float scale, const float* src, float* dst) {
    std::uint32_t words[4][kBlocks];
    std::uint64_t block = step.first_block;
    for (std::int64_t begin = 0; begin < n; begin += kBatch, block += kBlocks) {
        philox(block, step.key, words);
        const std::int64_t end = n - begin < kBatch ? n - begin : kBatch;
        for (std::int64_t i = 0; i < end; ++i)
            dst[begin + i] = words[i % 4][i / 4] < step.threshold ? 0.0F : scale * src[begin + i];
    }
}

constexpr DropoutVariant<float> kDropout{kIsa, dropout};

}  // namespace
}  // namespace keel::kernels::simd
