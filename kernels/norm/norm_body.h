// Layer norm in lanes of double; see norm.h for what it computes and lanes.h for the order of its sums.
#pragma once

#include "kernels/norm/lanes.h"
#include "kernels/norm/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

constexpr int kParts = kNormLanes / static_cast<int>(kWidth);

inline Wide wide_at(const float* p) { return widen(load(p, AllLanes{})); }

/// Adds terms(i) for i = 0, kWidth, ... below `whole`, a multiple of kNormLanes.
template <class TermsAt>
inline void add_terms(std::int64_t whole, double (&sums)[kNormLanes], TermsAt terms) {
    Wide parts[kParts];
    for (Wide& part : parts) part = wide(0);
    for (std::int64_t i = 0; i < whole; i += kNormLanes)
        for (int k = 0; k < kParts; ++k) parts[k] = parts[k] + terms(i + k * kWidth);
    for (int k = 0; k < kParts; ++k) store_wide(sums + k * kWidth, parts[k]);
}

void layer_norm(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                float* dst) {
    const auto count = static_cast<double>(g.c);
    const std::int64_t whole = g.c / kNormLanes * kNormLanes;
    for (std::int64_t p = 0; p < g.pixels; ++p, src += g.src_ld, dst += g.dst_ld) {
        double sums[kNormLanes], squares[kNormLanes];
        add_terms(whole, sums, [&](std::int64_t i) { return wide_at(src + i); });
        add_values(whole, g.c, src, sums);
        const double mean = total_of(sums) / count;
        const Wide center = wide(mean);
        add_terms(whole, squares, [&](std::int64_t i) {
            const Wide difference = wide_at(src + i) - center;
            return difference * difference;
        });
        add_squares(whole, g.c, src, mean, squares);
        const double factor = 1 / __builtin_sqrt(total_of(squares) / count + static_cast<double>(eps));
        const Wide slope = wide(factor);
        for (std::int64_t i = 0; i < whole; i += kWidth) {
            Wide value = (wide_at(src + i) - center) * slope;
            if (scale != nullptr) value = value * wide_at(scale + i);
            if (shift != nullptr) value = value + wide_at(shift + i);
            store(dst + i, narrow(value), AllLanes{});
        }
        write_normalized(whole, g.c, src, mean, factor, scale, shift, dst);
    }
}

constexpr NormVariant kNorm{kIsa, layer_norm};

}  // namespace
}  // namespace keel::kernels::simd
