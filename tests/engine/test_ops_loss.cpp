// cross_entropy, soft_cross_entropy, bce_with_logits.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

constexpr float kMissing = -1;

/// Rows that sum to 1, the last of them one-hot; with `gaps` the first is not known.
Tensor distributions(std::int64_t n, std::int64_t classes, bool gaps) {
    Tensor targets = uniform({n, classes}, 4, 0, 1).to(DType::f32);
    const auto t = targets.values<float>();
    for (std::size_t row = 0; row < static_cast<std::size_t>(n); ++row) {
        const auto of_row = t.subspan(row * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes));
        double sum = 0;
        for (const float value : of_row) sum += static_cast<double>(value);
        for (float& value : of_row) value = static_cast<float>(static_cast<double>(value) / sum);
        if (row + 1 == static_cast<std::size_t>(n))
            for (std::size_t k = 0; k < of_row.size(); ++k) of_row[k] = k == 1 ? 1.0F : 0.0F;
        if (gaps && row == 0) std::ranges::fill(of_row, kMissing);
    }
    return targets;
}

Tensor one_hot(std::initializer_list<std::int32_t> labels, std::int64_t classes) {
    Tensor targets = Tensor::zeros({std::ssize(labels), classes});
    std::int64_t row = 0;
    for (const std::int32_t label : labels) {
        float* const t = targets.data<float>() + row++ * classes;
        if (label < 0)
            std::fill_n(t, classes, kMissing);
        else
            t[label] = 1;
    }
    return targets;
}

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

TEST_CASE("cross_entropy leaves labels that are not known out, and they have no gradient", "[ops][gradcheck]") {
    const Tensor some = Tensor::from<std::int32_t>({-1, 2, -1, 0}, {4}),
                 known = Tensor::from<std::int32_t>({2, 0}, {2});
    const Tensor none = Tensor::from<std::int32_t>({-1, -1}, {2});
    for (const double smoothing : {0.0, 0.1}) {
        check_operator("cross_entropy, unknown", [&](const Inputs& x) { return cross_entropy(x[0], some, smoothing); },
                       {uniform({4, 3}, 1, -3, 3)}, {4 + 3, 10});
        const Tensor all = uniform({4, 3}, 1, -3, 3).set_requires_grad();
        Tensor rows = Tensor::empty({2, 3}, DType::f64);
        for (std::size_t i = 0; i < 6; ++i) rows.data<double>()[i] = all.data<double>()[(i < 3 ? 3 : 6) + i];
        rows.set_requires_grad();
        const Tensor loss = cross_entropy(all, some, smoothing), of_known = cross_entropy(rows, known, smoothing);
        CHECK(loss.item() == of_known.item());
        backward(loss);
        backward(of_known);
        const auto gradient = all.grad().values<double>(), wanted = rows.grad().values<double>();
        for (std::size_t i = 0; i < 12; ++i) {
            const std::size_t row = i / 3, k = i % 3;
            CHECK(gradient[i] == (row % 2 == 0 ? 0 : wanted[row / 2 * 3 + k]));
        }
        const Tensor logits = uniform({2, 3}, 1).set_requires_grad();
        const Tensor nothing = cross_entropy(logits, none, smoothing);
        CHECK(nothing.item() == 0);
        backward(nothing);
        for (const double g : logits.grad().values<double>()) CHECK(g == 0);
    }
}

TEST_CASE("soft_cross_entropy: gradients and precision", "[ops][gradcheck]") {
    for (const auto& [n, classes] : {std::pair{1, 2}, {4, 3}, {3, 8}, {5, 17}})
        for (const double smoothing : {0.0, 0.1, 0.7})
            for (const bool gaps : {false, true}) {
                const Tensor targets = distributions(n, classes, gaps);
                // Sums of `classes` terms, averaged over n; each -log p is below log(classes) + 2 * 3 < 10.
                check_operator("soft_cross_entropy",
                               [&](const Inputs& x) { return soft_cross_entropy(x[0], targets, smoothing); },
                               {uniform({n, classes}, 1, -3, 3)}, {n + classes, 10});
            }
}

