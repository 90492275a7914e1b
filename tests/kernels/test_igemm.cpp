// Keel's own convolution kernels, on every ISA and several team sizes, against the plain loops in double precision.
#include <array>
#include <cmath>
#include <vector>

#include "kernels/error.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/winograd.h"
#include "kernels/parallel.h"
#include "kernels/routing/conv2d.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr float kCanary = 77.0F;

/// A dense map with its pixels moved `ld` apart, canaries between them.
Floats spread(const Floats& dense, std::int64_t channels, std::int64_t ld) {
    const auto pixels = static_cast<std::int64_t>(dense.size()) / channels;
    Floats wide(static_cast<std::size_t>(pixels * ld), kCanary);
    for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t c = 0; c < channels; ++c)
            wide[static_cast<std::size_t>(p * ld + c)] = dense[static_cast<std::size_t>(p * channels + c)];
    return wide;
}

/// The inverse; the canaries must still be there.
Floats gathered(const Floats& wide, std::int64_t channels, std::int64_t ld) {
    Floats dense;
    bool intact = true;
    for (std::size_t i = 0; i < wide.size(); ++i)
        if (static_cast<std::int64_t>(i) % ld < channels)
            dense.push_back(wide[i]);
        else
            intact = intact && wide[i] == kCanary;
    CHECK(intact);
    return dense;
}

Doubles magnitudes(const Floats& values) {
    Doubles result = widened(values);
    for (double& value : result) value = std::abs(value);
    return result;
}

/// How far a sum of k products of float can be from the truth in any order: k u / (1 - k u) times the sum of their
/// magnitudes (Higham, 2002, section 3.1), with u the unit roundoff; the 8 more cover the denominator, bias, residual
/// and the affine of the source.
Doubles bounds(Doubles magnitude, std::int64_t k) {
    for (double& value : magnitude) value *= static_cast<double>(k + 8) * kRoundoff;
    return magnitude;
}

Floats as_panels(const Conv2dGeometry& g, const Floats& plain) {
    Floats panels(plain.size());
    const std::int64_t columns = igemm_columns(), taps = std::int64_t{g.kh} * g.kw;
    for (std::int64_t o = 0; o < g.oc; ++o)
        for (std::int64_t i = 0; i < g.ic; ++i)
            for (std::int64_t t = 0; t < taps; ++t)
                panels[static_cast<std::size_t>(((o / columns * taps + t) * g.ic + i) * columns + o % columns)] =
                    plain[static_cast<std::size_t>((o * g.ic + i) * taps + t)];
    return panels;
}

Doubles as_panels(const Conv2dGeometry& g, const Doubles& plain) {
    const Floats order = as_panels(g, [&] {
        Floats index(plain.size());
        for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<float>(i);  // exact below 2^24
        return index;
    }());
    Doubles panels;
    for (const float index : order) panels.push_back(plain[static_cast<std::size_t>(index)]);
    return panels;
}

struct Case {
    explicit Case(const Conv2dGeometry& geometry)
        : g(geometry),
          src(uniform(g.n * g.ih * g.iw * g.ic, 1)),
          weights(uniform(g.weights_elements(), 2)),
          diff_dst(uniform(g.n * g.oh() * g.ow() * g.oc, 3)) {}

    void check_forward() const {
        for (const bool fused : {false, true}) {
            INFO("fused " << fused);
            const bool affine = fused && g.kh == 1 && g.kw == 1 && g.pad_h == 0 && g.pad_w == 0;
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
            Floats dst = spread(Floats(truth.size(), 9.0F), g.oc, dst_ld);
            IgemmFusion fusion;
            if (affine) fusion.src_affine = {scale.data(), shift.data(), true};
            if (fused) {
                fusion.bias = bias.data();
                fusion.residual = {wide_residual.data(), residual_ld};
                fusion.relu = true;
            }
            igemm_forward(g, {wide.data(), src_ld}, as_panels(g, weights).data(), fusion, {dst.data(), dst_ld});
            CHECK(outliers(gathered(dst, g.oc, dst_ld), truth, bounds(sizes, g.ic * g.kh * g.kw)) == 0);
        }
    }

