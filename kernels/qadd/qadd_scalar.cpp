#include <algorithm>
#include <cmath>

#include "kernels/qadd/variants.h"

namespace keel::kernels {
namespace {

void run(const BinaryGeometry& g, const std::uint8_t* src0, const std::uint8_t* src1, const QaddFactors& f,
         std::uint8_t* dst) {
    for (std::int64_t r = 0; r < g.rows; ++r, src0 += g.src0_ld, src1 += g.src1_ld, dst += g.dst_ld)
        for (std::int64_t i = 0; i < g.c; ++i) {
            const auto q0 = static_cast<float>(src0[i]), q1 = static_cast<float>(src1[i]);
            const float v = std::fma(q1, f.other_scale[i], std::fma(q0, f.scale[i], f.shift[i]));
            dst[i] = static_cast<std::uint8_t>(std::nearbyint(std::min(255.0F, std::max(v, f.least))));
        }
}

}  // namespace

const QaddVariant qadd_scalar{Isa::scalar, run};

}  // namespace keel::kernels
