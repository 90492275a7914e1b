#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

BatchNormOptions mode(bool training, bool relu = false) {
    BatchNormOptions options;
    options.training = training;
    options.relu = relu;
    return options;
}

/// batch_norm of inputs {src, gamma, beta} with running statistics of its own, src in a buffer `room` channels wider.
Tensor normalized(const Inputs& x, const BatchNormOptions& options, std::int64_t room) {
    const std::int64_t c = x[1].dim(0);
    const Tensor mean = uniform({c}, 21, -0.5, 0.5).to(x[0].dtype()),
                 variance = uniform({c}, 22, 0.5, 2).to(x[0].dtype());
    return batch_norm(room > 0 ? wide_buffer(x[0], c + room) : x[0], {x[1], x[2], mean, variance}, options);
}

/// Inputs whose normalized values all keep 10^-3 from the kink of a ReLU: further than a step of the gradient check
/// (10^-5 times gamma / sigma) or the rounding of float moves them. One draw in ten or so has a value that is nearer.
Inputs draw_inputs(const Dims& dims, bool training) {
    const std::int64_t c = dims[-1];
    for (std::uint64_t seed = 1;; ++seed) {
        Inputs x{uniform(dims, seed), uniform({c}, seed + 1000, 0.5, 1.5), uniform({c}, seed + 2000)};
        const Tensor y = normalized(x, mode(training), 0);
        if (std::ranges::all_of(y.values<double>(), [](double value) { return std::abs(value) > 1e-3; })) return x;
    }
}

double largest_inverse_deviation(const Tensor& src) {
    double largest = 1;
    const auto c = static_cast<std::size_t>(src.channels()), rows = static_cast<std::size_t>(src.rows());
    for (std::size_t i = 0; i < c; ++i) {
        double sum = 0, squares = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            const double value = src.values<double>()[r * c + i];
            sum += value;
            squares += value * value;
        }
        const double mean = sum / static_cast<double>(rows);
        largest = std::max(largest, 1 / std::sqrt(squares / static_cast<double>(rows) - mean * mean));
    }
    return largest;
}

/// With s = 1 / sigma and values from [-1, 1]: xhat lies within 2 s and is off by 2 s times the relative error of the
/// sums over the rows. So diff_gamma = sum dy * xhat has terms of magnitude 1 + 2 s, and diff_src = gamma s (dy - mean
/// dy - xhat * mean(dy xhat)) has 1.5 s (2 + 2 s (1 + 2 s)) <= 12 s^3, for s >= 1.
Rounding rounding(const Tensor& src, bool training) {
    const double s = training ? largest_inverse_deviation(src) : std::sqrt(2.0);
    return {src.rows(), static_cast<double>(src.rows()) * (1 + 2 * s) + 12 * s * s * s};
}

}  // namespace

TEST_CASE("batch_norm: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : {1, 5, 8, 17})
        for (const bool training : {true, false})
            for (const bool relu : {false, true})
                for (const std::int64_t room : {0, 3}) {
                    const Inputs inputs = draw_inputs({2, 3, 2, c}, training);
                    const std::string who = std::string("batch_norm") + (training ? ", training" : ", evaluation") +
                                            (relu ? ", relu" : "") + (room > 0 ? ", of a slice" : "");
                    check_operator(
                        who, [&](const Inputs& x) { return normalized(x, mode(training, relu), room); }, inputs,
                        rounding(inputs[0], training));
                }
}

TEST_CASE("batch_norm of a matrix: gradients and precision", "[ops][gradcheck]") {
    const Inputs inputs = draw_inputs({7, 3}, true);
    check_operator(
        "batch_norm", [](const Inputs& x) { return normalized(x, mode(true), 0); }, inputs, rounding(inputs[0], true));
}

TEST_CASE("batch_norm normalizes and moves the running statistics", "[ops]") {
    // Channel 0: 1, 3, 5, 7, mean 4, variance 5 (unbiased 20/3); channel 1: constant 2.
    const Tensor src = Tensor::from({1.0, 2.0, 3.0, 2.0, 5.0, 2.0, 7.0, 2.0}, {4, 2});
    const Tensor gamma = Tensor::full({2}, 2, DType::f64), beta = Tensor::full({2}, 1, DType::f64);
    const Tensor mean = Tensor::full({2}, 10, DType::f64), variance = Tensor::full({2}, 20, DType::f64);
    BatchNormOptions options;
    options.eps = 0.25;
    options.momentum = 0.5;
    const Tensor dst = batch_norm(src, {gamma, beta, mean, variance}, options);
    for (std::size_t i = 0; i < 8; i += 2) {
        CHECK(dst.values<double>()[i] ==
              Approx(2 * (src.values<double>()[i] - 4) / std::sqrt(5.25) + 1).epsilon(1e-14));
        CHECK(dst.values<double>()[i + 1] == Approx(1).epsilon(1e-14));
    }
    CHECK(mean.values<double>()[0] == Approx(7).epsilon(1e-14));
    CHECK(mean.values<double>()[1] == Approx(6).epsilon(1e-14));
    CHECK(variance.values<double>()[0] == Approx(10 + 10.0 / 3).epsilon(1e-14));
    CHECK(variance.values<double>()[1] == Approx(10).epsilon(1e-14));

    const Tensor mean_before = mean.clone(), variance_before = variance.clone();
    options.training = false;
    const Tensor with_running = batch_norm(src, {gamma, beta, mean, variance}, options);
    CHECK(with_running.values<double>()[0] == Approx(2 * (1 - 7) / std::sqrt(10 + 10.0 / 3 + 0.25) + 1).epsilon(1e-14));
    CHECK(std::ranges::equal(mean.values<double>(), mean_before.values<double>()));
    CHECK(std::ranges::equal(variance.values<double>(), variance_before.values<double>()));
}