    void check_backward_data() const {
        Doubles truth(src.size()), sizes(src.size());
        conv2d_backward_data_reference(g, widened(diff_dst).data(), widened(weights).data(), truth.data());
        conv2d_backward_data_reference(g, magnitudes(diff_dst).data(), magnitudes(weights).data(), sizes.data());
        const std::int64_t src_ld = g.ic + 2, dst_ld = g.oc + 7;
        Floats diff_src = spread(Floats(src.size(), 9.0F), g.ic, src_ld);
        igemm_backward_data(g, {spread(diff_dst, g.oc, dst_ld).data(), dst_ld}, as_panels(g, weights).data(), {},
                            {diff_src.data(), src_ld});
        CHECK(outliers(gathered(diff_src, g.ic, src_ld), truth, bounds(sizes, g.oc * g.kh * g.kw)) == 0);
    }

    void check_backward_weights() const {
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
            Floats diff_weights(weights.size(), 9.0F);
            igemm_backward_weights(g, {spread(src, g.ic, src_ld).data(), src_ld},
                                   affine ? ConvAffine{scale.data(), shift.data(), true} : ConvAffine{},
                                   {spread(diff_dst, g.oc, dst_ld).data(), dst_ld}, diff_weights.data());
            CHECK(outliers(diff_weights, as_panels(g, truth), as_panels(g, bounds(sizes, g.n * g.oh() * g.ow()))) == 0);
        }
    }

    Conv2dGeometry g;
    Floats src, weights, diff_dst;
};

/// The magnitudes in winograd.h's bound on its error, of dst; `src` holds those of the source after the affine.
Doubles winograd_magnitudes(const Conv2dGeometry& g, const Doubles& src, const Doubles& weights) {
    constexpr double kB[4][4] = {{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}};
    constexpr double kG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}};
    constexpr double kA[2][4] = {{1, 1, 1, 0}, {0, 1, 1, 1}};
    const std::int64_t th = (g.oh() + 1) / 2, tw = (g.ow() + 1) / 2;
    Doubles dst(static_cast<std::size_t>(g.n * g.oh() * g.ow() * g.oc));
    std::vector<std::array<double, 16>> u(static_cast<std::size_t>(g.oc * g.ic));
    for (std::size_t k = 0; k < u.size(); ++k)
        for (std::size_t p = 0; p < 16; ++p)
            for (std::size_t t = 0; t < 9; ++t) u[k][p] += kG[p / 4][t / 3] * kG[p % 4][t % 3] * weights[k * 9 + t];
    for (std::int64_t tile = 0; tile < g.n * th * tw; ++tile) {
        const std::int64_t n = tile / tw / th, top = tile / tw % th * 2, left = tile % tw * 2;
        std::vector<std::array<double, 16>> v(static_cast<std::size_t>(g.ic));
        for (std::int64_t y = 0; y < 4; ++y)
            for (std::int64_t x = 0; x < 4; ++x) {
                const std::int64_t sy = top + y - g.pad_h, sx = left + x - g.pad_w;
                if (sy < 0 || sy >= g.ih || sx < 0 || sx >= g.iw) continue;
                for (std::size_t i = 0; i < v.size(); ++i)
                    for (std::size_t p = 0; p < 16; ++p)
                        v[i][p] += kB[p / 4][y] * kB[p % 4][x] *
                                   src[static_cast<std::size_t>(((n * g.ih + sy) * g.iw + sx) * g.ic) + i];
            }
        for (std::int64_t o = 0; o < g.oc; ++o) {
            std::array<double, 16> m{};
            for (std::size_t i = 0; i < v.size(); ++i)
                for (std::size_t p = 0; p < 16; ++p) m[p] += v[i][p] * u[static_cast<std::size_t>(o * g.ic) + i][p];
            for (std::int64_t y = 0; y < 2 && top + y < g.oh(); ++y)
                for (std::int64_t x = 0; x < 2 && left + x < g.ow(); ++x)
                    for (std::size_t p = 0; p < 16; ++p)
                        dst[static_cast<std::size_t>(((n * g.oh() + top + y) * g.ow() + left + x) * g.oc + o)] +=
                            kA[y][p / 4] * kA[x][p % 4] * m[p];
        }
    }
    return dst;
}

