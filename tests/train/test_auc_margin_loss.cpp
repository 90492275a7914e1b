// The loss of a maximal area under the ROC curve: its formula, its gradients, its variables and what a run makes of
// them.
#include "train/auc_margin_loss.h"

#include <algorithm>
#include <cmath>

#include "engine/autograd.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/train/small_training.h"

using namespace keel;
using namespace keel::test;

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("The AUC margin loss is its formula", "[auc_margin]") {
    const Tensor logits = uniform({4, 2}, 1, -2, 2), a = Tensor::from({0.7, 0.5}, {2}),
                 b = Tensor::from({0.2, 0.4}, {2}), alpha = Tensor::from({0.6, 0.0}, {2});
    const std::vector<float> t{1, 0, 0, 0.5F, kUnknownTarget, 1, 0, 1};
    const Tensor targets = Tensor::from(std::span<const float>(t), {4, 2});
    const std::vector<float> shares{0.25F, 0.5F};
    double sum = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        if (t[i] < 0) continue;
        const double h = sigmoid(logits.values<double>()[i]), y = double{t[i]}, s = double{shares[i % 2]};
        const double ak = a.values<double>()[i % 2], bk = b.values<double>()[i % 2], al = alpha.values<double>()[i % 2];
        sum += (1 - s) * y * (h - ak) * (h - ak) + s * (1 - y) * (h - bk) * (h - bk) - s * (1 - s) * al * al +
               2 * al * (s * (1 - s) * 0.8 + s * (1 - y) * h - (1 - s) * y * h);
    }
    CHECK(auc_margin({logits, a, b, alpha}, targets, shares, false, 0.8).item() == Approx(sum / 7).epsilon(1e-12));
}

TEST_CASE("Over all samples the loss at its inner solution is two variances and a squared hinge", "[auc_margin]") {
    // With a, b the means and alpha = margin - (a - b): Var+ + Var- + (margin - a + b)^2, times s (1 - s).
    const std::vector<double> x{1.5, -0.5, 0.25, -2, 0.75};
    const std::vector<float> t{1, 0, 1, 0, 0};
    const Tensor logits = Tensor::from(std::span<const double>(x), {5, 1}),
                 targets = Tensor::from(std::span<const float>(t), {5, 1});
    double plus = 0, minus = 0, squares = 0;
    for (std::size_t i = 0; i < 5; ++i) (t[i] > 0 ? plus : minus) += sigmoid(x[i]) / (t[i] > 0 ? 2 : 3);
    for (std::size_t i = 0; i < 5; ++i)
        squares += std::pow(sigmoid(x[i]) - (t[i] > 0 ? plus : minus), 2) / (t[i] > 0 ? 2 : 3);
    const double hinge = 1 - plus + minus;
    const double loss = auc_margin({logits, Tensor::full({1}, plus, DType::f64), Tensor::full({1}, minus, DType::f64),
                                    Tensor::full({1}, hinge, DType::f64)},
                                   targets, {0.4F}, false, 1)
                            .item();
    CHECK(loss == Approx(0.24 * (squares + hinge * hinge)).epsilon(1e-6));  // the share is a float
}

TEST_CASE("The AUC margin loss has the gradient of its formula by logits and variables", "[auc_margin][gradcheck]") {
    const std::vector<float> soft{1, 0, 0.25F, 0, kUnknownTarget, 1}, rows{0.5F, 0.25F, 0.25F, 0, 1, 0};
    for (const bool classes : {false, true}) {
        const Tensor targets = Tensor::from(std::span<const float>(classes ? rows : soft), {2, 3});
        const auto f = [&](const std::vector<Tensor>& x) {
            return auc_margin({x[0], x[1], x[2], x[3]}, targets, {0.25F, 0.5F, 0.125F}, classes, 1);
        };
        check_operator("auc_margin", f,
                       {uniform({2, 3}, 1, -2, 2), uniform({3}, 2, 0, 1), uniform({3}, 3, 0, 1), uniform({3}, 4, 0, 1)},
                       {6, 20});
    }
}

TEST_CASE("Steps move the variables to where they are solved, alpha up its gradient and never below 0",
          "[auc_margin]") {
    const AucMarginLoss loss({0.5F}, false, 1, 0.5);
    const auto value = [&](std::size_t i) { return double{loss.variables()[i].tensor.values<float>()[0]}; };
    CHECK((value(0) == 0.5 && value(1) == 0.5 && value(2) == 1));
    const auto train = [&](float positive, float negative) {
        for (int step = 0; step < 300; ++step) {
            const Tensor logits = Tensor::from({positive, negative}, {2, 1});
            backward(loss(logits, labels_of(2, {1, 0})));
            loss.step();
            for (const NamedTensor& variable : loss.variables()) variable.tensor.set_grad({});
        }
    };
    train(1, -1);
    CHECK(value(0) == Approx(sigmoid(1)).epsilon(1e-4));
    CHECK(value(1) == Approx(sigmoid(-1)).epsilon(1e-4));
    CHECK(value(2) == Approx(1 - sigmoid(1) + sigmoid(-1)).epsilon(1e-4));
    const AucMarginLoss near({0.5F}, false, 0.1, 0.5);
    for (int step = 0; step < 300; ++step) {
        backward(near(Tensor::from({3.0F, -3.0F}, {2, 1}), labels_of(2, {1, 0})));
        near.step();
        for (const NamedTensor& variable : near.variables()) variable.tensor.set_grad({});
    }
    CHECK(near.variables()[2].tensor.values<float>()[0] == 0);  // they are farther from each other than wanted
}

TEST_CASE("A label that all or none show, or that is not known, has no AUC margin loss", "[auc_margin]") {
    for (const float share : {0.0F, 1.0F}) {
        const AucMarginLoss loss({share}, false, 1, 0.1);
        const Tensor logits = Tensor::from({1.0F, -1.0F}, {2, 1}).set_requires_grad();
        const Tensor value = loss(logits, labels_of(2, {share, share}));
        backward(value);
        CHECK(value.item() == 0);
        for (const float g : logits.grad().values<float>()) CHECK(g == 0);
    }
    const AucMarginLoss loss({0.5F}, false, 1, 0.1);
    CHECK(loss(Tensor::from({1.0F, -1.0F}, {2, 1}), labels_of(2, {kUnknownTarget, kUnknownTarget})).item() == 0);
    CHECK_THROWS_AS(loss(uniform({1, 2}, 1), labels_of(1, {1, 0})), UsageError);
}

TEST_CASE("Weights have no place in an AUC margin loss", "[auc_margin]") {
    TrainConfig config;
    config.loss = "auc-margin";
    CHECK(make_loss(config, *drawn_images(4, 0))->variables().size() == 3);
    config.class_weights = "balanced";
    CHECK_THROWS_WITH(make_loss(config, *drawn_images(4, 0)), contains("takes no weights"));
}
