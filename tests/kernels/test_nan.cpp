// A NaN that comes in comes out, from every kernel that the fused paths are made of, on every ISA; the images beside it
// keep their bits. What each kernel makes of NaN by its own contract is in its own test.
#include <utility>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/eltwise/channelwise.h"
#include "kernels/pool/pool.h"
#include "kernels/quant/quant.h"
#include "kernels/routing/conv2d.h"
#include "kernels/routing/prepared.h"
#include "tests/kernels/samples.h"
#include "tests/support/catch.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Floats = std::vector<float>;

// n, ic, ih, iw, oc, kh, kw, strides, pads, dilations, groups: one at least for each algorithm of inference
const Conv2dGeometry kNanGeometries[] = {
    {2, 32, 7, 7, 48, 1, 1},                       // 1x1
    {2, 16, 12, 12, 32, 3, 3, 1, 1, 1, 1},         // Winograd
    {2, 32, 5, 5, 32, 3, 3, 2, 2, 1, 1},           // gathered
    {2, 3, 20, 18, 16, 7, 7, 2, 2, 3, 3},          // of images
    {2, 1, 11, 9, 24, 3, 3, 1, 1, 1, 1},           //
    {2, 13, 5, 6, 19, 1, 1},                       // channels off the vector width
    {2, 192, 1, 1, 10, 1, 1},                      // linear
    {2, 16, 6, 6, 16, 3, 3, 1, 1, 1, 1, 1, 1, 2},  // grouped
    {2, 32, 6, 7, 32, 3, 3, 1, 1, 1, 1, 1, 1, 8},  //
    {2, 24, 9, 8, 24, 3, 3, 1, 1, 1, 1, 1, 1, 24}  // depthwise
};

/// What a prepared convolution reads, which may be spoiled, and its results.
struct SpoiledConv {
    SpoiledConv(const Conv2dGeometry& geometry, const ConvFusion& fused)
        : g(geometry),
          fusion(fused),
          src(uniform(g.n * g.ih * g.iw * g.ic, 1)),
          scale(uniform(g.ic, 2, 0.5F, 2)),
          shift(uniform(g.ic, 3)),
          weights(uniform(g.weights_elements(), 4)),
          bias(uniform(g.oc, 5)),
          residual(uniform(g.n * g.oh() * g.ow() * g.oc, 6)) {}

    Floats results() const {
        const auto conv = prepare_conv(g, fusion);
        Floats storage(static_cast<std::size_t>(conv->weights_elements()) + 16), dst = residual;
        float* packed = storage.data();
        while (reinterpret_cast<std::uintptr_t>(packed) % 64 != 0) ++packed;
        conv->pack(weights.data(), packed);
        conv->run(g.n, {{src.data(), g.ic},
                        scale.data(),
                        shift.data(),
                        packed,
                        bias.data(),
                        {dst.data(), g.oc},
                        {dst.data(), g.oc}});
        return dst;
    }

    /// The results before ReLU in double.
    std::vector<double> sums() const {
        std::vector<double> x = widened(src), w = widened(weights), b = widened(bias), dst(residual.size());
        for (std::size_t i = 0; i < x.size() && fusion.src_affine; ++i) {
            const std::size_t c = i % scale.size();
            x[i] = x[i] * double{scale[c]} + double{shift[c]};
            x[i] = x[i] < 0 ? 0 : x[i];
        }
        conv2d_forward_reference(g, x.data(), w.data(), fusion.bias ? b.data() : nullptr, dst.data());
        for (std::size_t i = 0; i < dst.size() && fusion.residual; ++i) dst[i] += double{residual[i]};
        return dst;
    }

    Conv2dGeometry g;
    ConvFusion fusion;
    Floats src, scale, shift, weights, bias, residual;
};

