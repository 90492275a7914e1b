// Batch normalisation against its definition in double. Bounds count roundings: u = kRoundoff each.
#include "kernels/batch_norm/batch_norm.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr float kEps = 1e-5F;

struct Case {
    BatchNormGeometry g;
    std::vector<float> src, diff_dst, gamma, beta, mean, variance;

    Case(std::int64_t rows, std::int64_t c, std::int64_t gap, bool relu, float offset = 0.5F)
        : g{rows, c, c + gap, c + 2 * gap, c + 3 * gap, relu},
          src(uniform(rows * g.src_ld, 1, offset - 1, offset + 2)),
          diff_dst(uniform(rows * g.dst_ld, 2)),
          gamma(uniform(c, 3, 0.5F, 2)),
          beta(uniform(c, 4)),
          mean(static_cast<std::size_t>(c)),
          variance(mean.size()) {
        const ThreadScope scope(1);
        batch_norm_statistics(g, src.data(), mean.data(), variance.data());
    }

    double x(std::int64_t r, std::int64_t i) const { return src[static_cast<std::size_t>(r * g.src_ld + i)]; }
    double centred(std::int64_t r, std::int64_t i) const { return x(r, i) - mean[static_cast<std::size_t>(i)]; }
    double inverse_sigma(std::int64_t i) const {
        return 1 / std::sqrt(static_cast<double>(variance[static_cast<std::size_t>(i)]) + static_cast<double>(kEps));
    }
    double scale(std::int64_t i) const { return gamma[static_cast<std::size_t>(i)] * inverse_sigma(i); }
    double y(std::int64_t r, std::int64_t i) const { return centred(r, i) * scale(i) + beta[static_cast<std::size_t>(i)]; }
    double dy(std::int64_t r, std::int64_t i) const {
        return g.relu && y(r, i) <= 0 ? 0 : diff_dst[static_cast<std::size_t>(r * g.dst_ld + i)];
    }
};

void check_backward(Case& t, bool global_statistics) {
    const BatchNormGeometry& g = t.g;
    for (std::int64_t r = 0; r < g.rows; ++r)  // where float and double may disagree on the sign of y, no gradient comes in
        for (std::int64_t i = 0; i < g.c; ++i)
            if (std::abs(t.y(r, i)) < 1e-4) t.diff_dst[static_cast<std::size_t>(r * g.dst_ld + i)] = 0;
    const auto c = static_cast<std::size_t>(g.c), rows = static_cast<std::size_t>(g.rows);
    std::vector<double> beta(c), gamma(c), beta_bounds(c), gamma_bounds(c);
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::size_t i = 0; i < c; ++i) {
            const auto k = static_cast<std::int64_t>(i);
            const double dy = t.dy(r, k), xhat = t.centred(r, k) * t.inverse_sigma(k);
            beta[i] += dy;
            gamma[i] += dy * xhat;
            beta_bounds[i] += 4 * kRoundoff * std::abs(dy);          // a tree of three levels, the result
            gamma_bounds[i] += 6 * kRoundoff * std::abs(dy * xhat);  // and the difference and the product
        }
    std::vector<double> truth(rows * static_cast<std::size_t>(g.diff_src_ld), 9), bounds(truth.size(), 0);
    for (std::int64_t r = 0; r < g.rows; ++r)
        for (std::size_t i = 0; i < c; ++i) {
            const auto k = static_cast<std::int64_t>(i);
            const auto at = static_cast<std::size_t>(r * g.diff_src_ld) + i;
            const double dy = t.dy(r, k), xhat = t.centred(r, k) * t.inverse_sigma(k), n = static_cast<double>(g.rows);
            truth[at] = t.scale(k) * (global_statistics ? dy : dy - beta[i] / n - xhat * gamma[i] / n);
            // at most eight roundings act on each of the three terms, the sums' own bounds come on top
            bounds[at] = t.scale(k) * (8 * kRoundoff * (std::abs(dy) + std::abs(beta[i] / n) + std::abs(xhat * gamma[i] / n)) +
                                       beta_bounds[i] / n + std::abs(xhat) * gamma_bounds[i] / n);
        }
    for_each_isa([&] {
        CAPTURE(g.rows, g.c, g.relu, global_statistics);
        std::vector<float> diff_src(truth.size(), 9), diff_gamma(c), diff_beta(c);
        batch_norm_backward(g, kEps, global_statistics, t.src.data(), t.diff_dst.data(), t.mean.data(), t.variance.data(),
                            t.gamma.data(), t.beta.data(), diff_src.data(), diff_gamma.data(), diff_beta.data());
        CHECK(outliers(diff_beta, beta, beta_bounds) == 0);
        CHECK(outliers(diff_gamma, gamma, gamma_bounds) == 0);
        CHECK(outliers(diff_src, truth, bounds) == 0);
    });
}

}  // namespace

