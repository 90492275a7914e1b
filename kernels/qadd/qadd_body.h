// Sums of quantized values over the vector wrapper; see variants.h. Include avx2_integers.h or avx512_integers.h first.
#pragma once

#include "kernels/qadd/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

inline void qadd(const BinaryGeometry& g, const std::uint8_t* src0, const std::uint8_t* src1, const QaddFactors& f,
                 std::uint8_t* dst) {
    const Vec least = broadcast(f.least), most = broadcast(255);
    for (std::int64_t r = 0; r < g.rows; ++r, src0 += g.src0_ld, src1 += g.src1_ld, dst += g.dst_ld)
        for_lanes(g.c, [&](std::int64_t i, auto lanes) {
            const Vec a = fma(load_bytes(src0 + i, lanes), load(f.scale + i, lanes), load(f.shift + i, lanes));
            const Vec v = fma(load_bytes(src1 + i, lanes), load(f.other_scale + i, lanes), a);
            store_bytes(dst + i, min(max(v, least), most), lanes);
        });
}

constexpr QaddVariant kQadd{kIsa, qadd};

}  // namespace
}  // namespace keel::kernels::simd
