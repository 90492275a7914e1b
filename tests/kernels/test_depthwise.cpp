// Depthwise convolutions by every variant against the plain loops in double: kernels, strides, paddings, dilations,
// widths around the blocks of columns, channels around the vectors, pixel distances, fusions.
#include "kernels/depthwise/depthwise.h"

#include <sstream>

#include "kernels/depthwise/prepared.h"
#include "kernels/depthwise/variants.h"
#include "kernels/dispatch.h"
#include "tests/kernels/panel_samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;

namespace {

std::string text(const Conv2dGeometry& g) {
    std::ostringstream out;
    out << g.n << "x" << g.ih << "x" << g.iw << "x" << g.ic << " to " << g.oc << ", kernel " << g.kh << "x" << g.kw
        << ", stride " << g.stride_h << " " << g.stride_w << ", pad " << g.pad_h << " " << g.pad_w << " and " << g.far_h
        << " " << g.far_w << ", dilation " << g.dilation_h << " " << g.dilation_w;
    return out.str();
}

/// A depthwise geometry of c channels, padded by half a kernel.
Conv2dGeometry depthwise(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, int kernel, int stride,
                         int dilation = 1) {
    const int pad = dilation * (kernel / 2), channels = static_cast<int>(c);
    return {n, c, h, w, c, kernel, kernel, stride, stride, pad, pad, dilation, dilation, channels};
}

struct Case {
    explicit Case(const Conv2dGeometry& geometry)
        : g(geometry),
          src(uniform(g.n * g.ih * g.iw * g.ic, 1)),
          weights(uniform(g.weights_elements(), 2)),
          bias(uniform(g.oc, 3)),
          residual(uniform(g.n * g.oh() * g.ow() * g.oc, 4)) {}

    /// Runs with all that can be fused but an activation, or nothing; in place: the residual is dst.
    void check(bool fused, bool in_place, std::int64_t gap) const {
        INFO(text(g) << (fused ? ", fused" : "") << (in_place ? ", in place" : "") << ", gap " << gap);
        Doubles truth(residual.size()), sizes(residual.size());
        const Doubles b = widened(bias), b_size = magnitudes(bias);
        conv2d_forward_reference(g, widened(src).data(), widened(weights).data(), fused ? b.data() : nullptr,
                                 truth.data());
        conv2d_forward_reference(g, magnitudes(src).data(), magnitudes(weights).data(), fused ? b_size.data() : nullptr,
                                 sizes.data());
        for (std::size_t i = 0; fused && i < truth.size(); ++i) {
            truth[i] = std::max(0.0, truth[i] + residual[i]);
            sizes[i] += std::abs(residual[i]);
        }
        for (double& size : sizes) size *= (g.kh * g.kw + 4) * kRoundoff;
        Floats packed(static_cast<std::size_t>(depthwise_weights_floats(g)));
        depthwise_pack(g, weights.data(), packed.data());
        const std::int64_t src_ld = g.ic + gap, dst_ld = g.oc + gap;
        const Floats wide = spread(src, g.ic, src_ld), wide_residual = spread(residual, g.oc, dst_ld);
        Floats dst = in_place ? wide_residual : spread(Floats(residual.size(), 9.0F), g.oc, dst_ld);
        DepthwiseFusion fusion;
        if (fused) fusion = {bias.data(), {in_place ? dst.data() : wide_residual.data(), dst_ld}, true};
        depthwise_forward(g, {wide.data(), src_ld}, packed.data(), fusion, {dst.data(), dst_ld});
        CHECK(outliers(gathered(dst, g.oc, dst_ld), truth, sizes) == 0);
    }

    void check_all() const {
        check(false, false, 0);
        check(true, false, 0);
        check(true, true, 3);
    }

    Conv2dGeometry g;
    Floats src, weights, bias, residual;
};

}  // namespace

