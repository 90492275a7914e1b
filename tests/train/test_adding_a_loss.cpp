// The worked example of docs/adding_a_loss.md: a loss that is in no table, from its gradient to a run that minimizes
// it.
#include "engine/gradcheck.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"
#include "tests/support/quoted_code.h"
#include "tests/train/small_training.h"
#include "train/loss.h"
#include "train/trainer.h"

namespace keel {
namespace {

/// Returns the mean of (logit - target)^2 over the targets that are known.
Tensor squared_error(const Tensor& any_logits, const Tensor& targets) {
    const Tensor logits = any_logits.contiguous(), errors = logits.empty_like();
    Tensor loss = Tensor::zeros({1}, logits.dtype());
    double sum = 0, known = 0;
    dispatch_float("squared_error", logits.dtype(), [&]<class T>(T) {
        const float* t = targets.data<float>();
        for (std::int64_t i = 0; i < logits.elements(); ++i) {
            const bool is_known = t[i] != kUnknownTarget;
            const T error = is_known ? logits.data<T>()[i] - static_cast<T>(t[i]) : T(0);
            errors.data<T>()[i] = error;
            sum += static_cast<double>(error) * static_cast<double>(error);
            known += is_known;
        }
        loss.data<T>()[0] = static_cast<T>(known > 0 ? sum / known : 0);
    });
    return record(loss, {any_logits}, [errors, known](const Tensor& diff_loss) {
        const Tensor diff_logits = errors.empty_like();
        const double factor = known > 0 ? 2 * diff_loss.item() / known : 0;
        dispatch_float("squared_error", errors.dtype(), [&]<class T>(T) {
            for (std::int64_t i = 0; i < errors.elements(); ++i)
                diff_logits.data<T>()[i] = static_cast<T>(factor) * errors.data<T>()[i];
        });
        return Gradients{diff_logits};
    });
}

class SquaredError final : public Loss {
public:
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        const std::vector<float>& targets = batch.soft_targets.empty() ? batch.targets : batch.soft_targets;
        return squared_error(logits, Tensor::from(std::span<const float>(targets), logits.dims()));
    }
};

}  // namespace

std::shared_ptr<const Loss> make_squared_error(const TrainConfig& config, const Dataset&) {
    if (config.positive_weights != "none") throw UsageError("[train] squared_error weighs no labels");
    return std::make_shared<SquaredError>();
}

}  // namespace keel

using namespace keel;
using namespace keel::test;

TEST_CASE("The guide's loss has the gradient of its formula, and none of what is not known", "[adding_a_loss]") {
    const auto loss = make_squared_error({}, *drawn_images(2, 0, Task::labels));
    Batch batch;
    batch.n = 2;
    batch.targets = {1, 0, kUnknownTarget, 0, kUnknownTarget, 1};
    const auto f = [&](const std::vector<Tensor>& x) { return (*loss)(x[0], batch); };
    check_operator("squared_error", f, {uniform({2, 3}, 1)}, {6, 4});

    const Tensor logits = uniform({2, 3}, 1).set_requires_grad();
    backward((*loss)(logits, batch));
    CHECK((logits.grad().values<double>()[2] == 0 && logits.grad().values<double>()[4] == 0));
    batch.targets.assign(6, kUnknownTarget);
    CHECK((*loss)(logits, batch).item() == 0);
}

TEST_CASE("The guide's loss trains a model", "[adding_a_loss]") {
    TrainConfig config = small_config();
    config.epochs = 4;
    config.lr = 0.0003;
    struct Losses final : TrainObserver {
        void on_epoch(const EpochReport& epoch) override { means.push_back(epoch.train_loss); }
        std::vector<double> means;
    } observer;
    auto data = drawn_images(8, 0, Task::labels);
    const auto loss = make_squared_error(config, *data);
    Trainer trainer(config, observer, {.dataset = std::move(data), .loss = loss});
    CHECK(trainer.run().steps == 8);
    REQUIRE(observer.means.size() == 4);
    CHECK(observer.means[3] < observer.means[0]);
}

TEST_CASE("A run without a name takes the first row of its task; the table knows no loss by another",
          "[adding_a_loss]") {
    CHECK_THROWS_AS(make_loss({}, *drawn_images(2, 0, Task::labels), "squared_error"), UsageError);
}

TEST_CASE("The guide to adding a loss quotes code that is compiled", "[adding_a_loss]") {
    CHECK(missing_from("docs/adding_a_loss.md", "tests/train/test_adding_a_loss.cpp").empty());
    CHECK(missing_from("docs/adding_a_loss.md", "tests/train/test_loss.cpp").size() > 10);
}