/// Checks that what must be NaN or infinite is not finite, and that the second image, whose results begin at half, has
/// its bits.
void check_spoiled(const SpoiledConv& spoiled, const Floats& clean, bool second_too) {
    const Floats dst = spoiled.results();
    const std::vector<double> sums = spoiled.sums();
    std::size_t expected = 0, swallowed = 0;
    for (std::size_t i = 0; i < dst.size(); ++i) {
        if (!std::isnan(sums[i]) && sums[i] != double{kInfinity}) continue;
        ++expected;
        swallowed += std::isfinite(dst[i]) ? 1 : 0;
    }
    CHECK(expected > 0);
    CHECK(swallowed == 0);
    if (!second_too)
        CHECK(std::equal(dst.begin() + std::ssize(dst) / 2, dst.end(), clean.begin() + std::ssize(dst) / 2));
}

}  // namespace

TEST_CASE("a prepared convolution keeps NaN and infinity, whatever it fuses", "[nan]") {
    for_each_isa([] {
        for (const Conv2dGeometry& g : kNanGeometries)
            for (const ConvFusion& fusion : {ConvFusion{}, ConvFusion{false, true, false, true},
                                             ConvFusion{false, true, true, true}, ConvFusion{true, true, true, true}}) {
                const SpoiledConv clean(g, fusion);
                CAPTURE(g.ic, g.oc, g.kh, g.groups, fusion.src_affine, fusion.residual, fusion.relu,
                        prepare_conv(g, fusion)->algorithm());
                const Floats results = clean.results();
                for (const float bad : {kNaN, kInfinity}) {
                    SpoiledConv spoiled = clean;
                    spoiled.src[static_cast<std::size_t>(g.ih * g.iw / 2 * g.ic + g.ic / 2)] = bad;
                    check_spoiled(spoiled, results, false);
                }
                SpoiledConv spoiled = clean;
                if (fusion.residual) {
                    spoiled.residual[static_cast<std::size_t>(g.oc / 2)] = kNaN;
                    check_spoiled(std::exchange(spoiled, clean), results, false);
                }
                if (fusion.bias) {
                    spoiled.bias[static_cast<std::size_t>(g.oc) - 1] = kNaN;
                    check_spoiled(std::exchange(spoiled, clean), results, true);
                }
                spoiled.weights[spoiled.weights.size() / 2] = kNaN;
                check_spoiled(spoiled, results, true);
            }
    });
}

TEST_CASE("a prepared convolution whose sums leave the range of floats does not say 0", "[nan]") {
    for_each_isa([] {
        for (const Conv2dGeometry& g : kNanGeometries) {
            SpoiledConv huge(g, {false, true, false, true});
            CAPTURE(g.ic, g.oc, g.kh, g.groups, prepare_conv(g, huge.fusion)->algorithm());
            // Of one sign, for what is below the range is 0 behind a ReLU.
            for (float& weight : huge.weights) weight = std::abs(weight) + 0.5F;
            for (std::size_t i = 0; i < huge.src.size() / 2; ++i) huge.src[i] = 3e38F;
            Floats truth(huge.residual.size());
            conv2d_forward_reference<float>(g, huge.src.data(), huge.weights.data(), nullptr, truth.data());
            const Floats dst = huge.results();
            std::size_t none = 0, swallowed = 0;
            for (std::size_t i = 0; i < dst.size() / 2; ++i)
                if (std::isnan(truth[i]) || truth[i] == kInfinity) {
                    ++none;
                    swallowed += std::isfinite(dst[i]) ? 1 : 0;
                }
            CHECK(none > 0);
            CHECK(swallowed == 0);
            CHECK(std::all_of(dst.begin() + std::ssize(dst) / 2, dst.end(), [](float v) { return std::isfinite(v); }));
        }
    });
}

