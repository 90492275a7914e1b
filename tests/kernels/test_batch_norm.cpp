// Batch normalization against its definition in double. Bounds count roundings: u = kRoundoff each.
#include "kernels/batch_norm/batch_norm.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr float kEps = 1e-5F;
constexpr BatchNormGradient kGradients[] = {BatchNormGradient::whole, BatchNormGradient::direct,
                                            BatchNormGradient::added};

/// Distances of src, dst and diff_src between pixels differ unless `gap` is 0.
struct Case {
    BatchNormGeometry g;
    std::vector<float> src, dst, diff_dst, gamma, beta, mean, variance, inverse_sigma, scale, shift;

    Case(std::int64_t rows, std::int64_t c, std::int64_t gap, bool relu, float offset = 0.5F)
        : g{rows, c, c + gap, c + 2 * gap, c + 3 * gap, relu},
          src(uniform(rows * g.src_ld, 1, offset - 1, offset + 2)),
          dst(uniform(rows * g.dst_ld, 5)),
          diff_dst(uniform(rows * g.dst_ld, 2)),
          gamma(uniform(c, 3, 0.5F, 2)),
          beta(uniform(c, 4)),
          mean(static_cast<std::size_t>(c)),
          variance(mean.size()),
          inverse_sigma(mean.size()),
          scale(mean.size()),
          shift(mean.size()) {
        const ThreadScope scope(1);
        batch_norm_statistics(rows, c, g.src_ld, src.data(), mean.data(), variance.data());
        batch_norm_coefficients(c, kEps, mean.data(), variance.data(), gamma.data(), beta.data(), inverse_sigma.data(),
                                scale.data(), shift.data());
    }

    BatchNormCoefficients<float> coefficients() const {
        return {mean.data(), inverse_sigma.data(), scale.data(), shift.data()};
    }
    std::size_t src_at(std::int64_t r, std::size_t i) const { return static_cast<std::size_t>(r * g.src_ld) + i; }
    std::size_t dst_at(std::int64_t r, std::size_t i) const { return static_cast<std::size_t>(r * g.dst_ld) + i; }
    std::size_t diff_at(std::int64_t r, std::size_t i) const { return static_cast<std::size_t>(r * g.diff_src_ld) + i; }
    double x(std::int64_t r, std::size_t i) const { return src[src_at(r, i)]; }
    double centred(std::int64_t r, std::size_t i) const { return x(r, i) - mean[i]; }
    double sigma(std::size_t i) const {
        return std::sqrt(static_cast<double>(variance[i]) + static_cast<double>(kEps));
    }
    double y(std::int64_t r, std::size_t i) const { return centred(r, i) * gamma[i] / sigma(i) + beta[i]; }

    /// diff_dst of the elements that the ReLU let pass, after `diff_dst` is 0 where float and double may disagree on
    /// that.
    std::vector<double> dy_of_relu() {
        std::vector<double> dy(diff_dst.size());
        for (std::int64_t r = 0; r < g.rows; ++r)
            for (std::size_t i = 0; i < mean.size(); ++i) {
                if (g.relu && std::abs(y(r, i)) < 1e-4) diff_dst[dst_at(r, i)] = 0;
                dy[dst_at(r, i)] = g.relu && y(r, i) <= 0 ? 0 : diff_dst[dst_at(r, i)];
            }
        return dy;
    }
    std::vector<double> dy_of_join() const {
        std::vector<double> dy(diff_dst.size());
        for (std::size_t i = 0; i < dy.size(); ++i) dy[i] = dst[i] > 0 ? diff_dst[i] : 0;
        return dy;
    }
};

struct Truth {
    std::vector<double> beta, gamma, beta_bounds, gamma_bounds, diff_src, diff_src_bounds;
};

constexpr float kBefore = 9;  // what a destination holds