TEST_CASE("soft_cross_entropy of one-hot targets is cross_entropy, to the bit", "[ops]") {
    for_each_isa([&] {
        for (const double smoothing : {0.0, 0.1})
            for (const std::int32_t first : {1, -1}) {
                const Tensor labels = Tensor::from<std::int32_t>({first, 16, 0}, {3});
                const Tensor hard = uniform({3, 17}, 1, -3, 3).to(DType::f32).set_requires_grad();
                const Tensor soft = hard.detach().clone().set_requires_grad();
                const Tensor of_labels = cross_entropy(hard, labels, smoothing);
                const Tensor of_targets = soft_cross_entropy(soft, one_hot({first, 16, 0}, 17), smoothing);
                CHECK(of_labels.item() == of_targets.item());
                backward(of_labels);
                backward(of_targets);
                CHECK(std::ranges::equal(hard.grad().values<float>(), soft.grad().values<float>()));
            }
    });
}

TEST_CASE("soft_cross_entropy of known values", "[ops]") {
    // p = (1/2, 1/4, 1/4)
    const Tensor logits = Tensor::from({std::log(2.0), 0.0, 0.0}, {1, 3});
    const double of_even = 0.5 * std::log(2.0) + 0.5 * std::log(4.0);
    CHECK(soft_cross_entropy(logits, Tensor::from({0.5F, 0.25F, 0.25F}, {1, 3})).item() ==
          Approx(of_even).epsilon(1e-14));
    // Where the target is 0, a probability of 0 costs nothing.
    const Tensor endless = Tensor::from({0.0F, -std::numeric_limits<float>::infinity()}, {1, 2});
    CHECK(soft_cross_entropy(endless, Tensor::from({1.0F, 0.0F}, {1, 2})).item() == 0);
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
    CHECK_THROWS_AS(cross_entropy(logits, Tensor::from<std::int32_t>({0, -2}, {2})), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, Tensor::from<std::int32_t>({0}, {1})), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, Tensor::zeros({2})), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, labels, 1.0), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, labels, -0.1), UsageError);
    CHECK_THROWS_AS(cross_entropy(logits, labels, std::nan("")), UsageError);
    CHECK_THROWS_AS(cross_entropy(Tensor::zeros({2, 1, 1, 3}), labels), UsageError);
    const Tensor even = Tensor::full({2, 3}, 1.0 / 3);
    CHECK_NOTHROW(soft_cross_entropy(logits, even));
    CHECK_THROWS_WITH(soft_cross_entropy(logits, Tensor::from({1.0F, 0.0F, 0.0F, 0.5F, 0.0F, 0.0F}, {2, 3})),
                      "[soft_cross_entropy] wanted targets of at least 0 that sum to 1, or below 0 in all of a row "
                      "that is not known; row 1 sums to 0.500000");
    CHECK_THROWS_AS(soft_cross_entropy(logits, Tensor::from({1.0F, 0.0F, 0.0F, 1.5F, -0.5F, 0.0F}, {2, 3})),
                    UsageError);
    CHECK_THROWS_AS(soft_cross_entropy(logits, Tensor::full({2, 3}, std::nan(""))), UsageError);
    CHECK_THROWS_AS(soft_cross_entropy(logits, Tensor::full({2, 3}, 1.0 / 3, DType::f64)), UsageError);
    CHECK_THROWS_AS(soft_cross_entropy(logits, Tensor::full({3, 2}, 0.5)), UsageError);
    CHECK_THROWS_AS(soft_cross_entropy(logits, even, 1.0), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::zeros({3, 2})), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::zeros({2, 3}, DType::f64)), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::full({2, 3}, 1.5)), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::full({2, 3}, std::numeric_limits<double>::quiet_NaN())),
                    UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor::zeros({2, 3}), Tensor::zeros({2})), UsageError);
    CHECK_THROWS_AS(bce_with_logits(logits, Tensor()), UsageError);
}
