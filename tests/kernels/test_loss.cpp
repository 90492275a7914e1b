// Losses against their formulas in double. Bounds count roundings: u = kRoundoff, one ulp is 2 u.
#include "kernels/loss/loss.h"

#include <numeric>

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr double kTiny = 0x1p-126;  // below it float results may be flushed to zero

std::vector<std::int32_t> labels_for(const LossGeometry& g) {
    std::vector<std::int32_t> labels;
    for (std::int64_t r = 0; r < g.n; ++r) labels.push_back(static_cast<std::int32_t>((r * 7 + 3) % g.classes));
    return labels;
}

/// Targets 0, 1, one in between, and missing ones.
std::vector<float> targets_for(std::int64_t n) {
    const float choices[] = {0, 1, -1, 0.25F, 1, 0, 0};
    std::vector<float> targets;
    for (std::int64_t i = 0; i < n; ++i) targets.push_back(choices[i % 7]);
    return targets;
}

double softplus(double x) { return std::max(0.0, x) + std::log1p(std::exp(-std::abs(x))); }

double target_of(std::int64_t k, std::int32_t label, double smoothing, std::int64_t classes) {
    return (k == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
}

}  // namespace

TEST_CASE("softmax and its cross-entropy, with and without smoothing, in place", "[loss]") {
    for (const std::int64_t classes : {1, 2, 7, 8, 9, 15, 16, 17, 31, 1000})
        for (const double smoothing : {0.0, 0.1}) {
            const LossGeometry g{5, classes};
            const auto logits = uniform(g.n * classes, 1, -10, 10);
            const auto labels = labels_for(g);
            std::vector<double> p(logits.size()), p_bounds, gradient, gradient_bounds;
            double loss = 0;
            for (std::int64_t r = 0; r < g.n; ++r) {
                const float* x = logits.data() + r * classes;
                double sum = 0;
                for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(x[k]));
                for (std::int64_t k = 0; k < classes; ++k) {
                    const double q = target_of(k, labels[static_cast<std::size_t>(r)], smoothing, classes);
                    const double pk = p[static_cast<std::size_t>(r * classes + k)] =
                        std::exp(static_cast<double>(x[k])) / sum;
                    loss -= q * std::log(pk) / static_cast<double>(g.n);
                    // x - max <= 20 errs by 20 u, exp by 2 ulp, both in p and in the sum; two roundings and a division
                    p_bounds.push_back(52 * kRoundoff * pk);
                    gradient.push_back(3 * (pk - q) / static_cast<double>(g.n));
                    gradient_bounds.push_back((56 * kRoundoff * pk + 4 * kRoundoff * q) * 3 / static_cast<double>(g.n));
                }
            }
            for_each_isa([&] {
                CAPTURE(classes, smoothing);
                auto values = logits;
                // only the sum of exponentials comes from float: 24 u of error in its logarithm
                CHECK(
                    std::abs(softmax_cross_entropy_forward(g, logits.data(), labels.data(), smoothing, values.data()) -
                             loss) <= 24 * kRoundoff + 1e-14 * std::abs(loss));
                CHECK(outliers(values, p, p_bounds) == 0);
                auto in_place = logits;
                softmax_cross_entropy_forward(g, in_place.data(), labels.data(), smoothing, in_place.data());
                CHECK(in_place == values);
                std::vector<float> diff(logits.size());
                softmax_cross_entropy_backward(g, values.data(), labels.data(), smoothing, 3.0, diff.data());
                CHECK(outliers(diff, gradient, gradient_bounds) == 0);
            });
        }
}

