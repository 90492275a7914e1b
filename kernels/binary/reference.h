// Plain loops: the scalar variant.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/binary/variants.h"

namespace keel::kernels::reference {

inline float larger(float a, float b) { return a > b || std::isnan(a) ? a : b; }
inline float smaller(float a, float b) { return a < b || std::isnan(a) ? a : b; }

inline float power(float a, float b) {
    if (b == 2) return a * a;
    if (b == 3) return static_cast<float>(static_cast<double>(a) * a * a);  // the first product is exact
    if (b == 0.5F)
        return a == -std::numeric_limits<float>::infinity() ? std::numeric_limits<float>::infinity() : std::sqrt(a + 0);
    return static_cast<float>(std::pow(static_cast<double>(a), static_cast<double>(b)));
}

/// Calls f(kind's operation), a function of two floats.
template <class F>
void with_operation(BinaryKind kind, F f) {
    switch (kind) {
        case BinaryKind::add:
            return f([](float a, float b) { return a + b; });
        case BinaryKind::sub:
            return f([](float a, float b) { return a - b; });
        case BinaryKind::mul:
            return f([](float a, float b) { return a * b; });
        case BinaryKind::div:
            return f([](float a, float b) { return a / b; });
        case BinaryKind::max:
            return f([](float a, float b) { return larger(a, b); });
        case BinaryKind::min:
            return f([](float a, float b) { return smaller(a, b); });
        case BinaryKind::pow:
            return f([](float a, float b) { return power(a, b); });
    }
}

inline void binary_rows(const BinaryRows& g, BinaryKind kind, bool swapped, const float* src, const float* other,
                        float* dst) {
    with_operation(kind, [&](auto operation) {
        for (std::int64_t r = 0; r < g.rows; ++r)
            for (std::int64_t i = 0; i < g.c; ++i) {
                const float a = src[r * g.src_ld + i], b = other[r * g.other_ld + i * g.other_channel];
                dst[r * g.dst_ld + i] = swapped ? operation(b, a) : operation(a, b);
            }
    });
}

}  // namespace keel::kernels::reference
