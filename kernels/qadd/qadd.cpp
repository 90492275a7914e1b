#include "kernels/qadd/qadd.h"

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/qadd/variants.h"

namespace keel::kernels {

void quant_add(const BinaryGeometry& g, const std::uint8_t* src0, const std::uint8_t* src1, const QaddFactors& factors,
               std::uint8_t* dst) {
    constexpr std::int64_t kGrain = 32768;  // quantized values worth waking a thread for
    const profile::Span span("quant_add", profile::per_element<std::uint8_t>(g.rows * g.c, 4, 3));
    const auto run = select(qadd_variants).run;
    parallel_for(g.rows, std::max<std::int64_t>(1, kGrain / g.c), [&](std::int64_t begin, std::int64_t end) {
        run({end - begin, g.c, g.src0_ld, g.src1_ld, g.dst_ld}, src0 + begin * g.src0_ld, src1 + begin * g.src1_ld,
            factors, dst + begin * g.dst_ld);
    });
}

}  // namespace keel::kernels