TEST_CASE("soft cross-entropy against distributions, unknown rows left out", "[loss]") {
    for (const std::int64_t classes : {1, 2, 7, 8, 9, 17, 31, 1000})
        for (const double smoothing : {0.0, 0.1}) {
            const LossGeometry g{5, classes};
            constexpr std::int64_t kUnknownRow = 3;
            const double known = 4;
            const auto logits = uniform(g.n * classes, 1, -10, 10);
            auto targets = uniform(g.n * classes, 2, 0, 1);
            std::vector<double> p(logits.size()), p_bounds, gradient, gradient_bounds;
            double loss = 0;
            for (std::int64_t r = 0; r < g.n; ++r) {
                float* t = targets.data() + r * classes;
                const double all = std::accumulate(t, t + classes, 0.0);
                for (std::int64_t k = 0; k < classes; ++k)
                    t[k] = r == kUnknownRow ? -1.0F : static_cast<float>(t[k] / all);
                const float* x = logits.data() + r * classes;
                double sum = 0, q_sum = 0;
                const auto q = [&](std::int64_t k) {
                    return (1 - smoothing) * t[k] + smoothing / static_cast<double>(classes);
                };
                for (std::int64_t k = 0; k < classes; ++k) {
                    sum += std::exp(static_cast<double>(x[k]));
                    q_sum += q(k);
                }
                for (std::int64_t k = 0; k < classes; ++k) {
                    const double pk = p[static_cast<std::size_t>(r * classes + k)] =
                        std::exp(static_cast<double>(x[k])) / sum;
                    p_bounds.push_back(52 * kRoundoff * pk);  // as for hard labels
                    if (r == kUnknownRow) {
                        gradient.push_back(0);
                        gradient_bounds.push_back(0);
                        continue;
                    }
                    loss -= q(k) * std::log(pk) / known;
                    gradient.push_back(3 * (pk * q_sum - q(k)) / known);
                    // of p and q one rounding each more than with hard labels: the sum of q, and q itself
                    gradient_bounds.push_back((58 * pk + 6 * q(k)) * kRoundoff * 3 / known);
                }
            }
            for_each_isa([&] {
                CAPTURE(classes, smoothing);
                std::vector<float> values(logits.size());
                CHECK(std::abs(soft_cross_entropy_forward(g, logits.data(), targets.data(), smoothing, values.data()) -
                               loss) <= 25 * kRoundoff + 1e-14 * std::abs(loss));
                CHECK(outliers(values, p, p_bounds) == 0);
                std::vector<float> diff(logits.size());
                soft_cross_entropy_backward(g, values.data(), targets.data(), smoothing, 3.0, diff.data());
                CHECK(outliers(diff, gradient, gradient_bounds) == 0);
            });
        }
}

TEST_CASE("softmax of extremes", "[loss]") {
    const LossGeometry g{4, 3};
    const std::vector<float> logits{1e30F, -1e30F, 0, 500, 500, -500, -200, -1e38F, -200, kNaN, 1, 2};
    const std::vector<std::int32_t> labels(4, 0);
    for_each_isa([&] {
        std::vector<float> p(12);
        softmax_cross_entropy_forward(g, logits.data(), labels.data(), 0, p.data());
        CHECK(std::vector<float>(p.begin(), p.begin() + 9) ==
              std::vector<float>{1, 0, 0, 0.5F, 0.5F, 0, 0.5F, 0, 0.5F});
        for (std::size_t i = 9; i < 12; ++i) CHECK(std::isnan(p[i]));
    });
}

TEST_CASE("sigmoid BCE with positive weights and missing labels", "[loss]") {
    for (const std::int64_t classes : {1, 7, 8, 14, 16, 17, 31})
        for (const bool weighted : {false, true}) {
            const LossGeometry g{11, classes};
            const auto logits = uniform(g.n * classes, 1, -20, 20), targets = targets_for(g.n * classes);
            const auto weights = uniform(classes, 2, 0.5F, 9);
            double loss = 0, present = 0;
            for (const float t : targets) present += t < 0 ? 0 : 1;
            std::vector<double> gradient, bounds;
            for (std::size_t at = 0; at < logits.size(); ++at) {
                const double x = logits[at], t = targets[at];
                const double w = weighted ? static_cast<double>(weights[at % static_cast<std::size_t>(classes)]) : 1;
                const double sx = 1 / (1 + std::exp(-x)), negative = (1 - t) * sx, positive = w * t / (1 + std::exp(x));
                if (t >= 0) loss += (1 - t) * softplus(x) + w * t * softplus(-x);
                gradient.push_back(t < 0 ? 0 : 2 * (negative - positive) / present);
                bounds.push_back(t < 0 ? 0 : 16 * kRoundoff * 2 * (negative + positive) / present + kTiny);
            }
            loss /= present;
            const float* given = weighted ? weights.data() : nullptr;
            for_each_isa([&] {
                CAPTURE(classes, weighted);
                // all terms are positive: exp 2 ulp, log1p 3 ulp and six more operations
                CHECK(std::abs(sigmoid_bce_forward(g, logits.data(), targets.data(), given) - loss) <=
                      16 * kRoundoff * loss);
                std::vector<float> diff(logits.size(), kNaN);
                sigmoid_bce_backward(g, logits.data(), targets.data(), given, 2.0, diff.data());
                CHECK(outliers(diff, gradient, bounds) == 0);
            });
        }
}

