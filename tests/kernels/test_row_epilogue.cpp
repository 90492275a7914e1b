// Passes of a convolution that feed what follows while their result is in the cache, against the same in two passes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/error.h"
#include "kernels/igemm/igemm.h"
#include "kernels/routing/conv2d.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Floats = std::vector<float>;

/// One panel and two; whole tiles and not; one chunk and many; kernels of every walk.
std::vector<Conv2dGeometry> geometries() {
    const std::int64_t c = igemm_columns();
    return {{1, c, 5, 5, c, 1, 1},
            {3, 2 * c, 29, 31, c, 1, 1},
            {2, c, 40, 40, 2 * c, 1, 1},
            {2, c, 30, 31, 2 * c, 3, 3, 1, 1, 1, 1},  // Winograd's algorithm
            {9, 2 * c, 7, 7, c, 3, 3, 1, 1, 1, 1},
            {1, c, 9, 9, c, 3, 3, 1, 1, 1, 1},  // too small for it
            {2, c, 31, 28, c, 3, 3, 2, 2, 1, 1},
            {1, c, 12, 11, c, 5, 5, 1, 1, 2, 2}};
}

struct Case {
    explicit Case(const Conv2dGeometry& geometry)
        : g(geometry),
          layout(preferred_layout(g, true)),
          src(uniform(g.n * g.ih * g.iw * g.ic, 1)),
          diff_dst(uniform(g.n * g.oh() * g.ow() * g.oc, 2)),
          weights(static_cast<std::size_t>(layout_elements(layout))) {
        pack_weights(layout, uniform(g.weights_elements(), 3, 0.0F, 0.1F).data(), weights.data());
    }
    std::int64_t src_rows() const { return g.n * g.ih * g.iw; }
    std::int64_t dst_rows() const { return g.n * g.oh() * g.ow(); }

    Conv2dGeometry g;
    WeightsLayout layout;
    Floats src, diff_dst, weights;
};

/// Of sums over `rows` values within +-size: eight at a time are added in float, on both sides.
double sum_bound(std::int64_t rows, double size) { return 16 * static_cast<double>(rows) * size * kRoundoff; }

struct Coefficients {
    explicit Coefficients(std::int64_t c)
        : mean(uniform(c, 4, -0.2F, 0.2F)),
          inverse(uniform(c, 5, 0.5F, 2.0F)),
          scale(uniform(c, 6, -2, 2)),
          shift(uniform(c, 7)) {}
    BatchNormCoefficients<float> all() const { return {mean.data(), inverse.data(), scale.data(), shift.data()}; }
    Floats mean, inverse, scale, shift;
};

void check_sums(const Floats& got, const Floats& wanted, double bound) {
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(double{got[i]} - double{wanted[i]}) <= bound);
}

}  // namespace

TEST_CASE("a forward pass takes its result's statistics along", "[row_epilogue]") {
    for_each_isa([&] {
        for (const Conv2dGeometry& geometry : geometries()) {
            const Case test(geometry);
            const Conv2dGeometry& g = test.g;
            CAPTURE(g.n, g.ic, g.ih, g.iw, g.oc, g.kh, g.stride_h);
            const auto c = static_cast<std::size_t>(g.oc);
            Floats plain(test.diff_dst.size()), dst(plain.size()), mean(c), variance(c), wanted_mean(c),
                wanted_variance(c);
            conv2d_forward(g, true, test.src.data(), test.weights.data(), test.layout, nullptr, plain.data());
            batch_norm_statistics(test.dst_rows(), g.oc, g.oc, plain.data(), wanted_mean.data(),
                                  wanted_variance.data());
            Floats first_mean;
            for (const int threads : {1, 2, 3}) {
                const ThreadScope team(threads);
                BatchNormMoments moments(g.oc);
                conv2d_forward(g, true, test.src.data(), test.weights.data(), test.layout, nullptr, dst.data(), {},
                               &moments);
                moments.result(mean.data(), variance.data());
                CHECK(dst == plain);
                const double size = std::abs(double{*std::max_element(
                    plain.begin(), plain.end(), [](float a, float b) { return std::abs(a) < std::abs(b); })});
                check_sums(mean, wanted_mean, sum_bound(1, 2 * size));
                check_sums(variance, wanted_variance, sum_bound(1, 4 * size * size));
                if (threads == 1) first_mean = mean;
                if (own_kernels_read(test.layout)) CHECK(mean == first_mean);
            }
        }
    });
}

