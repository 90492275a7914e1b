// Convolutions of bf16 maps, on every ISA and several team sizes, against the plain loops in double precision over the
// same rounded numbers.
#include <cmath>
#include <vector>

#include "kernels/igemm/division.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/winograd.h"
#include "kernels/parallel.h"
#include "tests/kernels/halves.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// A dense map of halves with its pixels `ld` apart; canaries between them.
Halves spread_halves(const Floats& dense, std::int64_t channels, std::int64_t ld) {
    return rounded(spread(dense, channels, ld));
}

/// Sums in f32 err as bounds() says; the result is rounded once more.
Doubles rounded_bounds(const Doubles& sizes, const Doubles& truth, std::int64_t k) {
    return with_rounding(bounds(sizes, k), truth);
}

struct HalvesCase : ConvSample {
    explicit HalvesCase(const Conv2dGeometry& geometry) : ConvSample(geometry) {
        src = nearest(src);
        diff_dst = nearest(diff_dst);
    }

    /// src after an affine and a ReLU, which are rounded before they are multiplied.
    Floats normalized(const Floats& scale, const Floats& shift) const {
        Floats source = src;
        for (std::size_t i = 0; i < source.size(); ++i) {
            const std::size_t c = i % static_cast<std::size_t>(g.ic);
            source[i] = std::max(0.0F, std::fma(src[i], scale[c], shift[c]));
        }
        return nearest(source);
    }

    void check_forward(Teams teams) const {
        for (const bool fused : {false, true}) {
            INFO("fused " << fused);
            const bool affine = fused && g.pointwise() && g.unpadded();
            const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5), bias = uniform(g.oc, 6);
            const Floats residual = nearest(uniform(static_cast<std::int64_t>(diff_dst.size()), 7));
            const Floats source = affine ? normalized(scale, shift) : src, used = nearest(weights);
            Doubles truth(diff_dst.size()), sizes(diff_dst.size());
            conv2d_forward_reference(g, widened(source).data(), widened(used).data(),
                                     fused ? widened(bias).data() : nullptr, truth.data());
            conv2d_forward_reference(g, magnitudes(source).data(), magnitudes(used).data(),
                                     fused ? magnitudes(bias).data() : nullptr, sizes.data());
            for (std::size_t i = 0; fused && i < truth.size(); ++i) {
                truth[i] = std::max(0.0, truth[i] + double{residual[i]});
                sizes[i] += std::abs(double{residual[i]});
            }
            const std::int64_t src_ld = g.ic + 4, dst_ld = g.oc + 6, residual_ld = g.oc + 2;
            const Halves wide = spread_halves(src, g.ic, src_ld),
                         wide_residual = spread_halves(residual, g.oc, residual_ld);
            IgemmFusion fusion;
            if (affine) fusion.src_affine = {scale.data(), shift.data(), true};
            if (fused) {
                fusion.bias = bias.data();
                fusion.residual = {wide_residual.data(), residual_ld, DType::bf16};
                fusion.relu = true;
            }
            on_teams(teams, [&] {
                Halves dst = spread_halves(Floats(truth.size(), 9.0F), g.oc, dst_ld);
                igemm_forward(g, {wide.data(), src_ld, DType::bf16}, as_panels(g, weights).data(), fusion,
                              {dst.data(), dst_ld, DType::bf16});
                CHECK(outliers(gathered(widened_halves(dst), g.oc, dst_ld), truth,
                               rounded_bounds(sizes, truth, g.ic * g.kh * g.kw)) == 0);
            });
        }
    }

    void check_backward_data(Teams teams) const {
        const Floats used = nearest(weights), sum = nearest(uniform(static_cast<std::int64_t>(src.size()), 8));
        for (const bool added : {false, true}) {
            INFO("added " << added);
            Doubles truth(src.size()), sizes(src.size());
            conv2d_backward_data_reference(g, widened(diff_dst).data(), widened(used).data(), truth.data());
            conv2d_backward_data_reference(g, magnitudes(diff_dst).data(), magnitudes(used).data(), sizes.data());
            for (std::size_t i = 0; added && i < truth.size(); ++i) {
                truth[i] += double{sum[i]};
                sizes[i] += std::abs(double{sum[i]});
            }
            const std::int64_t src_ld = g.ic + 2, dst_ld = g.oc + 8;
            on_teams(teams, [&] {
                Halves diff_src = spread_halves(sum, g.ic, src_ld);
                IgemmFusion fusion;
                if (added) fusion.residual = {diff_src.data(), src_ld, DType::bf16};
                igemm_backward_data(g, {spread_halves(diff_dst, g.oc, dst_ld).data(), dst_ld, DType::bf16},
                                    as_panels(g, weights).data(), fusion, {diff_src.data(), src_ld, DType::bf16});
                CHECK(outliers(gathered(widened_halves(diff_src), g.ic, src_ld), truth,
                               rounded_bounds(sizes, truth, g.oc * g.kh * g.kw)) == 0);
            });
        }
    }

    void check_backward_weights(Teams teams) const {
        for (const bool affine : {false, true}) {
            INFO("affine " << affine);
            const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5);
            const Floats source = affine ? normalized(scale, shift) : src;
            Doubles truth(weights.size()), sizes(weights.size());
            conv2d_backward_weights_reference<double>(g, widened(source).data(), widened(diff_dst).data(), truth.data(),
                                                      nullptr);
            conv2d_backward_weights_reference<double>(g, magnitudes(source).data(), magnitudes(diff_dst).data(),
                                                      sizes.data(), nullptr);
            const std::int64_t src_ld = g.ic + 4, dst_ld = g.oc + 2;
            on_teams(teams, [&] {
                Floats diff_weights(weights.size(), 9.0F);
                igemm_backward_weights(g, {spread_halves(src, g.ic, src_ld).data(), src_ld, DType::bf16},
                                       affine ? ConvAffine{scale.data(), shift.data(), true} : ConvAffine{},
                                       {spread_halves(diff_dst, g.oc, dst_ld).data(), dst_ld, DType::bf16},
                                       diff_weights.data());
                CHECK(outliers(diff_weights, as_panels(g, truth), as_panels(g, bounds(sizes, g.n * g.oh() * g.ow()))) ==
                      0);
            });
        }
    }
};

}  // namespace