void check_winograd(const Conv2dGeometry& g) {
    const Case test(g);
    const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5), bias = uniform(g.oc, 6);
    const Floats residual = uniform(static_cast<std::int64_t>(test.diff_dst.size()), 7);
    for (const bool fused : {false, true}) {
        INFO("fused " << fused);
        Floats source = test.src;
        Doubles magnitude = magnitudes(test.src);
        for (std::size_t i = 0; fused && i < source.size(); ++i) {
            const std::size_t c = i % static_cast<std::size_t>(g.ic);
            source[i] = std::max(0.0F, std::fma(test.src[i], scale[c], shift[c]));
            magnitude[i] = std::abs(double{test.src[i]} * double{scale[c]}) + std::abs(double{shift[c]});
        }
        Doubles truth(test.diff_dst.size());
        conv2d_forward_reference(g, widened(source).data(), widened(test.weights).data(),
                                 fused ? widened(bias).data() : nullptr, truth.data());
        Doubles sizes = winograd_magnitudes(g, magnitude, magnitudes(test.weights));
        for (std::size_t i = 0; fused && i < truth.size(); ++i) {
            truth[i] = std::max(0.0, truth[i] + double{residual[i]});
            sizes[i] += std::abs(double{residual[i]}) + std::abs(double{bias[i % static_cast<std::size_t>(g.oc)]});
        }
        for (double& size : sizes) size *= static_cast<double>(g.ic + 16) * kRoundoff;
        const std::int64_t src_ld = g.ic + 3, dst_ld = g.oc + 5;
        Floats dst = spread(Floats(truth.size(), 9.0F), g.oc, dst_ld);
        IgemmFusion fusion;
        if (fused) fusion = {{scale.data(), shift.data(), true}, bias.data(), {residual.data(), g.oc}, true};
        winograd_forward(g, {spread(test.src, g.ic, src_ld).data(), src_ld}, as_panels(g, test.weights).data(), fusion,
                         {dst.data(), dst_ld});
        CHECK(outliers(gathered(dst, g.oc, dst_ld), truth, sizes) == 0);
    }
    // Backward data is the forward pass of the flipped, transposed weights.
    Doubles truth(test.src.size()), flipped(test.weights.size());
    conv2d_backward_data_reference(g, widened(test.diff_dst).data(), widened(test.weights).data(), truth.data());
    for (std::size_t k = 0; k < flipped.size(); ++k) {
        const std::size_t o = k / 9 / static_cast<std::size_t>(g.ic), i = k / 9 % static_cast<std::size_t>(g.ic),
                          tap = k % 9;
        flipped[(i * static_cast<std::size_t>(g.oc) + o) * 9 + 8 - tap] = std::abs(double{test.weights[k]});
    }
    const Conv2dGeometry back{g.n, g.oc, g.oh(), g.ow(), g.ic, 3, 3, 1, 1, 2 - g.pad_h, 2 - g.pad_w};
    Doubles sizes = winograd_magnitudes(back, magnitudes(test.diff_dst), flipped);
    for (double& size : sizes) size *= static_cast<double>(g.oc + 16) * kRoundoff;
    Floats diff_src(test.src.size(), 9.0F);
    winograd_backward_data(g, {test.diff_dst.data(), g.oc}, as_panels(g, test.weights).data(), {},
                           {diff_src.data(), g.ic});
    CHECK(outliers(diff_src, truth, sizes) == 0);
}

