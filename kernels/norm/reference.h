// Plain loops: the scalar variant.
#pragma once

#include <cmath>

#include "kernels/norm/lanes.h"
#include "kernels/norm/variants.h"

namespace keel::kernels::reference {

inline void layer_norm(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                       float* dst) {
    const auto count = static_cast<double>(g.c);
    for (std::int64_t p = 0; p < g.pixels; ++p, src += g.src_ld, dst += g.dst_ld) {
        double sums[kSumLanes] = {}, squares[kSumLanes] = {};
        add_values(0, g.c, src, sums);
        const double mean = total_of(sums) / count;
        add_squares(0, g.c, src, mean, squares);
        const double factor = 1 / std::sqrt(total_of(squares) / count + static_cast<double>(eps));
        write_normalized(0, g.c, src, mean, factor, scale, shift, dst);
    }
}

}  // namespace keel::kernels::reference