Truth truth_of(const Case& t, const std::vector<double>& dy, BatchNormGradient gradient) {
    const std::size_t c = t.mean.size();
    Truth truth{std::vector<double>(c), std::vector<double>(c), std::vector<double>(c), std::vector<double>(c), {}, {}};
    for (std::int64_t r = 0; r < t.g.rows; ++r)
        for (std::size_t i = 0; i < c; ++i) {
            const double d = dy[t.dst_at(r, i)], xhat = t.centred(r, i) / t.sigma(i);
            truth.beta[i] += d;
            truth.gamma[i] += d * xhat;
            truth.beta_bounds[i] += 8 * kRoundoff * std::abs(d);  // a sum of eight, the result
            truth.gamma_bounds[i] +=
                11 * kRoundoff * std::abs(d * xhat);  // and the difference, the product and 1 / sigma
        }
    truth.diff_src.assign(static_cast<std::size_t>(t.g.rows * t.g.diff_src_ld), kBefore);
    truth.diff_src_bounds.assign(truth.diff_src.size(), 0);
    const auto n = static_cast<double>(t.g.rows);
    for (std::int64_t r = 0; r < t.g.rows; ++r)
        for (std::size_t i = 0; i < c; ++i) {
            const double d = dy[t.dst_at(r, i)], xhat = t.centred(r, i) / t.sigma(i), scale = t.gamma[i] / t.sigma(i);
            const double offset = truth.beta[i] / n, slope = truth.gamma[i] / n;
            double &result = truth.diff_src[t.diff_at(r, i)], &bound = truth.diff_src_bounds[t.diff_at(r, i)];
            if (gradient == BatchNormGradient::whole) {
                result = scale * (d - offset - xhat * slope);
                // at most eight roundings act on each of the three terms, the sums' own bounds come on top
                bound = scale * (8 * kRoundoff * (std::abs(d) + std::abs(offset) + std::abs(xhat * slope)) +
                                 truth.beta_bounds[i] / n + std::abs(xhat) * truth.gamma_bounds[i] / n);
            } else {
                const double before = gradient == BatchNormGradient::added ? double{kBefore} : 0;
                result = before + scale * d;
                bound = kRoundoff * (2 * std::abs(scale * d) + std::abs(result));  // the scale, the product, the sum
            }
        }
    return truth;
}

/// Calls backward(diff_src, diff_gamma, diff_beta) on every ISA.
template <class Backward>
void check(const Case& t, const Truth& truth, BatchNormGradient gradient, Backward backward) {
    for_each_isa([&] {
        CAPTURE(t.g.rows, t.g.c, t.g.relu, static_cast<int>(gradient));
        std::vector<float> diff_src(truth.diff_src.size(), kBefore), diff_gamma(t.mean.size()),
            diff_beta(t.mean.size());
        backward(diff_src.data(), diff_gamma.data(), diff_beta.data());
        CHECK(outliers(diff_beta, truth.beta, truth.beta_bounds) == 0);
        CHECK(outliers(diff_gamma, truth.gamma, truth.gamma_bounds) == 0);
        CHECK(outliers(diff_src, truth.diff_src, truth.diff_src_bounds) == 0);
    });
}

}  // namespace

TEST_CASE("statistics lose no digits to a mean far from zero", "[batch_norm]") {
    for (const std::int64_t c : {1, 3, 8, 17, 61, 1030})
        for (const std::int64_t rows : {1, 7, 8, 33, 1201, 5003})
            for (const float offset : {0.0F, 100.0F}) {
                if (c * rows > 2'000'000) continue;
                const Case t(rows, c, 3, false, offset);
                std::vector<double> mean(t.mean.size()), variance(mean.size()), mean_bounds, variance_bounds;
                for (std::size_t i = 0; i < mean.size(); ++i) {
                    double &m = mean[i], &v = variance[i], spread = 0, farthest = 0;
                    const auto n = static_cast<double>(rows);
                    for (std::int64_t r = 0; r < rows; ++r) m += t.x(r, i) / n;
                    for (std::int64_t r = 0; r < rows; ++r) {
                        const double distance = std::abs(t.x(r, i) - m);
                        v += distance * distance / n;
                        spread += distance / n;
                        farthest = std::max(farthest, distance);
                    }
                    const double negligible = 1e-12 * (1 + m * m);  // products of roundings, and double's own
                    // Differences are from a centre amid the values, so at most `farthest` from the mean. Of the mean:
                    // the result; a difference and a sum of eight.
                    const double moved = 8 * kRoundoff * (spread + farthest);
                    mean_bounds.push_back(kRoundoff * std::abs(m) + moved + negligible);
                    // Of the variance: difference (counts twice), square, sum of eight and result, 11 in all, of the
                    // squares around the centre; then the square of the mean's distance from the centre, and of the
                    // chunks' means from each other, both at most `farthest` and off by `moved`.
                    variance_bounds.push_back(11 * kRoundoff * (v + farthest * farthest) + 4 * farthest * moved +
                                              negligible);
                }
                for_each_isa([&] {
                    CAPTURE(c, rows, offset);
                    std::vector<float> m(mean.size()), v(mean.size());
                    batch_norm_statistics(rows, c, t.g.src_ld, t.src.data(), m.data(), v.data());
                    CHECK(outliers(m, mean, mean_bounds) == 0);
                    CHECK(outliers(v, variance, variance_bounds) == 0);
                });
            }
}