TEST_CASE("the three passes of a convolution keep NaN", "[nan]") {
    for_each_isa([] {
        for (const Conv2dGeometry& g : kNanGeometries) {
            Floats src = uniform(g.n * g.ih * g.iw * g.ic, 1), weights = uniform(g.weights_elements(), 2),
                   diff_dst = uniform(g.n * g.oh() * g.ow() * g.oc, 3);
            src[src.size() / 3] = diff_dst[diff_dst.size() / 3] = kNaN;
            const WeightsLayout layout = preferred_layout(g, true);
            Floats packed(static_cast<std::size_t>(layout_elements(layout))), diff_packed(packed.size()),
                diff_weights(weights.size()), dst(diff_dst.size()), diff_src(src.size());
            pack_weights(layout, weights.data(), packed.data());
            conv2d_forward(g, true, src.data(), packed.data(), layout, nullptr, dst.data());
            conv2d_backward_data(g, diff_dst.data(), packed.data(), layout, diff_src.data());
            conv2d_backward_weights(g, src.data(), diff_dst.data(), diff_packed.data(), layout, nullptr);
            unpack_weights(layout, diff_packed.data(), diff_weights.data());
            Floats dst_truth(dst.size()), src_truth(src.size()), weights_truth(weights.size());
            conv2d_forward_reference<float>(g, src.data(), weights.data(), nullptr, dst_truth.data());
            conv2d_backward_data_reference(g, diff_dst.data(), weights.data(), src_truth.data());
            conv2d_backward_weights_reference<float>(g, src.data(), diff_dst.data(), weights_truth.data(), nullptr);
            const auto kept = [](const Floats& got, const Floats& truth) {
                std::size_t nans = 0, lost = 0;
                for (std::size_t i = 0; i < got.size(); ++i)
                    if (std::isnan(truth[i])) {
                        ++nans;
                        lost += std::isnan(got[i]) ? 0 : 1;
                    }
                return nans > 0 && lost == 0;
            };
            CAPTURE(g.ic, g.oc, g.kh, g.groups);
            CHECK(kept(dst, dst_truth));
            CHECK(kept(diff_src, src_truth));
            CHECK(kept(diff_weights, weights_truth));
        }
    });
}

TEST_CASE("the gradient of a NaN that a ReLU let through stays", "[nan]") {
    for (const std::int64_t c : kLengths) {
        if (c == 0) continue;
        const auto at = static_cast<std::size_t>(c) / 2;
        for_each_isa([&] {
            Floats dst = uniform(c, 1), diff = uniform(c, 2), diff_src(dst.size());
            dst[at] = kNaN;
            relu_backward({1, c, c, c, c}, dst.data(), diff.data(), diff_src.data());
            for (std::size_t i = 0; i < dst.size(); ++i) CHECK(diff_src[i] == (i == at || dst[i] > 0 ? diff[i] : 0.0F));

            const std::int64_t rows = 5;
            Floats src = uniform(rows * c, 3), dy = uniform(rows * c, 4, 0.5F, 1);
            const Floats ones(dst.size(), 1.0F), zeros(dst.size());
            src[at] = kNaN;
            const BatchNormCoefficients<float> k{zeros.data(), ones.data(), ones.data(), zeros.data()};
            const BatchNormGeometry g{rows, c, c, c, c, true};
            Floats dx(src.size()), diff_gamma(dst.size()), diff_beta(dst.size());
            batch_norm_backward(g, BatchNormGradient::direct, k, src.data(), dy.data(), dx.data(), diff_gamma.data(),
                                diff_beta.data());
            CHECK(dx[at] == dy[at]);
            for (std::size_t i = 0; i < dst.size(); ++i) CHECK(std::isnan(diff_gamma[i]) == (i == at));
            Floats joined = uniform(rows * c, 5, 1, 2), diff_residual(src.size());
            joined[at] = kNaN;
            batch_norm_join_backward(g, BatchNormGradient::direct, k, src.data(), joined.data(), dy.data(),
                                     diff_residual.data(), dx.data(), diff_gamma.data(), diff_beta.data());
            CHECK(diff_residual == dy);
        });
    }
}

