// Winograd's algorithm, on every ISA, against the plain loops in double precision and its own bound.
#include "kernels/igemm/winograd.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "kernels/parallel.h"
#include "tests/kernels/halves.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

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

/// A sample whose maps are of either type.
ConvSample sample_of(const Conv2dGeometry& g, bool halves) {
    ConvSample test(g);
    if (!halves) return test;
    test.src = nearest(test.src);
    test.diff_dst = nearest(test.diff_dst);
    return test;
}

/// What bounds a sum of `terms` products: those of bf16 are of two transforms, each rounded once more.
double roundoff_of(std::int64_t terms, bool halves) {
    return static_cast<double>(terms + 16) * kRoundoff +
           (halves ? 2 * kHalfRoundoff + kHalfRoundoff * kHalfRoundoff : 0);
}

void check_winograd(const Conv2dGeometry& g, bool halves) {
    const ConvSample test = sample_of(g, halves);
    const Floats scale = uniform(g.ic, 4), shift = uniform(g.ic, 5), bias = uniform(g.oc, 6);
    Floats residual = uniform(static_cast<std::int64_t>(test.diff_dst.size()), 7);
    if (halves) residual = nearest(residual);
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
        for (double& size : sizes) size *= roundoff_of(g.ic, halves);
        if (halves) sizes = with_rounding(sizes, truth);
        const EitherMap src(halves, test.src, g.ic, g.ic + 4), added(halves, residual, g.oc, g.oc + 2);
        EitherMap dst(halves, Floats(truth.size(), 9.0F), g.oc, g.oc + 6);
        IgemmFusion fusion;
        if (fused) fusion = {{scale.data(), shift.data(), true}, bias.data(), added.read(), true};
        winograd_forward(g, src.read(), as_panels(g, test.weights).data(), fusion, dst.write());
        CHECK(outliers(dst.values(), truth, sizes) == 0);
    }
    // Backward data is the forward pass of the flipped, transposed weights.
    Doubles truth(test.src.size()), flipped(test.weights.size());
    conv2d_backward_data_reference(g, widened(test.diff_dst).data(), widened(test.weights).data(), truth.data());
    for (std::size_t k = 0; k < flipped.size(); ++k) {
        const std::size_t o = k / 9 / static_cast<std::size_t>(g.ic), i = k / 9 % static_cast<std::size_t>(g.ic),
                          tap = k % 9;
        flipped[(i * static_cast<std::size_t>(g.oc) + o) * 9 + 8 - tap] = std::abs(double{test.weights[k]});
    }
    const Conv2dGeometry back{g.n, g.oc,        g.oh(),      g.ow(), g.ic, 3, 3,        1,
                              1,   2 - g.pad_h, 2 - g.pad_w, 1,      1,    1, -g.far_h, -g.far_w};
    Doubles sizes = winograd_magnitudes(back, magnitudes(test.diff_dst), flipped);
    for (double& size : sizes) size *= roundoff_of(g.oc, halves);
    if (halves) sizes = with_rounding(sizes, truth);
    const EitherMap diff_dst(halves, test.diff_dst, g.oc, g.oc);
    EitherMap diff_src(halves, Floats(test.src.size(), 9.0F), g.ic, g.ic);
    winograd_backward_data(g, diff_dst.read(), as_panels(g, test.weights).data(), {}, diff_src.write());
    CHECK(outliers(diff_src.values(), truth, sizes) == 0);
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

void check_winograd_weights(const Conv2dGeometry& g, bool halves) {
    const ConvSample test = sample_of(g, halves);
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
        const std::int64_t tiles = g.n * ((g.oh() + 1) / 2) * ((g.ow() + 1) / 2);
        for (double& size : sizes) size *= roundoff_of(tiles, halves);
        const EitherMap src(halves, test.src, g.ic, g.ic + 4), diff_dst(halves, test.diff_dst, g.oc, g.oc + 2);
        Floats diff_weights(test.weights.size(), 9.0F);
        winograd_backward_weights(g, src.read(), affine ? ConvAffine{scale.data(), shift.data(), true} : ConvAffine{},
                                  diff_dst.read(), diff_weights.data());
        CHECK(outliers(diff_weights, as_panels(g, truth), as_panels(g, sizes)) == 0);
    }
}

void check_passes(std::initializer_list<Conv2dGeometry> geometries, std::initializer_list<int> teams,
                  std::initializer_list<bool> types) {
    for_each_isa([&] {
        for (const Conv2dGeometry& units : geometries) {
            const Conv2dGeometry g = of_panels(units);
            INFO("n " << g.n << ", src " << g.ih << "x" << g.iw << "x" << g.ic << ", oc " << g.oc << ", pad " << g.pad_h
                      << " " << g.pad_w);
            REQUIRE(winograd_serves(g));
            for (const int threads : teams) {
                const ThreadScope team(threads);
                for (const bool halves : types) {
                    INFO("bf16 " << halves);
                    check_winograd(g, halves);
                    check_winograd_weights(g, halves);
                }
            }
        }
    });
}

}  // namespace

TEST_CASE("Winograd's products keep to their bounds in all directions", "[igemm][large]") {
    check_passes({Conv2dGeometry{1, 1, 4, 4, 1, 3, 3, 1, 1, 1, 1}, Conv2dGeometry{2, 2, 7, 5, 1, 3, 3, 1, 1, 1, 1},
                  Conv2dGeometry{3, 1, 6, 9, 2, 3, 3}, Conv2dGeometry{1, 1, 1, 1, 1, 3, 3, 1, 1, 2, 2},
                  Conv2dGeometry{2, 1, 13, 3, 1, 3, 3, 1, 1, 0, 1}, Conv2dGeometry{5, 1, 15, 14, 1, 3, 3, 1, 1, 1, 1},
                  Conv2dGeometry{2, 1, 8, 7, 1, 3, 3, 1, 1, 0, 1, 1, 1, 1, 2, -1}},
                 {1, 3}, {false, true});
}

TEST_CASE("Winograd's products of bf16 keep to their bounds on small maps", "[igemm][bf16]") {
    check_passes({Conv2dGeometry{1, 1, 5, 4, 1, 3, 3, 1, 1, 1, 1}, Conv2dGeometry{2, 1, 6, 7, 1, 3, 3}}, {2}, {true});
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