TEST_CASE("statistics lose no digits to a mean far from zero", "[batch_norm]") {
    for (const std::int64_t c : {1, 3, 8, 17, 61, 1030})
        for (const std::int64_t rows : {1, 7, 8, 33, 1201})
            for (const float offset : {0.0F, 100.0F}) {
                const Case t(rows, c, 3, false, offset);
                std::vector<double> mean(static_cast<std::size_t>(c)), variance(mean.size()), mean_bounds, variance_bounds;
                for (std::int64_t i = 0; i < c; ++i) {
                    double &m = mean[static_cast<std::size_t>(i)], &v = variance[static_cast<std::size_t>(i)], spread = 0;
                    const auto n = static_cast<double>(rows);
                    for (std::int64_t r = 0; r < rows; ++r) m += t.x(r, i) / n;
                    for (std::int64_t r = 0; r < rows; ++r) {
                        v += (t.x(r, i) - m) * (t.x(r, i) - m) / n;
                        spread += std::abs(t.x(r, i) - m) / n;
                    }
                    const double negligible = 1e-12 * (1 + m * m);  // products of roundings, and double's own
                    // the result; a difference and a tree of three levels
                    mean_bounds.push_back(kRoundoff * std::abs(m) + 4 * kRoundoff * spread + negligible);
                    // difference (counts twice), square, tree and result: 7; the chunks' means err by 4 u of their spread, which
                    // the variance between chunks feels as 2 * 4 u (Cauchy and Schwarz)
                    variance_bounds.push_back(15 * kRoundoff * v + negligible);
                }
                for_each_isa([&] {
                    CAPTURE(c, rows, offset);
                    std::vector<float> m(mean.size()), v(mean.size());
                    batch_norm_statistics(t.g, t.src.data(), m.data(), v.data());
                    CHECK(outliers(m, mean, mean_bounds) == 0);
                    CHECK(outliers(v, variance, variance_bounds) == 0);
                });
            }
}

TEST_CASE("forward normalises, scales, shifts and clips", "[batch_norm]") {
    for (const std::int64_t c : {1, 3, 8, 17, 61})
        for (const std::int64_t gap : {0, 3})
            for (const bool relu : {false, true}) {
                const Case t(29, c, gap, relu);
                std::vector<double> truth(static_cast<std::size_t>(29 * t.g.dst_ld), 9), bounds(truth.size(), 0);
                for (std::int64_t r = 0; r < t.g.rows; ++r)
                    for (std::int64_t i = 0; i < c; ++i) {
                        const auto at = static_cast<std::size_t>(r * t.g.dst_ld + i);
                        truth[at] = relu ? std::max(0.0, t.y(r, i)) : t.y(r, i);
                        // the difference, the scale, their product, the sum
                        bounds[at] = 4 * kRoundoff * (std::abs(t.centred(r, i) * t.scale(i)) + std::abs(t.y(r, i)));
                    }
                for_each_isa([&] {
                    CAPTURE(c, gap, relu);
                    std::vector<float> dst(truth.size(), 9);
                    batch_norm_forward(t.g, kEps, t.src.data(), t.mean.data(), t.variance.data(), t.gamma.data(), t.beta.data(),
                                       dst.data());
                    CHECK(outliers(dst, truth, bounds) == 0);
                });
            }
}

TEST_CASE("forward in place equals forward, and a NaN passes the ReLU", "[batch_norm]") {
    Case t(13, 19, 0, true);
    t.src[40] = kNaN;
    for_each_isa([&] {
        std::vector<float> dst(t.src.size()), in_place = t.src;
        for (auto [from, to] : {std::pair<const float*, float*>{t.src.data(), dst.data()}, {in_place.data(), in_place.data()}})
            batch_norm_forward(t.g, kEps, from, t.mean.data(), t.variance.data(), t.gamma.data(), t.beta.data(), to);
        CHECK(same(dst, in_place));
        CHECK(std::isnan(dst[40]));
    });
}

TEST_CASE("backward is the gradient, with the batch's statistics and with given ones", "[batch_norm]") {
    for (const std::int64_t c : {1, 3, 8, 17, 61})
        for (const std::int64_t gap : {0, 3})
            for (const bool relu : {false, true})
                for (const bool global_statistics : {false, true}) {
                    Case t(gap == 0 ? 45 : 1201, c, gap, relu);
                    check_backward(t, global_statistics);
                }
}

TEST_CASE("backward in place, and without diff_src", "[batch_norm]") {
    Case t(77, 21, 0, true);
    for_each_isa([&] {
        std::vector<float> diff_src(t.src.size()), in_place = t.diff_dst, gamma[3], beta[3];
        float* const targets[] = {diff_src.data(), in_place.data(), nullptr};
        for (int k = 0; k < 3; ++k) {
            gamma[k].resize(21);
            beta[k].resize(21);
            batch_norm_backward(t.g, kEps, false, t.src.data(), k == 1 ? in_place.data() : t.diff_dst.data(), t.mean.data(),
                                t.variance.data(), t.gamma.data(), t.beta.data(), targets[k], gamma[k].data(), beta[k].data());
            CHECK(gamma[k] == gamma[0]);
            CHECK(beta[k] == beta[0]);
        }
        CHECK(diff_src == in_place);
    });
}

TEST_CASE("statistics and gradients have the same bits for any number of threads", "[batch_norm]") {
    const Case t(3001, 37, 2, true);
    for_each_isa([&] {
        std::vector<std::vector<float>> results[3];
        for (const int threads : {1, 2, 3}) {
            const ThreadScope scope(threads);
            std::vector<float> m(37), v(37), diff_src(static_cast<std::size_t>(t.g.rows * t.g.diff_src_ld)), gamma(37), beta(37);
            batch_norm_statistics(t.g, t.src.data(), m.data(), v.data());
            batch_norm_backward(t.g, kEps, false, t.src.data(), t.diff_dst.data(), t.mean.data(), t.variance.data(), t.gamma.data(),
                                t.beta.data(), diff_src.data(), gamma.data(), beta.data());
            results[threads - 1] = {m, v, diff_src, gamma, beta};
        }
        CHECK(results[0] == results[1]);
        CHECK(results[0] == results[2]);
    });
}
