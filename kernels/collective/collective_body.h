// What ranks do between messages, in float lanes; see collective.h.
#pragma once

#include "kernels/collective/variants.h"
#include "kernels/simd/bf16.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

void add_received(std::int64_t n, const float* src, float* dst) {
    for_lanes(n,
              [&](std::int64_t i, auto lanes) { store(dst + i, load(dst + i, lanes) + load(src + i, lanes), lanes); });
}

/// Two windows, two ranks on a node, are the case that counts most: both pointers stay in registers.
void sum_of_two(std::int64_t n, float* a, float* b) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
        const Vec sum = load(a + i, lanes) + load(b + i, lanes);
        store(a + i, sum, lanes);
        store(b + i, sum, lanes);
    });
}

void sum_in_place(std::int64_t n, std::int64_t count, float* const* maps) {
    if (count == 2) return sum_of_two(n, maps[0], maps[1]);
    for_lanes(n, [&](std::int64_t i, auto lanes) {
        Vec sum = load(maps[0] + i, lanes);
        for (std::int64_t k = 1; k < count; ++k) sum = sum + load(maps[k] + i, lanes);
        for (std::int64_t k = 0; k < count; ++k) store(maps[k] + i, sum, lanes);
    });
}

void pack_bf16(std::int64_t n, const float* src, std::uint16_t* dst) {
    for_lanes(n, [&](std::int64_t i, auto lanes) { store_bf16(dst + i, load(src + i, lanes), lanes); });
}

void unpack_bf16(std::int64_t n, const std::uint16_t* src, float* dst) {
    for_lanes(n, [&](std::int64_t i, auto lanes) { store(dst + i, load_bf16(src + i, lanes), lanes); });
}

void add_bf16(std::int64_t n, const std::uint16_t* src, float* dst) {
    for_lanes(n, [&](std::int64_t i, auto lanes) {
        store(dst + i, load(dst + i, lanes) + load_bf16(src + i, lanes), lanes);
    });
}

constexpr CollectiveVariant<float> kCollective{kIsa, add_received, sum_in_place, pack_bf16, unpack_bf16, add_bf16};

}  // namespace
}  // namespace keel::kernels::simd
