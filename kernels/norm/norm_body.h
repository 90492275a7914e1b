// Layer norm in lanes of double; see norm.h for what it computes and sum_order.h for the order of its sums.
#pragma once

#include "kernels/norm/lanes.h"
#include "kernels/norm/variants.h"
#include "kernels/simd/ordered_sums.h"

namespace keel::kernels::simd {
namespace {

void layer_norm(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                float* dst) {
    const auto count = static_cast<double>(g.c);
    const std::int64_t whole = g.c / kSumLanes * kSumLanes;
    for (std::int64_t p = 0; p < g.pixels; ++p, src += g.src_ld, dst += g.dst_ld) {
        double sums[kSumLanes] = {}, squares[kSumLanes] = {};
        add_whole(whole, sums, [&](std::int64_t i) { return wide_at(src + i); });
        add_values(whole, g.c, src, sums);
        const double mean = total_of(sums) / count;
        const Wide center = wide(mean);
        add_whole(whole, squares, [&](std::int64_t i) {
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
