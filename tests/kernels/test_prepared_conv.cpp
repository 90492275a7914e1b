// Prepared convolutions against the plain loops in double precision, with every fusion and any distance between pixels.
#include "kernels/routing/prepared.h"

#include "kernels/error.h"
#include "tests/kernels/activation_truth.h"
#include "tests/kernels/samples.h"
#include "tests/support/catch.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// A map of `pixels` with `c` channels `gap` elements apart from the next pixel's, and its values in double.
struct TestMap {
    TestMap(std::int64_t pixels, std::int64_t channels, std::int64_t gap, std::uint64_t seed)
        : c(channels), ld(channels + gap), data(uniform(pixels * ld, seed)) {}
    double at(std::int64_t pixel, std::int64_t i) const { return data[static_cast<std::size_t>(pixel * ld + i)]; }

    std::int64_t c, ld;
    Floats data;
};

struct Truth {
    Doubles values, bounds;
};

/// No activation below is steeper; hard_swish is 1.5 at 3.
constexpr double kSteepest = 1.5;

constexpr Activation kActivations[] = {{ActivationKind::clip, 0, 6},
                                       {ActivationKind::leaky_relu, 0.25F, 0},
                                       {ActivationKind::silu},
                                       {ActivationKind::hard_swish}};

/// The formula of ConvFusion in double. An error bound as in test_conv.cpp: with k products a sum, (k + 4) roundoffs of
/// the sum of magnitudes (bias, residual and the rounded affine included, whose own roundings are the 4 - 2 more). An
/// activation makes at most kSteepest times that of it, and errs itself.
Truth truth_of(const Conv2dGeometry& g, const ConvFusion& fusion, const TestMap& src, const Floats& scale,
               const Floats& shift, const Floats& weights, const Floats& bias, const TestMap& residual) {
    const std::int64_t pixels = g.n * g.ih * g.iw, rows = g.n * g.oh() * g.ow(), k = g.ic / g.groups * g.kh * g.kw;
    Doubles x(static_cast<std::size_t>(pixels * g.ic)), magnitude(x.size());
    for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t i = 0; i < g.ic; ++i) {
            const auto at = static_cast<std::size_t>(p * g.ic + i), c = static_cast<std::size_t>(i);
            x[at] =
                fusion.src_affine ? std::max(0.0, src.at(p, i) * double{scale[c]} + double{shift[c]}) : src.at(p, i);
            magnitude[at] = fusion.src_affine ? std::abs(src.at(p, i) * double{scale[c]}) + std::abs(double{shift[c]})
                                              : std::abs(x[at]);
        }
    Doubles w = widened(weights), b = widened(bias);
    Truth truth{Doubles(static_cast<std::size_t>(rows * g.oc)), Doubles(static_cast<std::size_t>(rows * g.oc))};
    conv2d_forward_reference(g, x.data(), w.data(), fusion.bias ? b.data() : nullptr, truth.values.data());
    for (Doubles* values : {&w, &b})
        for (double& value : *values) value = std::abs(value);
    conv2d_forward_reference(g, magnitude.data(), w.data(), fusion.bias ? b.data() : nullptr, truth.bounds.data());
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t o = 0; o < g.oc; ++o) {
            const auto at = static_cast<std::size_t>(r * g.oc + o);
            if (fusion.residual) {
                truth.values[at] += residual.at(r, o);
                truth.bounds[at] += std::abs(residual.at(r, o));
            }
            if (fusion.relu) truth.values[at] = std::max(truth.values[at], 0.0);
            truth.bounds[at] *= static_cast<double>(k + 4) * kRoundoff;
            if (fusion.activation.kind == ActivationKind::none) continue;
            const ActivationTruth activated(fusion.activation, truth.values[at]);
            truth.values[at] = activated.value;
            truth.bounds[at] = kSteepest * truth.bounds[at] + activated.bound;
        }
    return truth;
}