TEST_CASE("a depthwise convolution keeps to its bounds for every kernel and stride", "[depthwise]") {
    for_each_isa([] {
        for (const int kernel : {1, 2, 3, 4, 5, 6, 7, 9})
            for (const int stride : {1, 2, 3})
                for (const int dilation : {1, 2}) Case(depthwise(2, 13, 15, 19, kernel, stride, dilation)).check_all();
    });
}

TEST_CASE("a depthwise convolution makes every number of columns and channels", "[depthwise]") {
    for_each_isa([] {
        for (std::int64_t width = 1; width <= 23; ++width)
            for (const int stride : {1, 2}) Case(depthwise(1, 4, width, 17, 3, stride)).check_all();
        for (const std::int64_t c : kLengths)
            if (c > 0)
                for (const int kernel : {3, 5}) Case(depthwise(2, 7, 7, c, kernel, 1)).check_all();
        for (const std::int64_t c : {320, 321, 500, 1000}) Case(depthwise(1, 5, 9, c, 3, 1)).check_all();  // chunks
    });
}

TEST_CASE("a depthwise convolution takes windows that are not symmetric, and several kernels a channel",
          "[depthwise]") {
    for_each_isa([] {
        for (const auto& [far_h, far_w] : {std::pair(1, 0), std::pair(-1, 2), std::pair(0, -1)})
            for (const int stride : {1, 2}) {
                Conv2dGeometry g = depthwise(2, 9, 10, 21, 3, stride);
                g.far_h = far_h;
                g.far_w = far_w;
                Case(g).check_all();
            }
        Conv2dGeometry uneven = depthwise(2, 9, 17, 21, 3, 1);
        uneven.stride_h = 2;
        uneven.kh = 5;
        uneven.dilation_h = 2;
        uneven.pad_w = 0;
        Case(uneven).check_all();
        for (const std::int64_t times : {2, 3}) {
            Conv2dGeometry g = depthwise(3, 6, 7, 11, 3, 1);
            g.oc *= times;
            Case(g).check_all();
        }
        Case(depthwise(1, 1, 1, 5, 7, 1)).check_all();   // mostly padding
        Case(depthwise(1, 2, 30, 5, 5, 2)).check_all();  // rows of the kernel that are outside, at both ends
    });
}

TEST_CASE("a depthwise convolution is divided among any number of threads, with the same result", "[depthwise]") {
    const Case sample(depthwise(3, 28, 28, 400, 3, 1));
    std::vector<Floats> results;
    for (const int threads : {1, 2, 5}) {
        const ThreadScope team(threads);
        sample.check(true, false, 0);
        Floats packed(static_cast<std::size_t>(depthwise_weights_floats(sample.g))), dst(sample.residual.size());
        depthwise_pack(sample.g, sample.weights.data(), packed.data());
        depthwise_forward(sample.g, {sample.src.data(), sample.g.ic}, packed.data(), {}, {dst.data(), sample.g.oc});
        results.push_back(dst);
    }
    for (const Floats& result : results) CHECK(result == results.front());
}

TEST_CASE("an activation of a depthwise convolution is that of its result", "[depthwise]") {
    for_each_isa([] {
        const Case sample(depthwise(2, 11, 13, 37, 5, 2));
        const Conv2dGeometry& g = sample.g;
        Floats packed(static_cast<std::size_t>(depthwise_weights_floats(g))), plain(sample.residual.size()),
            dst(plain.size()), wanted(plain.size());
        depthwise_pack(g, sample.weights.data(), packed.data());
        DepthwiseFusion fusion{.bias = sample.bias.data(), .residual = {sample.residual.data(), g.oc}};
        depthwise_forward(g, {sample.src.data(), g.ic}, packed.data(), fusion, {plain.data(), g.oc});
        fusion.activation = {ActivationKind::hard_swish};
        depthwise_forward(g, {sample.src.data(), g.ic}, packed.data(), fusion, {dst.data(), g.oc});
        const auto n = std::ssize(plain);
        activation_forward(fusion.activation, {1, n, n, n}, plain.data(), wanted.data());
        CHECK(dst == wanted);
    });
}
