// This program's kernels are the AVX-512 variants on emulated intrinsics; the tests linked with it exercise them.
#include "kernels/dispatch.h"
#include "kernels/eltwise/variants.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;

TEST_CASE("the AVX-512 variants present themselves as AVX2 ones and are selected", "[emulated]") {
    CHECK(eltwise_avx512.isa == Isa::avx2);
    if (!available_isas().back().includes(Isa::avx2)) return;
    const IsaScope forced(Isa::avx2);
    CHECK(&select(eltwise_variants) == &eltwise_avx512);
}