/// The magnitudes in the bound on the error of winograd_backward_weights, of plain weights.
Doubles winograd_weights_magnitudes(const Conv2dGeometry& g, const Doubles& src, const Doubles& diff_dst) {
    constexpr double kB[4][4] = {{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}};
    constexpr double kG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}};
    constexpr double kA[2][4] = {{1, 1, 1, 0}, {0, 1, 1, 1}};
    const std::int64_t th = (g.oh() + 1) / 2, tw = (g.ow() + 1) / 2;
    std::vector<std::array<double, 16>> u(static_cast<std::size_t>(g.oc * g.ic));
    for (std::int64_t tile = 0; tile < g.n * th * tw; ++tile) {
        const std::int64_t n = tile / tw / th, top = tile / tw % th * 2, left = tile % tw * 2;
        std::vector<std::array<double, 16>> v(static_cast<std::size_t>(g.ic)), z(static_cast<std::size_t>(g.oc));
        for (std::int64_t y = 0; y < 4; ++y)
            for (std::int64_t x = 0; x < 4; ++x) {
                const std::int64_t sy = top + y - g.pad_h, sx = left + x - g.pad_w;
                for (std::size_t i = 0; sy >= 0 && sy < g.ih && sx >= 0 && sx < g.iw && i < v.size(); ++i)
                    for (std::size_t p = 0; p < 16; ++p)
                        v[i][p] += kB[p / 4][y] * kB[p % 4][x] *
                                   src[static_cast<std::size_t>(((n * g.ih + sy) * g.iw + sx) * g.ic) + i];
            }
        for (std::int64_t y = 0; y < 2 && top + y < g.oh(); ++y)
            for (std::int64_t x = 0; x < 2 && left + x < g.ow(); ++x)
                for (std::size_t o = 0; o < z.size(); ++o)
                    for (std::size_t p = 0; p < 16; ++p)
                        z[o][p] +=
                            kA[y][p / 4] * kA[x][p % 4] *
                            diff_dst[static_cast<std::size_t>(((n * g.oh() + top + y) * g.ow() + left + x) * g.oc) + o];
        for (std::size_t o = 0; o < z.size(); ++o)
            for (std::size_t i = 0; i < v.size(); ++i)
                for (std::size_t p = 0; p < 16; ++p) u[o * v.size() + i][p] += v[i][p] * z[o][p];
    }
    Doubles weights(u.size() * 9);
    for (std::size_t k = 0; k < u.size(); ++k)
        for (std::size_t p = 0; p < 16; ++p)
            for (std::size_t t = 0; t < 9; ++t) weights[k * 9 + t] += kG[p / 4][t / 3] * kG[p % 4][t % 3] * u[k][p];
    return weights;
}

void check_winograd_weights(const Conv2dGeometry& g) {
    const Case test(g);
    const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5);
    for (const bool affine : {false, true}) {
        INFO("affine " << affine);
        Floats source = test.src;
        Doubles magnitude = magnitudes(test.src);
        for (std::size_t i = 0; affine && i < source.size(); ++i) {
            const std::size_t c = i % static_cast<std::size_t>(g.ic);
            source[i] = std::max(0.0F, std::fma(test.src[i], scale[c], shift[c]));
            magnitude[i] = std::abs(double{test.src[i]} * double{scale[c]}) + std::abs(double{shift[c]});
        }
        Doubles truth(test.weights.size());
        conv2d_backward_weights_reference<double>(g, widened(source).data(), widened(test.diff_dst).data(),
                                                  truth.data(), nullptr);
        Doubles sizes = winograd_weights_magnitudes(g, magnitude, magnitudes(test.diff_dst));
        const auto tiles = static_cast<double>(g.n * ((g.oh() + 1) / 2) * ((g.ow() + 1) / 2));
        for (double& size : sizes) size *= (tiles + 16) * kRoundoff;
        const std::int64_t src_ld = g.ic + 3, dst_ld = g.oc + 1;
        Floats diff_weights(test.weights.size(), 9.0F);
        winograd_backward_weights(g, {spread(test.src, g.ic, src_ld).data(), src_ld},
                                  affine ? ConvAffine{scale.data(), shift.data(), true} : ConvAffine{},
                                  {spread(test.diff_dst, g.oc, dst_ld).data(), dst_ld}, diff_weights.data());
        CHECK(outliers(diff_weights, as_panels(g, truth), as_panels(g, sizes)) == 0);
    }
}

/// Channels in panels; the rest of the geometry as it is.
Conv2dGeometry of_panels(Conv2dGeometry g) {
    g.ic *= igemm_columns();
    g.oc *= igemm_columns();
    return g;
}