TEST_CASE("the implicit products of bf16 agree with the reference in all directions", "[igemm][bf16][large]") {
    check_all_directions<HalvesCase>();
}

TEST_CASE("the implicit products of bf16 agree with the reference on a few small maps", "[igemm][bf16]") {
    check_all_directions<HalvesCase>(kFewGeometries, {2});
}

TEST_CASE("gradients of weights, of f32 and of bf16, have the same bits on any team", "[igemm][bf16][large]") {
    for_each_isa([] {
        const std::int64_t columns = igemm_columns();
        for (const int size : {1, 3})
            for (const bool halves : {false, true}) {
                const Conv2dGeometry g{8, columns, 28, 28, columns, size, size, 1, 1, size / 2, size / 2};
                REQUIRE(groups_of_sums(igemm_weights_work(g, columns)) > 1);
                REQUIRE(groups_of_sums(winograd_weights_work(g, columns)) > 1);
                const ConvSample sample(g);
                const EitherMap src(halves, sample.src, g.ic, g.ic), diff_dst(halves, sample.diff_dst, g.oc, g.oc);
                const auto gradient = [&](int threads, bool winograd) {
                    const ThreadScope team(threads);
                    Floats result(sample.weights.size());
                    (winograd ? winograd_backward_weights : igemm_backward_weights)(g, src.read(), {}, diff_dst.read(),
                                                                                    result.data());
                    return result;
                };
                for (const bool winograd : {false, true}) {
                    if (winograd && size == 1) continue;
                    CAPTURE(size, halves, winograd);
                    fix_sums(true);
                    const Floats alone = gradient(1, winograd);
                    for (const int threads : {2, 3, 8}) CHECK((gradient(threads, winograd) == alone));
                    fix_sums(false);
                    CHECK((gradient(2, winograd) == alone));  // as it is cheap
                }
            }
    });
}