TEST_CASE("batch_norm of a single row has variance 0", "[ops]") {
    const Tensor src = Tensor::from({3.0F, -5.0F}, {1, 2}).set_requires_grad();
    const Tensor gamma = Tensor::full({2}, 2), beta = Tensor::from({0.5F, 7.0F}, {2}), mean = Tensor::zeros({2});
    const Tensor variance = Tensor::full({2}, 1);
    const Tensor dst = batch_norm(src, {gamma, beta, mean, variance}, mode(true));
    // src * scale + shift, where scale is 2 / sqrt(eps), and shift, of that magnitude, is rounded
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(std::abs(dst.values<float>()[i] - beta.values<float>()[i]) <= 2 * 0x1p-24 * 5 * 2 / std::sqrt(1e-5));
    CHECK(variance.values<float>()[0] == Approx(0.9));
    backward(dst, Tensor::full({1, 2}, 1));
    CHECK(std::ranges::equal(src.grad().values<float>(), std::vector<float>{0, 0}));
}

TEST_CASE("norm_add_relu: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : {1, 5, 8, 17})
        for (const bool training : {true, false})
            for (const bool normalized_residual : {false, true}) {
                const Dims dims{2, 3, 2, c};
                const auto join = [&](const Inputs& x) {
                    const auto running = [&](std::uint64_t seed, double low) {
                        return uniform({c}, seed, low, low + 1).to(x[0].dtype());
                    };
                    Residual residual{x[3]};
                    if (normalized_residual)
                        residual = {x[3], {x[4], x[5], running(23, -0.5), running(24, 0.5)}, mode(training)};
                    return norm_add_relu(x[0], {x[1], x[2], running(21, -0.5), running(22, 0.5)}, mode(training),
                                         residual);
                };
                // As draw_inputs: the result is 0 or its distance from the kink, and the sum that is not cut is that of
                // the negated inputs where it is 0; both are looked at.
                Inputs inputs;
                for (std::uint64_t seed = 1;; ++seed) {
                    inputs = {uniform(dims, seed), uniform({c}, seed + 1000, 0.5, 1.5), uniform({c}, seed + 2000),
                              uniform(dims, seed + 3000)};
                    if (normalized_residual) {
                        inputs.push_back(uniform({c}, seed + 4000, 0.5, 1.5));
                        inputs.push_back(uniform({c}, seed + 5000));
                    }
                    const Tensor up = join(inputs);
                    Inputs negated = inputs;
                    const auto negate = [](Tensor& t) {
                        t = t.clone();
                        for (double& value : t.values<double>()) value = -value;
                    };
                    for (const std::size_t i : {1U, 2U, 4U, 5U})
                        if (i < negated.size()) negate(negated[i]);
                    if (!normalized_residual) negate(negated[3]);
                    const Tensor down = join(negated);
                    bool clear = true;
                    for (std::size_t i = 0; i < up.values<double>().size(); ++i)
                        clear = clear && up.values<double>()[i] + down.values<double>()[i] > 1e-3;
                    if (clear) break;
                }
                Rounding bound = rounding(inputs[0], training);
                bound.magnitude += rounding(inputs[3], training).magnitude;
                check_operator("norm_add_relu", join, inputs, bound);
            }
}

TEST_CASE("batch_norm refuses what does not fit", "[ops]") {
    const Tensor src = Tensor::zeros({2, 2, 2, 3}), good = Tensor::full({3}, 1), bad = Tensor::full({4}, 1);
    CHECK_NOTHROW(batch_norm(src, {good, good, good, good}, {}));
    for (int wrong = 0; wrong < 4; ++wrong)
        for (const Tensor& other : {bad, good.to(DType::f64), Tensor()}) {
            const auto pick = [&](int i) { return i == wrong ? other : good.clone(); };
            CHECK_THROWS_AS(batch_norm(src, {pick(0), pick(1), pick(2), pick(3)}, {}), UsageError);
        }
    CHECK_THROWS_AS(batch_norm(Tensor(), {good, good, good, good}, {}), UsageError);
    CHECK_THROWS_AS(batch_norm(src.to(DType::s32), {good, good, good, good}, {}), UsageError);
    CHECK_THROWS_AS(batch_norm(Tensor::zeros({0, 2, 2, 3}), {good, good, good, good}, {}), UsageError);
}