/// Prepares for g.n images, runs on `n`, and counts the results that lie too far from the truth; the elements between
/// dst's pixels must stay what they were.
void check(Conv2dGeometry g, std::int64_t n, const ConvFusion& fusion, std::int64_t gap, bool in_place) {
    CAPTURE(g.ic, g.oc, g.kh, g.stride_h, n, fusion.src_affine, fusion.bias, fusion.residual, fusion.relu, gap,
            in_place, static_cast<int>(fusion.activation.kind));
    const auto conv = prepare_conv(g, fusion);
    CAPTURE(conv->algorithm());
    g.n = n;
    const std::int64_t pixels = g.n * g.ih * g.iw, rows = g.n * g.oh() * g.ow();
    const TestMap src(pixels, g.ic, gap, 1), residual(rows, g.oc, gap, 2);
    const Floats scale = uniform(g.ic, 3, -2, 2), shift = uniform(g.ic, 4), weights = uniform(g.weights_elements(), 5),
                 bias = uniform(g.oc, 6);
    const Truth truth = truth_of(g, fusion, src, scale, shift, weights, bias, residual);

    Floats storage(static_cast<std::size_t>(conv->weights_elements()) + 16);
    float* packed = storage.data();
    while (reinterpret_cast<std::uintptr_t>(packed) % 64 != 0) ++packed;
    conv->pack(weights.data(), packed);
    const Floats before = in_place ? residual.data : uniform(rows * residual.ld, 7);
    Floats dst = before;
    conv->run(n, {{src.data.data(), src.ld},
                  scale.data(),
                  shift.data(),
                  packed,
                  fusion.bias ? bias.data() : nullptr,
                  {in_place ? dst.data() : residual.data.data(), residual.ld},
                  {dst.data(), residual.ld}});
    Floats results;
    std::size_t disturbed = 0;
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t o = 0; o < residual.ld; ++o) {
            const auto at = static_cast<std::size_t>(r * residual.ld + o);
            if (o < g.oc)
                results.push_back(dst[at]);
            else if (dst[at] != before[at])
                ++disturbed;
        }
    CHECK(disturbed == 0);
    CHECK(outliers(results, truth.values, truth.bounds) == 0);
}

// n, ic, ih, iw, oc, kh, kw, strides, pads, dilations, groups
const Conv2dGeometry kGeometries[] = {
    {2, 32, 7, 7, 48, 1, 1},                               // 1x1
    {1, 13, 5, 6, 19, 1, 1},                               // channels off the vector width
    {2, 18, 8, 9, 64, 1, 1},                               // to whole panels from other channels
    {2, 24, 9, 8, 32, 3, 3, 1, 1, 1, 1},                   //
    {1, 50, 9, 7, 32, 5, 5, 2, 2, 2, 2},                   //
    {2, 16, 9, 8, 32, 1, 1, 2, 2},                         // strided
    {3, 16, 9, 10, 32, 3, 3, 1, 1, 1, 1},                  // 3x3
    {2, 7, 6, 5, 5, 3, 3, 1, 1, 1, 1},                     //
    {2, 16, 9, 9, 16, 3, 3, 2, 2, 1, 1},                   //
    {2, 3, 20, 18, 16, 7, 7, 2, 2, 3, 3},                  // of images
    {4, 24, 1, 1, 10, 1, 1},                               // linear
    {2, 16, 6, 6, 16, 3, 3, 1, 1, 2, 2, 2, 2},             // dilated
    {2, 16, 6, 6, 16, 3, 3, 1, 1, 1, 1, 1, 1, 2},          // grouped
    {2, 32, 6, 7, 32, 3, 3, 1, 1, 1, 1, 1, 1, 8},          // groups that are made one, of four channels
    {1, 16, 7, 5, 32, 3, 3, 2, 2, 1, 1, 1, 1, 8},          // and of two
    {2, 32, 9, 8, 32, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, 1},    // padded at the far sides alone
    {3, 32, 9, 10, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, -1, 1},  // fewer rows there, more columns
    {2, 5, 9, 8, 7, 3, 5, 2, 1, 0, 2, 1, 1, 1, 1, 1},      //
    {2, 32, 5, 6, 32, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0},    //
    {2, 12, 8, 7, 18, 3, 3, 2, 2, 0, 1, 1, 1, 3, 1, 0},    // grouped
    {2, 24, 9, 10, 24, 3, 3, 1, 1, 1, 1, 1, 1, 24},        // depthwise
    {2, 24, 9, 10, 24, 5, 5, 2, 2, 1, 2, 1, 1, 24, 1, 0},  //
    {1, 12, 6, 5, 36, 3, 3, 1, 1, 1, 1, 1, 1, 12},         // three kernels a channel
};

}  // namespace

