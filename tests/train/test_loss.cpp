// What training minimizes: hard and soft targets, what is not known, and losses by name.
#include "train/loss.h"

#include <set>
#include <string_view>
#include <utility>

#include "engine/autograd.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/train/small_training.h"
#include "train/config_file.h"

using namespace keel;
using namespace keel::test;

namespace {

Batch classes_of(std::vector<std::int32_t> labels) {
    Batch batch;
    batch.n = std::ssize(labels);
    batch.labels = std::move(labels);
    return batch;
}

struct Outcome {
    double loss;
    std::vector<double> gradient;
    bool operator==(const Outcome&) const = default;
};

Outcome outcome(const Loss& loss, const Tensor& drawn, const Batch& batch) {
    const Tensor logits = drawn.clone().set_requires_grad();
    const Tensor value = loss(logits, batch);
    backward(value);
    return {value.item(), {logits.grad().values<double>().begin(), logits.grad().values<double>().end()}};
}

}  // namespace

TEST_CASE("Classes that are one-hot distributions are the classes, to the bit", "[loss]") {
    const Tensor logits = uniform({3, 4}, 1, -3, 3);
    for (const double smoothing : {0.0, 0.1}) {
        const auto loss = class_loss(smoothing);
        Batch hard = classes_of({2, kUnknownClass, 0}), soft = hard;
        soft.labels = {1, 1, 1};  // soft targets come first
        soft.soft_targets = {0, 0, 1, 0, -1, -1, -1, -1, 1, 0, 0, 0};
        const Outcome of_hard = outcome(*loss, logits, hard);
        CHECK(of_hard == outcome(*loss, logits, soft));
        for (std::size_t k = 4; k < 8; ++k) CHECK(of_hard.gradient[k] == 0);
        CHECK(of_hard.gradient[0] != 0);
    }
}

TEST_CASE("Distributions over classes have the gradient of their cross-entropy", "[loss][gradcheck]") {
    Batch mixed = classes_of({0, 1});
    mixed.soft_targets = {0.75F, 0.25F, 0, 0, 0.125F, 0.125F, 0.25F, 0.5F};
    for (const double smoothing : {0.0, 0.1})
        check_gradients("class_loss",
                        [&](const std::vector<Tensor>& x) { return (*class_loss(smoothing))(x[0], mixed); },
                        {uniform({2, 4}, 1, -3, 3)});
}

TEST_CASE("Soft labels take the place of hard ones, unknown ones leave no gradient", "[loss][gradcheck]") {
    const Tensor logits = uniform({2, 3}, 1, -3, 3), weights = Tensor::from({2.0F, 1.0F, 5.0F}, {3});
    for (const auto& loss : {label_loss(), label_loss(weights)}) {
        const Batch hard = labels_of(2, {1, 0, kUnknownTarget, 0, kUnknownTarget, 1});
        Batch soft = labels_of(2, {0, 0, 0, 0, 0, 0});
        soft.soft_targets = hard.targets;
        const Outcome of_hard = outcome(*loss, logits, hard);
        CHECK(of_hard == outcome(*loss, logits, soft));
        CHECK((of_hard.gradient[2] == 0 && of_hard.gradient[4] == 0 && of_hard.gradient[0] != 0));
        soft.soft_targets = {0.25F, 0.5F, kUnknownTarget, 0.875F, kUnknownTarget, 0.125F};
        check_gradients("label_loss", [&](const std::vector<Tensor>& x) { return (*loss)(x[0], soft); }, {logits});
    }
}

TEST_CASE("A batch of which nothing is known has no loss and no gradient", "[loss]") {
    const Outcome nothing{0, std::vector<double>(6, 0.0)};
    const Tensor logits = uniform({2, 3}, 1);
    CHECK(outcome(*class_loss(0.1), logits, classes_of({kUnknownClass, kUnknownClass})) == nothing);
    CHECK(outcome(*label_loss(), logits, labels_of(2, std::vector<float>(6, kUnknownTarget))) == nothing);
}

TEST_CASE("Soft targets of another size than the logits are refused", "[loss]") {
    Batch batch = classes_of({0, 1});
    batch.soft_targets = {1, 0, 0};
    CHECK_THROWS_AS((*class_loss())(uniform({2, 3}, 1), batch), UsageError);
}

TEST_CASE("Losses have names, and each serves a task", "[loss]") {
    const auto classes = drawn_images(4, 0), labels = drawn_images(4, 0, Task::labels);
    std::set<std::pair<std::string_view, Task>> names;
    for (const NamedLoss& row : losses()) {
        CHECK(names.insert({row.name, row.task}).second);
        CHECK(make_loss({}, row.task == Task::classes ? *classes : *labels, row.name) != nullptr);
        TrainConfig config;
        config.loss = row.name;
        CHECK(make_loss(config, row.task == Task::classes ? *classes : *labels) != nullptr);
        CHECK_NOTHROW(check_train_config([&] {
            config.model = "resnet20";
            config.data = "phantom:x";
            return config;
        }()));
    }
    CHECK(names.size() == 8);
    CHECK_THROWS_WITH(make_loss({}, *classes, "hinge"),
                      "[train] wanted a loss of classes, one of ce, focal, asymmetric, auc-margin; got 'hinge'");
    CHECK_THROWS_WITH(make_loss({}, *classes, "bce"), contains("got 'bce'"));
    CHECK_THROWS_WITH(make_loss({}, *labels, "ce"), contains("wanted a loss of labels, one of bce, focal"));
    CHECK(make_loss({}, *classes, "cross_entropy") != nullptr);
    CHECK(make_loss({}, *labels, "binary_cross_entropy") != nullptr);
}

TEST_CASE("The loss of a task follows the configuration", "[loss]") {
    const auto classes = drawn_images(4, 0), labels = drawn_images(3, 0, Task::labels);
    TrainConfig config;
    config.label_smoothing = 0.1;
    const Tensor logits = uniform({1, 2}, 1, -3, 3);
    CHECK(outcome(*make_loss(config, *classes), logits, classes_of({1})) ==
          outcome(*class_loss(0.1), logits, classes_of({1})));
    config.positive_weights = "balanced";
    CHECK_THROWS_WITH(make_loss(config, *classes), contains("positive_weights balances labels"));
    const Batch both = labels_of(1, {1, 1});
    CHECK(outcome(*make_loss(config, *labels), logits, both) ==
          outcome(*label_loss(Tensor::from({0.5F, 2.0F}, {2})), logits, both));
}
