// Focal and asymmetric loss, and weights of classes: against their formulas, their gradients, what is not known.
#include "train/focused_loss.h"

#include <cmath>
#include <span>

#include "engine/autograd.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/train/small_training.h"
#include "train/loss_terms.h"
#include "train/loss_weights.h"

using namespace keel;
using namespace keel::test;

namespace {

Batch class_batch(std::vector<std::int32_t> labels) {
    Batch batch;
    batch.n = std::ssize(labels);
    batch.labels = std::move(labels);
    return batch;
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> softmax(std::span<const double> x) {
    double sum = 0;
    for (const double v : x) sum += std::exp(v);
    std::vector<double> p;
    for (const double v : x) p.push_back(std::exp(v) / sum);
    return p;
}

const Batch kLabels = labels_of(2, {1, 0, kUnknownTarget, 0.25F, kUnknownTarget, 1});

}  // namespace

TEST_CASE("Focused losses of labels are their formula, the mean over what is known", "[focused_loss]") {
    const Tensor logits = uniform({2, 3}, 1, -3, 3);
    for (const Focus& focus : {Focus{2, 2, 0, 1, {}}, Focus{0, 4, 0.05, 1, {}}, Focus{1, 0.5, 0.2, 0.75, {2, 1, 5}}}) {
        double sum = 0, known = 0;
        for (std::size_t i = 0; i < 6; ++i) {
            const double t = double{kLabels.targets[i]}, p = logistic(logits.values<double>()[i]);
            if (t < 0) continue;
            const double weight = focus.positive_weights.empty() ? 1 : double{focus.positive_weights[i % 3]};
            const double q = std::max(p - focus.margin, 0.0);
            sum -= t * weight * std::pow(1 - p, focus.gamma_positive) * std::log(p);
            sum -= (1 - t) * focus.negative_weight * std::pow(q, focus.gamma_negative) * std::log(1 - q);
            known += 1;
        }
        CHECK((*focused_loss(focus, false))(logits, kLabels).item() == Approx(sum / known).epsilon(1e-12));
    }
}

TEST_CASE("Without any focus the loss is cross-entropy", "[focused_loss]") {
    const Tensor logits = uniform({3, 4}, 1, -3, 3);
    const Batch classes = class_batch({2, kUnknownClass, 0});
    for (const double smoothing : {0.0, 0.1})
        CHECK((*focused_loss({.negative_weight = 0}, true, smoothing))(logits, classes).item() ==
              Approx((*class_loss(smoothing))(logits, classes).item()).epsilon(1e-6));  // soft targets are floats
    const Batch labels = labels_of(3, {1, 0, 1, 0, 0.5F, kUnknownTarget, 1, 0, 0, 1, 1, 0});
    CHECK((*focused_loss({}, false))(logits, labels).item() ==
          Approx((*label_loss())(logits, labels).item()).epsilon(1e-12));
}

TEST_CASE("Focal loss of classes is that of the true class's softmax", "[focused_loss]") {
    const Tensor logits = uniform({2, 3}, 1, -3, 3);
    const auto p = softmax(logits.values<double>().subspan(3));
    const auto loss = focused_loss({.gamma_positive = 2, .negative_weight = 0, .positive_weights = {1, 3, 1}}, true);
    CHECK((*loss)(logits, class_batch({kUnknownClass, 1})).item() ==
          Approx(-3 * (1 - p[1]) * (1 - p[1]) * std::log(p[1])).epsilon(1e-12));
}

TEST_CASE("Focused losses have the gradient of their formula, in float as in double", "[focused_loss][gradcheck]") {
    Batch mixed = class_batch({0, 1});
    mixed.soft_targets = {0.75F, 0.25F, 0, 0.125F, 0.375F, 0.5F};
    // Terms are made in double and rounded once, so that a float result is off by what its inputs are.
    for (const Focus& focus : {Focus{0, 0, 0, 0, {2, 1, 3}}, Focus{2, 2, 0, 0.75, {}}, Focus{2, 0, 0, 0, {}},
                               Focus{0, 4, 0.05, 1, {}}, Focus{1, 4, 0.2, 1, {2, 1, 5}}, Focus{0.5, 1.5, 0, 1, {}}}) {
        for (const bool classes : {false, true}) {
            const auto loss = focused_loss(focus, classes, classes ? 0.1 : 0);
            const auto f = [&](const std::vector<Tensor>& x) { return (*loss)(x[0], classes ? mixed : kLabels); };
            check_operator("focused_loss", f, {uniform({2, 3}, 1, -3, 3)}, {4, 40});
        }
    }
}

TEST_CASE("What is not known adds nothing to a focused loss and has no gradient", "[focused_loss]") {
    for (const bool classes : {false, true}) {
        const auto loss = focused_loss({2, 2, 0, 1, {}}, classes);
        const Tensor logits = uniform({2, 3}, 1, -3, 3).clone().set_requires_grad();
        backward((*loss)(logits, classes ? class_batch({1, kUnknownClass}) : kLabels));
        const auto gradient = logits.grad().values<double>();
        if (classes)
            for (std::size_t k = 3; k < 6; ++k) CHECK(gradient[k] == 0);
        else
            CHECK((gradient[2] == 0 && gradient[4] == 0));
        CHECK(gradient[0] != 0);
        const Batch nothing =
            classes ? class_batch({kUnknownClass, kUnknownClass}) : labels_of(2, std::vector<float>(6, kUnknownTarget));
        CHECK((*loss)(logits, nothing).item() == 0);
    }
}

TEST_CASE("Focused losses of logits that say all or nothing are numbers", "[focused_loss]") {
    for (const double size : {20.0, 90.0, 1000.0})
        for (const bool classes : {false, true})
            for (const Focus& focus :
                 {Focus{}, Focus{2, 2, 0, 1, {}}, Focus{0.5, 0.5, 0, 1, {}}, Focus{0, 4, 0.05, 1, {}}}) {
                const Tensor logits =
                    Tensor::from({size, -size, 0.0, -size, size, size}, {2, 3}).clone().set_requires_grad();
                const Tensor loss = (*focused_loss(focus, classes))(
                    logits, classes ? class_batch({1, 0}) : labels_of(2, {1, 0, 1, 1, 0, 1}));
                backward(loss);
                CAPTURE(size, classes, focus.gamma_positive, focus.margin);
                CHECK(std::isfinite(loss.item()));
                for (const double g : logits.grad().values<double>()) CHECK(std::isfinite(g));
            }
}

TEST_CASE("A class that a row is sure of, wrongly, has its whole gradient however sure it is", "[focused_loss]") {
    for (const double sure : {1.0, 30.0, 36.0, 40.0, 300.0}) {
        const Tensor logits = Tensor::from({0.0, sure, 0.5}, {1, 3}).clone().set_requires_grad();
        Batch batch;
        batch.n = 1;
        batch.soft_targets = {0, 0, 0};  // against all three classes
        batch.labels = {0};
        backward((*focused_loss({}, true))(logits, batch));
        const auto p = softmax(logits.values<double>());
        // -log(1 - p_k) of the sure one is log(sum of all) - log(sum of the others): p_k by its own logit, and by
        // another's p_j - e_j / others. What the two others add is at most their own probabilities.
        const double others = 1 + std::exp(0.5), small = 4 * std::exp(0.5 - sure);
        CAPTURE(sure);
        CHECK(std::abs(logits.grad().values<double>()[1] - p[1]) <= small + 1e-12);
        CHECK(std::abs(logits.grad().values<double>()[0] - (p[0] - 1 / others)) <= small + 1e-12);
    }
}

TEST_CASE("Focused losses follow the configuration", "[focused_loss]") {
    const auto classes = drawn_images(4, 0), labels = drawn_images(3, 0, Task::labels);  // dark 2, bright 1
    const Tensor logits = uniform({2, 2}, 1, -3, 3);
    const Batch of_labels = labels_of(2, {1, 0, 0, 1}), of_classes = class_batch({1, 0});
    const auto equal = [&](const TrainConfig& config, const Dataset& data, const Focus& focus) {
        const bool is_class = data.task() == Task::classes;
        const Batch& batch = is_class ? of_classes : of_labels;
        return (*make_loss(config, data))(logits, batch).item() ==
               (*focused_loss(focus, is_class, is_class ? config.label_smoothing : 0))(logits, batch).item();
    };
    TrainConfig config;
    config.loss = "focal";
    config.label_smoothing = 0.1;
    CHECK(equal(config, *classes, {2, 2, 0, 0, {}}));
    CHECK(equal(config, *labels, {2, 2, 0, 0.75, {0.25F, 0.25F}}));
    config.focal_alpha = 0;
    config.focal_gamma = 1;
    config.positive_weights = "balanced";
    CHECK(equal(config, *labels, {1, 1, 0, 1, {0.5F, 2}}));
    CHECK_THROWS_WITH(make_loss(config, *classes), contains("wanted class_weights"));
    config = {};
    config.loss = "asymmetric";
    CHECK(equal(config, *labels, {0, 4, 0.05, 1, {}}));
    config.class_weights = "balanced";
    CHECK_THROWS_WITH(make_loss(config, *labels), contains("wanted positive_weights"));
    const auto three = drawn_images(3, 0);
    CHECK(equal(config, *three, {0, 4, 0.05, 1, {0.75F, 1.5F}}));
    config.loss = "auto";
    CHECK(equal(config, *three, {0, 0, 0, 0, {0.75F, 1.5F}}));
    config.sampler = "balanced";
    CHECK_THROWS_WITH(make_loss(config, *three), contains("the same twice"));
}

TEST_CASE("Targets above 1, or for other labels than the logits, are refused", "[focused_loss]") {
    const auto loss = focused_loss({}, false);
    CHECK_THROWS_AS((*loss)(uniform({1, 2}, 1), labels_of(1, {2, 0})), UsageError);
    CHECK_THROWS_AS((*loss)(uniform({1, 2}, 1), labels_of(1, {1, 0, 0})), UsageError);
    CHECK_THROWS_AS((*focused_loss({}, true))(uniform({1, 2}, 1), class_batch({2})), UsageError);
}

TEST_CASE("Shares of positives are those of the samples that a sampler draws", "[loss_weights]") {
    TrainConfig config;
    CHECK(positive_shares(config, *drawn_images(5, 0)) == std::vector<float>{0.6F, 0.4F});
    CHECK(positive_shares(config, *drawn_images(5, 0, Task::labels)) == std::vector<float>{0.6F, 0.4F});
    config.sampler = "balanced";
    CHECK(positive_shares(config, *drawn_images(5, 0)) == std::vector<float>{0.5F, 0.5F});
}