TEST_CASE("a prepared convolution computes its formula with every fusion", "[prepared_conv]") {
    for (const Conv2dGeometry& g : kGeometries)
        for (const bool src_affine : {false, true})
            for (const bool bias : {false, true})
                for (const bool residual : {false, true})
                    for (const bool relu : {false, true}) check(g, g.n, {src_affine, bias, residual, relu}, 0, false);
}

TEST_CASE("a prepared convolution applies activations last", "[prepared_conv]") {
    for_each_isa([] {
        for (const Conv2dGeometry& g : kGeometries)
            for (const Activation& activation : kActivations) {
                check(g, g.n, {.bias = true, .activation = activation}, 0, false);
                check(g, g.n, {.bias = true, .residual = true, .activation = activation}, 3, true);
                check(g, 1, {.src_affine = true, .residual = true, .activation = activation}, 8, false);
            }
    });
}

TEST_CASE("a prepared convolution reads and writes slices of wider maps, and may overwrite its residual",
          "[prepared_conv]") {
    for (const Conv2dGeometry& g : kGeometries) {
        check(g, g.n, {}, 5, false);
        check(g, g.n, {.src_affine = true, .bias = true, .residual = true, .relu = true}, 8, false);
        for (const std::int64_t gap : {0, 3}) check(g, g.n, {.bias = true, .residual = true, .relu = true}, gap, true);
    }
}

TEST_CASE("a prepared convolution runs on any number of images and threads", "[prepared_conv]") {
    for (const Conv2dGeometry& g : kGeometries)
        for (const std::int64_t n : {1, 2, 5})
            for (const int threads : {1, 2, 3}) {
                const ThreadScope scope(threads);
                check(g, n, {.bias = true, .relu = true}, 0, false);
            }
}

TEST_CASE("depthwise layers run on their own kernels, images of one channel do not", "[prepared_conv]") {
    const Conv2dGeometry depthwise{1, 24, 9, 9, 24, 3, 3, 1, 1, 1, 1, 1, 1, 24},
        grouped{1, 24, 9, 9, 24, 3, 3, 1, 1, 1, 1, 1, 1, 12}, grey{1, 1, 9, 9, 24, 3, 3, 1, 1, 1, 1};
    CHECK(prepare_conv(depthwise, {})->algorithm() == "depthwise");
    CHECK(prepare_conv(depthwise, {.src_affine = true})->algorithm() != "depthwise");
    CHECK(prepare_conv(grouped, {})->algorithm() != "depthwise");
    CHECK(prepare_conv(grey, {})->algorithm() != "depthwise");
}

TEST_CASE("layers to whole panels run on Keel's kernels, whatever they read", "[prepared_conv]") {
    for_each_isa([] {
        const bool scalar = active_isa() == Isa::scalar;
        CHECK((prepare_conv({2, 18, 12, 12, 64, 1, 1}, {})->algorithm() == "igemm") == !scalar);
        CHECK((prepare_conv({2, 48, 12, 12, 64, 3, 3, 1, 1, 1, 1}, {})->algorithm() == "winograd") == !scalar);
        CHECK((prepare_conv({2, 17, 12, 12, 64, 1, 1}, {})->algorithm() == "igemm") == false);
        CHECK((prepare_conv({2, 18, 12, 12, 60, 1, 1}, {})->algorithm() == "igemm") == false);
    });
}

TEST_CASE("a prepared convolution refuses maps whose elements are not f32", "[prepared_conv]") {
    for (const Conv2dGeometry& g : {Conv2dGeometry{1, 32, 2, 2, 32, 1, 1}, Conv2dGeometry{1, 3, 2, 2, 5, 1, 1}}) {
        const auto conv = prepare_conv(g, {});
        std::vector<std::uint16_t> bf16(128);
        Floats floats(128), weights(static_cast<std::size_t>(conv->weights_elements()));
        ConvOperands operands;
        operands.weights = weights.data();
        operands.src = {bf16.data(), g.ic, DType::bf16};
        operands.dst = {floats.data(), g.oc};
        CHECK_THROWS_AS(conv->run(1, operands), UsageError);
        operands.src = {floats.data(), g.ic};
        operands.dst = {bf16.data(), g.oc, DType::bf16};
        CHECK_THROWS_AS(conv->run(1, operands), UsageError);
    }
}

TEST_CASE("a geometry that makes no sense is refused", "[prepared_conv]") {
    CHECK_THROWS_AS(prepare_conv({1, 8, 2, 2, 8, 3, 3}, {}), UsageError);
}