TEST_CASE("a constant channel has variance 0, and an odd start of a chunk does no harm", "[batch_norm]") {
    constexpr std::int64_t kRows = 500;
    std::vector<float> src(2 * kRows);
    for (std::size_t r = 0; r < kRows; ++r) {
        src[2 * r] = 0.1F;
        src[2 * r + 1] = r < 8 ? -1000.0F : (r % 2 == 0 ? 1.0F : -1.0F);
    }
    // 492 values of +-1 with mean 0 and eight of -1000
    const double mean = -16, variance = (492 * (1.0 + 256.0) + 8 * 984.0 * 984.0) / 500;
    for_each_isa([&] {
        float m[2], v[2];
        batch_norm_statistics<float>(kRows, 2, 2, src.data(), m, v);
        CHECK(m[0] == 0.1F);
        CHECK(v[0] <= 1e-15F);  // the scalar variant divides before it adds up
        CHECK(std::abs(m[1] - mean) <= 8 * kRoundoff * 2000);
        CHECK(std::abs(v[1] - variance) <= 64 * kRoundoff * variance);
    });
}

TEST_CASE("coefficients make the normalization one multiply-add", "[batch_norm]") {
    const Case t(29, 61, 3, false);
    for (std::size_t i = 0; i < t.mean.size(); ++i) {
        const double scale = t.gamma[i] / t.sigma(i), shift = t.beta[i] - t.mean[i] * scale;
        CHECK(std::abs(t.inverse_sigma[i] * t.sigma(i) - 1) <= kRoundoff);
        CHECK(std::abs(t.scale[i] - scale) <= kRoundoff * scale);
        CHECK(std::abs(t.shift[i] - shift) <= kRoundoff * std::abs(shift));
    }
}

TEST_CASE("backward is the gradient, whole and in parts", "[batch_norm]") {
    for (const std::int64_t c : {1, 3, 8, 17, 61})
        for (const std::int64_t gap : {0, 3})
            for (const bool relu : {false, true})
                for (const BatchNormGradient gradient : kGradients) {
                    Case t(gap == 0 ? 45 : 1201, c, gap, relu);
                    check(t, truth_of(t, t.dy_of_relu(), gradient), gradient,
                          [&](float* diff_src, float* gamma, float* beta) {
                              batch_norm_backward(t.g, gradient, t.coefficients(), t.src.data(), t.diff_dst.data(),
                                                  diff_src, gamma, beta);
                          });
                }
}

