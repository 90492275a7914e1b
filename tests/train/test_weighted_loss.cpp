#include "train/weighted_loss.h"

#include <cmath>

#include "engine/autograd.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

struct Weighted {
    double loss = 0;
    std::vector<double> gradient{};
};

Weighted weighted(const Loss& loss, const Tensor& drawn, const Batch& batch) {
    const Tensor logits = drawn.clone().set_requires_grad();
    const Tensor value = loss(logits, batch);
    backward(value);
    return {value.item(), {logits.grad().values<double>().begin(), logits.grad().values<double>().end()}};
}

Batch weighted_labels(std::vector<float> targets, std::vector<float> weights) {
    Batch batch;
    batch.n = std::ssize(weights);
    batch.targets = std::move(targets);
    batch.weights = std::move(weights);
    return batch;
}

}  // namespace

TEST_CASE("Samples count by their weights in a loss of labels", "[weighted_loss]") {
    const Tensor logits = uniform({3, 2}, 1, -3, 3);
    const std::vector<float> targets{1, 0, kUnknownTarget, 1, 0, 0}, weights{0.5F, 2, 0.5F};
    const Weighted found = weighted(*weighted_loss(label_loss()), logits, weighted_labels(targets, weights));
    double sum = 0;
    for (std::size_t k = 0; k < 6; ++k) {
        const double z = logits.data<double>()[k], y = double{targets[k]}, w = double{weights[k / 2]};
        const double probability = 1 / (1 + std::exp(-z));
        if (y < 0) {
            CHECK(found.gradient[k] == 0);
            continue;
        }
        sum -= w * (y * std::log(probability) + (1 - y) * std::log(1 - probability));
        CHECK(found.gradient[k] == Approx(w * (probability - y) / 5).epsilon(1e-12));  // 5 targets are known
    }
    CHECK(found.loss == Approx(sum / 5).epsilon(1e-12));
    Batch soft = weighted_labels({}, weights);
    soft.targets.assign(6, kUnknownTarget);
    soft.soft_targets = targets;
    const Weighted of_soft = weighted(*weighted_loss(label_loss()), logits, soft);
    CHECK((of_soft.loss == found.loss && of_soft.gradient == found.gradient));
}

TEST_CASE("Samples count by their weights in a loss of classes, and by one where none has another", "[weighted_loss]") {
    const Tensor logits = uniform({3, 4}, 1, -3, 3);
    Batch batch;
    batch.n = 3;
    batch.labels = {2, kUnknownClass, 0};
    const Weighted plain = weighted(*class_loss(), logits, batch);
    const Weighted unweighted = weighted(*weighted_loss(class_loss()), logits, batch);
    CHECK((unweighted.loss == plain.loss && unweighted.gradient == plain.gradient));
    batch.weights = {3, 1, 0};
    const Weighted found = weighted(*weighted_loss(class_loss()), logits, batch);
    for (std::size_t k = 0; k < 4; ++k) {
        CHECK(found.gradient[k] == Approx(3 * plain.gradient[k]).epsilon(1e-12));
        CHECK(found.gradient[8 + k] == 0);
    }
    batch.labels.assign(3, kUnknownClass);
    CHECK(weighted(*weighted_loss(class_loss()), logits, batch).loss == 0);
}

TEST_CASE("The gradient of a weighted loss is that of its value", "[weighted_loss]") {
    const Batch batch = weighted_labels({1, 0, 0, 1, 1, kUnknownTarget}, {0.25F, 1, 1.75F});
    const auto loss = weighted_loss(label_loss());
    check_gradients("weighted_loss", [&](const std::vector<Tensor>& in) { return (*loss)(in[0], batch); },
                    {uniform({3, 2}, 2, -3, 3)});
}