// n, ic and oc in panels, and between them ih, iw; then kh, kw, strides, pads, dilations.
const Conv2dGeometry kGeometries[] = {
    {1, 1, 1, 1, 1, 1, 1},                       // one pixel
    {2, 1, 7, 7, 2, 1, 1},                       // tiles that end inside a row and go on in the next image
    {1, 40, 5, 3, 3, 1, 1},                      // deeper than a block
    {3, 2, 8, 9, 1, 1, 1, 2, 2},                 // strided 1x1: three of four pixels get no gradient
    {2, 1, 6, 6, 1, 1, 1, 1, 1, 1, 1},           // padded 1x1
    {2, 2, 9, 7, 1, 3, 3, 1, 1, 1, 1},           //
    {1, 1, 14, 13, 2, 3, 3, 2, 2, 1, 1},         //
    {2, 1, 9, 9, 1, 3, 3, 1, 1, 2, 2, 2, 2},     // dilated
    {1, 1, 11, 8, 1, 5, 2, 3, 1, 2, 1},          // asymmetric
    {1, 1, 5, 5, 1, 3, 3, 1, 1, 4, 3},           // more padding than kernel
    {2, 1, 9, 20, 1, 7, 7, 2, 2, 3, 3},          //
    {1, 5, 4, 4, 2, 3, 3, 1, 1, 1, 1, 1, 1, 1},  //
    {9, 1, 3, 70, 1, 3, 1, 1, 1, 1, 0},          // blocks of pixels that span images
};

}  // namespace

TEST_CASE("the implicit products agree with the reference in all directions", "[igemm]") {
    for_each_isa([] {
        for (const Conv2dGeometry& units : kGeometries) {
            const Conv2dGeometry g = of_panels(units);
            INFO("n " << g.n << ", src " << g.ih << "x" << g.iw << "x" << g.ic << ", oc " << g.oc << ", kernel " << g.kh
                      << "x" << g.kw);
            REQUIRE(igemm_serves(g));
            const Case test(g);
            for (const int threads : {1, 2, 7}) {
                INFO("threads " << threads);
                const ThreadScope team(threads);
                test.check_forward();
                test.check_backward_data();
                test.check_backward_weights();
            }
        }
    });
}

TEST_CASE("Winograd's products keep to their bounds in all directions", "[igemm]") {
    for_each_isa([] {
        for (const Conv2dGeometry& units :
             {Conv2dGeometry{1, 1, 4, 4, 1, 3, 3, 1, 1, 1, 1}, Conv2dGeometry{2, 2, 7, 5, 1, 3, 3, 1, 1, 1, 1},
              Conv2dGeometry{3, 1, 6, 9, 2, 3, 3}, Conv2dGeometry{1, 1, 1, 1, 1, 3, 3, 1, 1, 2, 2},
              Conv2dGeometry{2, 1, 13, 3, 1, 3, 3, 1, 1, 0, 1}, Conv2dGeometry{5, 1, 15, 14, 1, 3, 3, 1, 1, 1, 1}}) {
            const Conv2dGeometry g = of_panels(units);
            INFO("n " << g.n << ", src " << g.ih << "x" << g.iw << "x" << g.ic << ", oc " << g.oc << ", pad " << g.pad_h
                      << " " << g.pad_w);
            REQUIRE(winograd_serves(g));
            for (const int threads : {1, 3}) {
                const ThreadScope team(threads);
                check_winograd(g);
                check_winograd_weights(g);
            }
        }
    });
}

TEST_CASE("Winograd's algorithm is for 3x3 of stride 1 and many pixels", "[igemm]") {
    const std::int64_t c = igemm_columns();
    CHECK(winograd_wins({16, c, 14, 14, c, 3, 3, 1, 1, 1, 1}));
    CHECK_FALSE(winograd_wins({1, c, 14, 14, c, 3, 3, 1, 1, 1, 1}));
    CHECK_FALSE(winograd_serves({16, c, 14, 14, c, 3, 3, 2, 2, 1, 1}));
    CHECK_FALSE(winograd_serves({16, c, 14, 14, c, 3, 3, 1, 1, 2, 2, 2, 2}));
    CHECK_FALSE(winograd_serves({16, c, 14, 14, c, 5, 5, 1, 1, 1, 1}));
    CHECK_FALSE(winograd_serves({16, c, 14, 14, c, 3, 3, 1, 1, 3, 3}));
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
