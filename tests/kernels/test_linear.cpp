// Linear layers by every variant against sums in double: widths around the vectors and the blocks of outputs, pixel
// distances, fusions.
#include "kernels/linear/linear.h"

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/linear/variants.h"
#include "tests/kernels/panel_samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Sums of a layer, and of the magnitudes of their terms.
struct Truth {
    Doubles sums, sizes;
};

Truth truth_of(const LinearGeometry& g, const Floats& src, const Floats& weights, const Floats& bias) {
    Truth truth;
    for (std::int64_t n = 0; n < g.n; ++n)
        for (std::int64_t o = 0; o < g.out; ++o) {
            double sum = bias[static_cast<std::size_t>(o)], size = std::abs(sum);
            for (std::int64_t k = 0; k < g.pixels * g.c; ++k) {
                const double term = double{src[static_cast<std::size_t>(n * g.pixels * g.c + k)]} *
                                    weights[static_cast<std::size_t>(o * g.pixels * g.c + k)];
                sum += term;
                size += std::abs(term);
            }
            truth.sums.push_back(sum);
            truth.sizes.push_back(size);
        }
    return truth;
}

TEST_CASE("linear layers of every variant are within a lane's rounding of the truth", "[kernels]") {
    const std::int64_t n = GENERATE(1, 2, 3, 7), c = GENERATE(1, 15, 16, 33, 512), out = GENERATE(1, 4, 10, 37);
    const std::int64_t pixels = GENERATE(1, 6), gap = GENERATE(0, 5);
    CAPTURE(n, c, out, pixels, gap);
    const Floats src = uniform(n * pixels * c, 1), weights = uniform(out * pixels * c, 2), bias = uniform(out, 3);
    const LinearGeometry g{n, pixels, c, out, c + gap, out + gap};
    const Truth truth = truth_of(g, src, weights, bias);
    const Floats wide = spread(src, c, c + gap);
    for_each_isa([&] {
        Floats dst = spread(Floats(static_cast<std::size_t>(n * out), 9.0F), out, out + gap);
        const Floats before = dst;
        select(linear_variants).outputs(g, 0, out, wide.data(), weights.data(), bias.data(), dst.data());
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t o = 0; o < out + gap; ++o) {
                const auto at = static_cast<std::size_t>(i * (out + gap) + o),
                           of = static_cast<std::size_t>(i * out + o);
                if (o >= out)
                    REQUIRE(dst[at] == before[at]);
                else
                    REQUIRE(std::abs(dst[at] - truth.sums[of]) <=
                            static_cast<double>(pixels * c + 3) * kRoundoff * truth.sizes[of]);
            }
    });
}

TEST_CASE("a convolution as large as its map is a linear layer, fused with what follows", "[kernels]") {
    const std::int64_t n = 3;
    const Conv2dGeometry g{n, 20, 2, 3, 9, 2, 3};
    ConvFusion fusion;
    fusion.bias = fusion.residual = fusion.relu = true;
    const auto prepared = prepare_linear(g, fusion);
    REQUIRE(prepared != nullptr);
    const Floats src = uniform(n * 6 * 20, 1), weights = uniform(g.weights_elements(), 2), bias = uniform(9, 3);
    Floats dst = uniform(n * 9, 4), packed(static_cast<std::size_t>(prepared->weights_elements()));
    Doubles wanted(dst.size());
    const Doubles wide_bias = widened(bias);
    conv2d_forward_reference(g, widened(src).data(), widened(weights).data(), wide_bias.data(), wanted.data());
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = std::max(0.0, wanted[i] + dst[i]);
    prepared->pack(weights.data(), packed.data());
    ConvOperands operands;
    operands.src = {src.data(), 20};
    operands.weights = packed.data();
    operands.bias = bias.data();
    operands.residual = {dst.data(), 9};
    operands.dst = {dst.data(), 9};
    prepared->run(n, operands);
    for (std::size_t i = 0; i < wanted.size(); ++i)
        CHECK(std::abs(dst[i] - wanted[i]) <= 124 * kRoundoff * 124);  // 120 products, bias and residual, each below 1
}

TEST_CASE("other convolutions are no linear layers", "[kernels]") {
    CHECK(prepare_linear({1, 8, 4, 4, 8, 3, 3}, {}) == nullptr);
    CHECK(prepare_linear({1, 8, 3, 3, 8, 3, 3, 1, 1, 1, 1}, {}) == nullptr);
    ConvFusion affine;
    affine.src_affine = true;
    CHECK(prepare_linear({1, 8, 1, 1, 8, 1, 1}, affine) == nullptr);
}

}  // namespace