TEST_CASE("backward data feeds the backward pass of a batch norm in front", "[row_epilogue]") {
    for_each_isa([&] {
        for (const Conv2dGeometry& geometry : geometries())
            for (const bool relu : {true, false}) {
                const Case test(geometry);
                const Conv2dGeometry& g = test.g;
                CAPTURE(g.n, g.ic, g.ih, g.iw, g.oc, g.kh, g.stride_h, relu);
                const Coefficients k(g.ic);
                const auto c = static_cast<std::size_t>(g.ic);
                const BatchNormGeometry norm{test.src_rows(), g.ic, g.ic, g.ic, g.ic, relu};
                const Floats before = uniform(std::ssize(test.src), 8);
                Floats diff(test.src.size()), direct(diff.size()), added = before, gamma(c), beta(c), wanted_gamma(c),
                                                                   wanted_beta(c);
                conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), test.layout, diff.data());
                batch_norm_backward(norm, BatchNormGradient::direct, k.all(), test.src.data(), diff.data(),
                                    direct.data(), wanted_gamma.data(), wanted_beta.data());
                batch_norm_backward(norm, BatchNormGradient::added, k.all(), test.src.data(), diff.data(), added.data(),
                                    wanted_gamma.data(), wanted_beta.data());
                const double size =
                    static_cast<double>(g.oc * g.kh * g.kw) * 0.1;  // of an element of diff; xhat is below 3
                const auto check = [&](BatchNormBackward<float>& epilogue) {
                    epilogue.result(gamma.data(), beta.data());
                    check_sums(beta, wanted_beta, sum_bound(test.src_rows(), size));
                    check_sums(gamma, wanted_gamma, sum_bound(test.src_rows(), 3 * size));
                };

                Floats result(diff.size());
                BatchNormBackward<float> overwriting(norm, k.all(), test.src.data(), RowGradient::rows);
                conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), test.layout, result.data(), false,
                                     &overwriting);
                CHECK(result == direct);
                check(overwriting);

                const bool streams = backward_data_streams(g, test.layout);
                CHECK(streams == (own_kernels_read(test.layout) && g.stride_h == 1));
                Floats sum = before;
                BatchNormBackward<float> adding(norm, k.all(), test.src.data(), RowGradient::added, sum.data());
                conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), test.layout,
                                     streams ? Map{} : Map{result.data(), g.ic}, false, &adding);
                CHECK(sum == added);
                check(adding);
                if (!streams)
                    CHECK_THROWS_AS(conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), test.layout, {},
                                                         false, &adding),
                                    UsageError);
            }
    });
}

TEST_CASE("backward data adds to a gradient", "[row_epilogue]") {
    for_each_isa([&] {
        for (const Conv2dGeometry& geometry : geometries()) {
            const Case test(geometry);
            const Conv2dGeometry& g = test.g;
            if (!own_kernels_read(test.layout)) continue;
            CAPTURE(g.n, g.ic, g.ih, g.iw, g.oc, g.kh, g.stride_h);
            const Floats before = uniform(std::ssize(test.src), 8);
            Floats diff(test.src.size()), sum = before;
            conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), test.layout, diff.data());
            conv2d_backward_data(g, test.diff_dst.data(), test.weights.data(), test.layout, sum.data(), true);
            const double products = static_cast<double>(g.oc * g.kh * g.kw);
            std::vector<double> truth(diff.size());
            for (std::size_t i = 0; i < truth.size(); ++i) truth[i] = double{before[i]} + double{diff[i]};
            // Each side rounds once a product, of magnitude 0.1 at most (a few of that in Winograd's transforms), and
            // sums up.
            CHECK(outliers(sum, truth,
                           std::vector<double>(truth.size(), 8 * products * kRoundoff * (0.1 * products + 1))) == 0);
        }
    });
}