TEST_CASE("backward of a join masks by its result, and hands the residual its gradient", "[batch_norm]") {
    for (const std::int64_t c : {1, 8, 61})
        for (const std::int64_t gap : {0, 3})
            for (const BatchNormGradient gradient : kGradients) {
                const Case t(gap == 0 ? 45 : 1201, c, gap, true);
                const std::vector<double> dy = t.dy_of_join();
                for (const bool in_place : {false, true})
                    check(t, truth_of(t, dy, gradient), gradient, [&](float* diff_src, float* gamma, float* beta) {
                        std::vector<float> residual = in_place ? t.diff_dst : std::vector<float>(dy.size(), kBefore);
                        batch_norm_join_backward(t.g, gradient, t.coefficients(), t.src.data(), t.dst.data(),
                                                 in_place ? residual.data() : t.diff_dst.data(), residual.data(),
                                                 diff_src, gamma, beta);
                        std::int64_t wrong = 0;
                        for (std::int64_t r = 0; r < t.g.rows; ++r)
                            for (std::size_t i = 0; i < t.mean.size(); ++i)
                                wrong += residual[t.dst_at(r, i)] != static_cast<float>(dy[t.dst_at(r, i)]);
                        CHECK(wrong == 0);
                    });
            }
}

TEST_CASE("backward in place, and without diff_src", "[batch_norm]") {
    Case t(77, 21, 0, true);
    for (const BatchNormGradient gradient : {BatchNormGradient::whole, BatchNormGradient::direct})
        for_each_isa([&] {
            std::vector<float> diff_src(t.src.size()), in_place = t.diff_dst, gamma[3], beta[3];
            float* const targets[] = {diff_src.data(), in_place.data(), nullptr};
            for (int k = 0; k < 3; ++k) {
                gamma[k].resize(21);
                beta[k].resize(21);
                batch_norm_backward(t.g, gradient, t.coefficients(), t.src.data(),
                                    k == 1 ? in_place.data() : t.diff_dst.data(), targets[k], gamma[k].data(),
                                    beta[k].data());
                CHECK(gamma[k] == gamma[0]);
                CHECK(beta[k] == beta[0]);
            }
            CHECK(diff_src == in_place);
        });
}

TEST_CASE("a correction takes off a constant and a slope of each channel", "[batch_norm]") {
    for (const std::int64_t c : {1, 8, 61})
        for (const std::int64_t gap : {0, 3}) {
            const Case t(gap == 0 ? 45 : 1201, c, gap, false);
            const std::vector<float> offset = uniform(c, 6), slope = uniform(c, 7);
            std::vector<double> truth(static_cast<std::size_t>(t.g.rows * t.g.diff_src_ld), kBefore),
                bounds(truth.size(), 0);
            for (std::int64_t r = 0; r < t.g.rows; ++r)
                for (std::size_t i = 0; i < t.mean.size(); ++i) {
                    const double diff = t.diff_dst[t.dst_at(r, i)], tilt = t.centred(r, i) * slope[i];
                    truth[t.diff_at(r, i)] = diff - offset[i] - tilt;
                    // two differences, a product, a sum
                    bounds[t.diff_at(r, i)] =
                        4 * kRoundoff * (std::abs(diff) + std::abs(double{offset[i]}) + std::abs(tilt));
                }
            for_each_isa([&] {
                CAPTURE(c, gap);
                std::vector<float> diff_src(truth.size(), kBefore);
                batch_norm_correct(t.g, t.mean.data(), offset.data(), slope.data(), t.src.data(), t.diff_dst.data(),
                                   diff_src.data());
                CHECK(outliers(diff_src, truth, bounds) == 0);
            });
        }
}

TEST_CASE("statistics and gradients have the same bits for any number of threads", "[batch_norm]") {
    const Case t(3001, 37, 2, true);
    for (const BatchNormGradient gradient : kGradients)
        for_each_isa([&] {
            std::vector<std::vector<float>> results[3];
            for (const int threads : {1, 2, 3}) {
                const ThreadScope scope(threads);
                std::vector<float> m(37), v(37), diff_src(static_cast<std::size_t>(t.g.rows * t.g.diff_src_ld)),
                    gamma(37), beta(37);
                batch_norm_statistics(t.g.rows, t.g.c, t.g.src_ld, t.src.data(), m.data(), v.data());
                batch_norm_backward(t.g, gradient, t.coefficients(), t.src.data(), t.diff_dst.data(), diff_src.data(),
                                    gamma.data(), beta.data());
                results[threads - 1] = {m, v, diff_src, gamma, beta};
            }
            CHECK(results[0] == results[1]);
            CHECK(results[0] == results[2]);
        });
}