TEST_CASE("the statistics of a channel with a NaN are NaN", "[nan]") {
    for (const std::int64_t c : {1, 8, 17, 33})
        for_each_isa([&] {
            Floats src = uniform(100 * c, 1), mean(static_cast<std::size_t>(c)), variance(mean.size());
            const auto bad = mean.size() - 1;
            src[40 * mean.size() + bad] = kNaN;
            batch_norm_statistics(100, c, c, src.data(), mean.data(), variance.data());
            for (std::size_t i = 0; i < mean.size(); ++i) {
                CHECK(std::isnan(mean[i]) == (i == bad));
                CHECK(std::isnan(variance[i]) == (i == bad));
            }
        });
}

TEST_CASE("the mean over a window with a NaN is NaN", "[nan]") {
    for (const std::int64_t c : {1, 8, 17}) {
        const PoolGeometry g{2, 6, 6, c, 3, 3, 2, 2, 2, 0, c, c}, global{2, 6, 6, c, 1, 1, 0, 0, 0, 0, c, c};
        Floats src = uniform(2 * 36 * c, 1);
        const std::int64_t last = c - 1;
        src[static_cast<std::size_t>((6 + 3) * c + last)] = kNaN;  // of row 1, column 3: in window (0, 1)
        for_each_isa([&] {
            Floats dst(static_cast<std::size_t>(2 * 9 * c)), means(static_cast<std::size_t>(2 * c));
            avg_pool_forward(g, src.data(), dst.data());
            for (std::size_t i = 0; i < dst.size(); ++i)
                CHECK(std::isnan(dst[i]) == (i == static_cast<std::size_t>(c + last)));
            adaptive_avg_pool_forward(global, src.data(), means.data());
            for (std::size_t i = 0; i < means.size(); ++i)
                CHECK(std::isnan(means[i]) == (i == static_cast<std::size_t>(last)));
        });
    }
}

TEST_CASE("quantize tells of what no quantized value stands for", "[nan]") {
    for (const std::int64_t c : {1, 3, 8, 17, 65})
        for (const std::int64_t gap : {0, 2}) {
            const UnaryGeometry g{37, c, c + gap, c};
            const Floats scale = uniform(c, 2, 1, 9), shift = uniform(c, 3, 100, 120);
            Floats src = uniform(g.rows * g.src_ld, 1, -10, 10);
            for (std::int64_t r = 0; r < g.rows; ++r)  // nobody reads what lies between the pixels
                for (std::int64_t i = c; i < g.src_ld; ++i) src[static_cast<std::size_t>(r * g.src_ld + i)] = kNaN;
            for_each_isa([&] {
                std::vector<std::uint8_t> clean(static_cast<std::size_t>(g.rows * c)), dst(clean.size());
                CHECK(quantize(g, src.data(), scale.data(), shift.data(), clean.data()));
                for (std::int64_t e = 0; e < g.rows * c; e += 5)
                    for (const float bad : {kNaN, kInfinity, -kInfinity}) {
                        const auto at = static_cast<std::size_t>(e / c * g.src_ld + e % c);
                        const float good = std::exchange(src[at], bad);
                        CHECK_FALSE(quantize(g, src.data(), scale.data(), shift.data(), dst.data()));
                        src[at] = good;
                        dst[static_cast<std::size_t>(e)] = clean[static_cast<std::size_t>(e)];
                        CHECK(dst == clean);
                    }
            });
        }
}

TEST_CASE("fake quantization makes no number of what is none", "[nan]") {
    const FakeQuantization q{0.25F, -8, 7};
    const Floats src{kNaN, kInfinity, -kInfinity, 3e38F, -3e38F, 0.3F};
    Floats dst(src.size());
    fake_quantize({1, 6, 6, 6}, src.data(), &q, 0, dst.data());
    CHECK(same(dst, {kNaN, kNaN, kNaN, 1.75F, -2, 0.25F}));
}
