// This program's kernels are the AVX-512 variants on emulated intrinsics, and those on matrix tiles on tiles in plain
// loops; the tests linked with it exercise them.
#include "kernels/dispatch.h"
#include "kernels/eltwise/variants.h"
#include "tests/kernels/qconv_problem.h"
#include "tests/support/isa.h"
#include "tests/support/tiles_use.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("the AVX-512 variants present themselves as AVX2 ones and are selected", "[emulated]") {
    CHECK(eltwise_avx512.isa == Isa::avx2);
    for (const QconvVariant* variant : {&qconv_avx512, &qconv_avx512_vnni, &qconv_amx})
        CHECK(variant->isa == Isa::avx2);
    if (!available_isas().back().includes(Isa::avx2)) return;
    const IsaScope forced(Isa::avx2);
    CHECK(&select(eltwise_variants) == &eltwise_avx512);
    CHECK(&select(qconv_variants) == &qconv_amx);
}

TEST_CASE("the kernel on tiles shapes them before it uses them, and gives them back", "[emulated]") {
    if (!available_isas().back().includes(qconv_amx.isa)) return;
    const qconv::Problem problem({qconv::square(2, 13, 72, 70, 3)}, 1);
    const int before = TileUse::configured;
    qconv::check_qconv(problem.c, qconv_amx, problem, problem.truth());
    CHECK(TileUse::configured > before);
    CHECK(TileUse::faults == 0);
    CHECK(TileUse::holders == 0);
}