TEST_CASE("sigmoid BCE of extremes, of nothing, of a NaN", "[loss]") {
    for_each_isa([&] {
        const std::vector<float> logits{1000, -1000, 0, 1e30F}, targets{0, 1, 1, -1};
        CHECK(sigmoid_bce_forward({1, 4}, logits.data(), targets.data(), nullptr) ==
              Approx((2000 + std::log(2.0)) / 3));
        const std::vector<float> missing(4, -1.0F);
        CHECK(sigmoid_bce_forward({2, 2}, logits.data(), missing.data(), nullptr) == 0);
        std::vector<float> diff(4, 1.0F);
        sigmoid_bce_backward({2, 2}, logits.data(), missing.data(), nullptr, 1.0, diff.data());
        CHECK(diff == std::vector<float>(4, 0.0F));
        const std::vector<float> spoiled{1, kNaN, 2, 3};
        CHECK(std::isnan(sigmoid_bce_forward({4, 1}, spoiled.data(), targets.data(), nullptr)));
    });
}

TEST_CASE("gradients in double are the losses' central differences", "[loss]") {
    const LossGeometry g{3, 5};
    const auto logits = widened(uniform(15, 1, -3, 3));
    const auto targets = targets_for(15), weights = uniform(5, 2, 0.5F, 4);
    const auto labels = labels_for(g);
    std::vector<double> p(15), softmax_diff(15), bce_diff(15);
    softmax_cross_entropy_forward(g, logits.data(), labels.data(), 0.1, p.data());
    softmax_cross_entropy_backward(g, p.data(), labels.data(), 0.1, 1.0, softmax_diff.data());
    sigmoid_bce_backward(g, logits.data(), targets.data(), weights.data(), 1.0, bce_diff.data());
    constexpr double kStep = 1e-5;  // truncation h^2 / 6 * f''' < 1e-10, cancellation 1e-16 * f / h < 1e-10
    for (std::size_t i = 0; i < 15; ++i) {
        const auto difference = [&](auto loss) {
            auto up = logits, down = logits;
            up[i] += kStep;
            down[i] -= kStep;
            return (loss(up) - loss(down)) / (2 * kStep);
        };
        CHECK(std::abs(softmax_diff[i] - difference([&](const std::vector<double>& x) {
                           return softmax_cross_entropy_forward(g, x.data(), labels.data(), 0.1, p.data());
                       })) < 1e-9);
        CHECK(std::abs(bce_diff[i] - difference([&](const std::vector<double>& x) {
                           return sigmoid_bce_forward(g, x.data(), targets.data(), weights.data());
                       })) < 1e-9);
    }
}

TEST_CASE("losses have the same bits for any number of threads", "[loss]") {
    const LossGeometry g{1501, 14};
    const auto logits = uniform(g.n * g.classes, 1, -5, 5), targets = targets_for(g.n * g.classes);
    const auto labels = labels_for(g);
    double bce[3], entropy[3];
    for (const int threads : {1, 2, 3}) {
        const ThreadScope scope(threads);
        std::vector<float> p(logits.size());
        bce[threads - 1] = sigmoid_bce_forward(g, logits.data(), targets.data(), nullptr);
        entropy[threads - 1] = softmax_cross_entropy_forward(g, logits.data(), labels.data(), 0.1, p.data());
    }
    CHECK((bce[0] == bce[1] && bce[0] == bce[2]));
    CHECK((entropy[0] == entropy[1] && entropy[0] == entropy[2]));
}
