// Binary arithmetic in float lanes; see binary.h for what it computes.
#pragma once

#include "kernels/binary/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

/// b where both are numbers and equal, a NaN where either is one.
inline Vec larger(Vec a, Vec b) { return choose(equal(a, a), max(a, b), a); }
inline Vec smaller(Vec a, Vec b) { return choose(equal(a, a), min(a, b), a); }

template <class Operation>
void binary_rows(const BinaryRows& g, const float* src, const float* other, float* dst, Operation operation) {
    for (std::int64_t r = 0; r < g.rows; ++r, src += g.src_ld, other += g.other_ld, dst += g.dst_ld) {
        if (g.other_channel == 0) {
            const Vec same = broadcast(*other);
            for_lanes(
                g.c, [&](std::int64_t i, auto lanes) { store(dst + i, operation(load(src + i, lanes), same), lanes); });
        } else {
            for_lanes(g.c, [&](std::int64_t i, auto lanes) {
                store(dst + i, operation(load(src + i, lanes), load(other + i, lanes)), lanes);
            });
        }
    }
}

void binary_run(const BinaryRows& g, BinaryKind kind, bool swapped, const float* src, const float* other, float* dst) {
    const auto run = [&](auto operation) {
        if (swapped)
            binary_rows(g, src, other, dst, [&](Vec a, Vec b) { return operation(b, a); });
        else
            binary_rows(g, src, other, dst, operation);
    };
    switch (kind) {
        case BinaryKind::add:
            return run([](Vec a, Vec b) { return a + b; });
        case BinaryKind::sub:
            return run([](Vec a, Vec b) { return a - b; });
        case BinaryKind::mul:
            return run([](Vec a, Vec b) { return a * b; });
        case BinaryKind::div:
            return run([](Vec a, Vec b) { return a / b; });
        case BinaryKind::max:
            return run([](Vec a, Vec b) { return larger(a, b); });
        case BinaryKind::min:
            return run([](Vec a, Vec b) { return smaller(a, b); });
        case BinaryKind::pow:
            break;  // binary.cpp
    }
}

constexpr BinaryVariant kBinary{kIsa, binary_run};

}  // namespace
}  // namespace keel::kernels::simd
