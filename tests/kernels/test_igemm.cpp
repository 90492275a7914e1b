// Keel's own convolution kernels, on every ISA and several team sizes, against the plain loops in double precision.
#include <cmath>
#include <vector>

#include "kernels/error.h"
#include "kernels/igemm/igemm.h"
#include "kernels/parallel.h"
#include "kernels/routing/conv2d.h"
#include "tests/kernels/panel_samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

struct Case : ConvSample {
    using ConvSample::ConvSample;

    void check_forward(Teams teams) const {
        for (const bool fused : {false, true}) {
            INFO("fused " << fused);
            const bool affine = fused && g.pointwise() && g.unpadded();
            const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5), bias = uniform(g.oc, 6);
            const Floats residual = uniform(static_cast<std::int64_t>(diff_dst.size()), 7);
            Floats source = src;
            Doubles magnitude = magnitudes(src);
            if (affine)
                for (std::size_t i = 0; i < source.size(); ++i) {
                    const std::size_t c = i % static_cast<std::size_t>(g.ic);
                    source[i] = std::max(0.0F, std::fma(src[i], scale[c], shift[c]));
                    magnitude[i] = std::abs(double{src[i]} * double{scale[c]}) + std::abs(double{shift[c]});
                }
            Doubles truth(diff_dst.size()), sizes(diff_dst.size());
            conv2d_forward_reference(g, widened(source).data(), widened(weights).data(),
                                     fused ? widened(bias).data() : nullptr, truth.data());
            conv2d_forward_reference(g, magnitude.data(), magnitudes(weights).data(),
                                     fused ? magnitudes(bias).data() : nullptr, sizes.data());
            for (std::size_t i = 0; fused && i < truth.size(); ++i) {
                truth[i] = std::max(0.0, truth[i] + double{residual[i]});
                sizes[i] += std::abs(double{residual[i]});
            }
            const std::int64_t src_ld = g.ic + 3, dst_ld = g.oc + 5, residual_ld = g.oc + 1;
            const Floats wide = spread(src, g.ic, src_ld), wide_residual = spread(residual, g.oc, residual_ld);
            IgemmFusion fusion;
            if (affine) fusion.src_affine = {scale.data(), shift.data(), true};
            if (fused) {
                fusion.bias = bias.data();
                fusion.residual = {wide_residual.data(), residual_ld};
                fusion.relu = true;
            }
            on_teams(teams, [&] {
                Floats dst = spread(Floats(truth.size(), 9.0F), g.oc, dst_ld);
                igemm_forward(g, {wide.data(), src_ld}, as_panels(g, weights).data(), fusion, {dst.data(), dst_ld});
                CHECK(outliers(gathered(dst, g.oc, dst_ld), truth, bounds(sizes, g.ic * g.kh * g.kw)) == 0);
            });
        }
    }

    void check_backward_data(Teams teams) const {
        Doubles truth(src.size()), sizes(src.size());
        conv2d_backward_data_reference(g, widened(diff_dst).data(), widened(weights).data(), truth.data());
        conv2d_backward_data_reference(g, magnitudes(diff_dst).data(), magnitudes(weights).data(), sizes.data());
        const std::int64_t src_ld = g.ic + 2, dst_ld = g.oc + 7;
        on_teams(teams, [&] {
            Floats diff_src = spread(Floats(src.size(), 9.0F), g.ic, src_ld);
            igemm_backward_data(g, {spread(diff_dst, g.oc, dst_ld).data(), dst_ld}, as_panels(g, weights).data(), {},
                                {diff_src.data(), src_ld});
            CHECK(outliers(gathered(diff_src, g.ic, src_ld), truth, bounds(sizes, g.oc * g.kh * g.kw)) == 0);
        });
    }

    void check_backward_weights(Teams teams) const {
        for (const bool affine : {false, true}) {
            INFO("affine " << affine);
            const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5);
            Floats source = src;
            for (std::size_t i = 0; affine && i < source.size(); ++i) {
                const std::size_t c = i % static_cast<std::size_t>(g.ic);
                source[i] = std::max(0.0F, std::fma(src[i], scale[c], shift[c]));
            }
            Doubles truth(weights.size()), sizes(weights.size());
            conv2d_backward_weights_reference<double>(g, widened(source).data(), widened(diff_dst).data(), truth.data(),
                                                      nullptr);
            for (double& value : sizes) value = 0;
            Floats reach = source;  // the affine errs by two roundings of its terms, not of its result
            for (std::size_t i = 0; affine && i < reach.size(); ++i) {
                const std::size_t c = i % static_cast<std::size_t>(g.ic);
                reach[i] = std::abs(src[i] * scale[c]) + std::abs(shift[c]);
            }
            conv2d_backward_weights_reference<double>(g, magnitudes(reach).data(), magnitudes(diff_dst).data(),
                                                      sizes.data(), nullptr);
            const std::int64_t src_ld = g.ic + 3, dst_ld = g.oc + 1;
            on_teams(teams, [&] {
                Floats diff_weights(weights.size(), 9.0F);
                igemm_backward_weights(g, {spread(src, g.ic, src_ld).data(), src_ld},
                                       affine ? ConvAffine{scale.data(), shift.data(), true} : ConvAffine{},
                                       {spread(diff_dst, g.oc, dst_ld).data(), dst_ld}, diff_weights.data());
                CHECK(outliers(diff_weights, as_panels(g, truth), as_panels(g, bounds(sizes, g.n * g.oh() * g.ow()))) ==
                      0);
            });
        }
    }
};

}  // namespace

TEST_CASE("the implicit products agree with the reference in all directions", "[igemm]") {
    check_all_directions<Case>();
}

TEST_CASE("the layout of panels is what the kernels read", "[igemm]") {
    for_each_isa([] {
        const std::int64_t columns = igemm_columns();
        const Conv2dGeometry g{1, columns, 5, 5, 3 * columns, 3, 2};
        const Floats plain = uniform(g.weights_elements(), 1);
        const WeightsLayout layout = panel_layout(g);
        CHECK(own_kernels_read(layout));
        CHECK(same_layout(layout, panel_layout(g)));
        CHECK(layout_elements(layout) == g.weights_elements());
        Floats packed(plain.size()), back(plain.size());
        pack_weights(layout, plain.data(), packed.data());
        CHECK(packed == as_panels(g, plain));
        unpack_weights(layout, packed.data(), back.data());
        CHECK(back == plain);
    });
}

TEST_CASE("channels that are not whole panels, and groups, are left to others", "[igemm]") {
    const std::int64_t columns = igemm_columns();
    CHECK_FALSE(igemm_serves({1, columns + 1, 8, 8, columns, 1, 1}));
    CHECK_FALSE(igemm_serves({1, columns, 8, 8, columns - 1, 1, 1}));
    CHECK_FALSE(igemm_serves({1, 2 * columns, 8, 8, 2 * columns, 1, 1, 1, 1, 0, 0, 1, 1, 2}));
    CHECK_THROWS_AS(panel_layout({1, columns + 1, 8, 8, columns, 1, 1}), UsageError);
}
