// This program's kernels are the AVX-512 variants on emulated intrinsics, and those on matrix tiles on tiles in plain
// loops; the tests linked with it exercise them.
#include "kernels/dispatch.h"
#include "kernels/eltwise/variants.h"
#include "kernels/igemm/variants.h"
#include "kernels/igemm/winograd.h"
#include "tests/kernels/halves.h"
#include "tests/kernels/qconv_problem.h"
#include "tests/support/isa.h"
#include "tests/support/tiles_use.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("the AVX-512 variants present themselves as AVX2 ones and are selected", "[emulated]") {
    CHECK(eltwise_avx512.isa == Isa::avx2);
    for (const QconvVariant* variant : {&qconv_avx_vnni, &qconv_avx512, &qconv_avx512_vnni, &qconv_amx})
        CHECK(variant->isa == Isa::avx2);
    for (const IgemmBf16Variant* variant : {&igemm_bf16_avx512, &igemm_bf16_avx512_bf16, &igemm_bf16_amx})
        CHECK(variant->isa == Isa::avx2);
    if (!available_isas().back().includes(Isa::avx2)) return;
    const IsaScope forced(Isa::avx2);
    CHECK(&select(eltwise_variants) == &eltwise_avx512);
    CHECK(&select(qconv_variants) == &qconv_amx);
    CHECK(&select(igemm_bf16_variants) == &igemm_bf16_amx);
}

TEST_CASE("convolutions of bf16 on tiles shape them before they use them, and give them back", "[emulated]") {
    if (!available_isas().back().includes(igemm_bf16_amx.isa)) return;
    const IsaScope forced(igemm_bf16_amx.isa);
    const ThreadScope team(2);
    const std::int64_t c = igemm_columns();
    // Depths of whole steps and others, 3x3 of few and of many pixels (Winograd's algorithm), several images to a tile.
    for (const Conv2dGeometry& g : {Conv2dGeometry{3, c, 7, 7, c, 1, 1}, Conv2dGeometry{1, 3 * c / 2, 5, 5, c, 3, 3},
                                    Conv2dGeometry{2, c, 9, 8, 2 * c, 3, 3, 2, 2, 1, 1}}) {
        const Halves src(static_cast<std::size_t>(g.n * g.ih * g.iw * g.ic), to_bf16(0.5F));
        const std::vector<float> weights(static_cast<std::size_t>(g.weights_elements()), 0.25F);
        Halves dst(static_cast<std::size_t>(g.n * g.oh() * g.ow() * g.oc)), back(src.size());
        std::vector<float> gradient(weights.size());
        const int before = TileUse::configured;
        const auto map = [](Halves& halves, std::int64_t ld) { return Map{halves.data(), ld, DType::bf16}; };
        const ConstMap read{src.data(), g.ic, DType::bf16};
        igemm_forward(g, read, weights.data(), {}, map(dst, g.oc));
        if (igemm_serves(g)) {
            const ConstMap diff{dst.data(), g.oc, DType::bf16};
            igemm_backward_data(g, diff, weights.data(), {}, map(back, g.ic));
            igemm_backward_weights(g, read, {}, diff, gradient.data());
            if (winograd_serves(g)) winograd_backward_weights(g, read, {}, diff, gradient.data());
        }
        CHECK(TileUse::configured > before);
        CHECK(TileUse::faults == 0);
        CHECK(TileUse::holders == 0);
    }
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
