// cross_entropy, bce_with_logits.
#include <cmath>
#include <limits>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

constexpr float kMissing = -1;

}  // namespace

TEST_CASE("cross_entropy: gradients and precision", "[ops][gradcheck]") {
    for (const auto& [n, classes] : {std::pair{1, 2}, {4, 3}, {3, 8}, {5, 17}})
        for (const double smoothing : {0.0, 0.1, 0.7}) {
            Tensor labels = Tensor::empty({n}, DType::s32);
            for (std::size_t i = 0; i < labels.values<std::int32_t>().size(); ++i)
                labels.values<std::int32_t>()[i] = static_cast<std::int32_t>(i * 5 + 1) % classes;
            // A logarithm of a sum of `classes` terms, averaged over n; each -log p is below log(classes) + 2 * 3 < 10.
            check_operator("cross_entropy", [&](const Inputs& x) { return cross_entropy(x[0], labels, smoothing); },
                           {uniform({n, classes}, 1, -3, 3)}, {n + classes, 10});
        }
}

TEST_CASE("cross_entropy of known values", "[ops]") {
    const Tensor labels = Tensor::from<std::int32_t>({0, 2}, {2});
    const Tensor even = Tensor::zeros({2, 3}, DType::f64);
    CHECK(cross_entropy(even, labels).item() == Approx(std::log(3.0)).epsilon(1e-14));
    CHECK(cross_entropy(even, labels, 0.3).item() == Approx(std::log(3.0)).epsilon(1e-14));
    // p = (1/2, 1/4, 1/4), label 0, smoothing 0.3: q = (0.8, 0.1, 0.1).
    const Tensor logits = Tensor::from({std::log(2.0), 0.0, 0.0}, {1, 3});
    const Tensor first = Tensor::from<std::int32_t>({0}, {1});
    CHECK(cross_entropy(logits, first).item() == Approx(std::log(2.0)).epsilon(1e-14));
    CHECK(cross_entropy(logits, first, 0.3).item() == Approx(0.8 * std::log(2.0) + 0.2 * std::log(4.0)).epsilon(1e-14));
}

TEST_CASE("losses stay finite for large logits", "[ops]") {
    const Tensor logits = Tensor::from({1000.0F, -1000.0F, 80.0F, -80.0F}, {2, 2}).set_requires_grad();
    const Tensor ce = cross_entropy(logits, Tensor::from<std::int32_t>({1, 0}, {2}));
    CHECK(ce.item() == Approx(1000));  // (2000 + 0) / 2
    backward(ce);
    const Tensor bce = bce_with_logits(logits, Tensor::from({0.0F, 1.0F, 1.0F, 0.0F}, {2, 2}));
    CHECK(bce.item() == Approx(500));  // (1000 + 1000 + 0 + 0) / 4
    backward(bce);
    for (const float g : logits.grad().values<float>()) CHECK(std::isfinite(g));
}

TEST_CASE("bce_with_logits: gradients and precision", "[ops][gradcheck]") {
    for (const auto& [n, labels] : {std::pair{1, 1}, {3, 5}, {4, 8}, {5, 14}}) {
        Tensor targets = uniform({n, labels}, 2, 0, 1).to(DType::f32);
        const auto t = targets.values<float>();
        for (std::size_t i = 0; i < t.size(); ++i) {
            if (i % 3 == 1) t[i] = kMissing;
            if (i % 3 == 2) t[i] = i % 2 == 0 ? 0.0F : 1.0F;
        }
        const Tensor weights = uniform({labels}, 3, 0.5, 8).to(DType::f32);
        const Tensor logits = uniform({n, labels}, 1, -3, 3);
        // The mean of n * labels terms, each below 8 * log(1 + e^3) + 3 < 28.
        const Rounding rounding{n * labels, 28};
        check_operator(
            "bce_with_logits", [&](const Inputs& x) { return bce_with_logits(x[0], targets); }, {logits}, rounding);
        check_operator(
            "bce_with_logits, weights", [&](const Inputs& x) { return bce_with_logits(x[0], targets, weights); },
            {logits}, rounding);
    }
}

TEST_CASE("bce_with_logits of known values", "[ops]") {
    const Tensor logits = Tensor::from({0.0, 0.0, std::log(3.0), 7.0}, {2, 2}).set_requires_grad();
    const Tensor targets = Tensor::from({1.0F, 0.0F, 1.0F, kMissing}, {2, 2});
    const double log2 = std::log(2.0), last = std::log(4.0 / 3.0);
    CHECK(bce_with_logits(logits, targets).item() == Approx((2 * log2 + last) / 3).epsilon(1e-14));
    const Tensor loss = bce_with_logits(logits, targets, Tensor::from({5.0F, 2.0F}, {2}));
    CHECK(loss.item() == Approx((5 * log2 + log2 + 5 * last) / 3).epsilon(1e-14));
    backward(loss);
    CHECK(logits.grad().values<double>()[3] == 0);
}

TEST_CASE("bce_with_logits of nothing but missing labels is 0", "[ops]") {
    const Tensor logits = uniform({2, 3}, 1).set_requires_grad();
    const Tensor loss = bce_with_logits(logits, Tensor::full({2, 3}, double{kMissing}));
    CHECK(loss.item() == 0);
    backward(loss);
    for (const double g : logits.grad().values<double>()) CHECK(g == 0);
}

TEST_CASE("a scaled loss has scaled gradients", "[ops]") {
    const Tensor targets = Tensor::full({2, 3}, 1);
    const Tensor labels = Tensor::from<std::int32_t>({0, 2}, {2});
    for (const bool multi_label : {false, true}) {
        const Tensor once = uniform({2, 3}, 1).set_requires_grad(), scaled = uniform({2, 3}, 1).set_requires_grad();
        const auto loss = [&](const Tensor& x) {
            return multi_label ? bce_with_logits(x, targets) : cross_entropy(x, labels);
        };
        backward(loss(once));
        backward(loss(scaled), Tensor::full({1}, 0.25, DType::f64));
        for (std::size_t i = 0; i < 6; ++i)
            CHECK(scaled.grad().values<double>()[i] == Approx(0.25 * once.grad().values<double>()[i]).epsilon(1e-14));
    }
}

TEST_CASE("losses refuse what does not fit", "[ops]") {
    const Tensor logits = Tensor::zeros({2, 3});
    const Tensor labels = Tensor::from<std::int32_t>({0, 2}, {2});
    CHECK_THROWS_WITH(cross_entropy(logits, Tensor::from<std::int32_t>({0, 3}, {2})),
                      "[cross_entropy] label 3 is not one of 3 classes");
    CHECK_THROWS_AS(cross_entropy(logits, Tensor::from<std::int32_t>({0, -1}, {2})), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, Tensor::from<std::int32_t>({0}, {1})), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, Tensor::zeros({2})), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, labels, 1.0), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, labels, -0.1), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, labels, std::nan("")), UsageError);
    CHECK_THROWS_AS(cross_entropy(Tensor::zeros({2, 1, 1, 3}), labels), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::zeros({3, 2})), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::zeros({2, 3}, DType::f64)), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::full({2, 3}, 1.5)), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::full({2, 3}, std::numeric_limits<double>::quiet_NaN())),
                    UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::zeros({2, 3}), Tensor::zeros({2})), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor()), UsageError);
}
