// One step: what it changes, and what it leaves as it was.
#include "train/train_step.h"

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "distributed/thread_communicator.h"
#include "engine/autograd.h"
#include "engine/ops.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/train/small_training.h"

using namespace keel;
using namespace keel::test;

namespace {

StepStatus fine() { return {}; }

/// A state and what steps on it.
struct Training {
    explicit Training(TrainConfig wanted = {}, World* ranks = nullptr)
        : config(std::move(wanted)),
          own(ranks != nullptr ? nullptr : std::make_unique<World>([] {
              return std::shared_ptr<Communicator>(self_communicator());
          })),
          state(tiny_state()),
          parallel(ranks != nullptr ? *ranks : *own, config, state.module->parameters(), state.module->buffers()),
          step(config, state, parallel) {
        state.module->train(true);
    }
    std::string bytes() const { return bytes_of(state.tensors()); }

    TrainConfig config;
    std::unique_ptr<World> own;
    TrainState state;
    DataParallel parallel;
    TrainStep step;
};

std::vector<std::vector<float>> parameters_of(const Training& training) {
    std::vector<std::vector<float>> all;
    for (const NamedTensor& each : training.state.module->parameters()) {
        const Tensor plain = each.tensor.contiguous();
        all.emplace_back(plain.values<float>().begin(), plain.values<float>().end());
    }
    return all;
}

/// Softmax cross-entropy that notes what it is asked, and makes gradients or values that are no numbers.
class NotedLoss final : public Loss {
public:
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        sizes.push_back(batch.n);
        names.insert(names.end(), batch.names.begin(), batch.names.end());
        const Tensor loss = (*class_loss())(logits, batch);
        if (!spoils_gradient) return loss;
        return record(loss.detach().clone(), {logits}, [logits = logits.detach()](const Tensor&) {
            return Gradients{Tensor::full(logits.dims(), std::numeric_limits<double>::infinity())};
        });
    }

    mutable std::vector<std::int64_t> sizes;
    mutable std::vector<std::string> names;
    bool spoils_gradient = false;
};

}  // namespace

TEST_CASE("A step applies the gradient of the batch's mean loss, and the average follows", "[train_step]") {
    Training training;
    const Batch batch = tiny_batch(5, 1);
    TrainState twin = tiny_state();
    twin.module->train(true);
    const Tensor loss = (*twin.loss)((*twin.module)(images_of(batch)), batch);
    backward(loss);

    const TrainStep::Result result = training.step.run(batch, {0, 0}, 0.25, fine);
    CHECK((result.applied && result.fault.empty()));
    CHECK(result.status.samples == 5);
    CHECK(result.status.loss_sum == loss.item() * 5);
    twin.optimizer->step(0.25);
    twin.optimizer->zero_grad();
    twin.ema->update(0);  // the first weighs the new by 0.9: the average has moved
    CHECK(training.bytes() == bytes_of(twin.tensors()));
    for (const NamedTensor& each : training.state.module->parameters()) CHECK_FALSE(each.tensor.grad());
}

TEST_CASE("A step that is not finite leaves weights, statistics, average and momentum as they were", "[train_step]") {
    Training training, twin;
    const Batch good = tiny_batch(4, 1), later = tiny_batch(4, 2);
    Batch bad = tiny_batch(4, 3);
    bad.images[7] = std::numeric_limits<float>::quiet_NaN();
    for (Training* each : {&training, &twin}) REQUIRE(each->step.run(good, {0, 0}, 0.1, fine).applied);
    const std::string before = training.bytes();

    const TrainStep::Result of_loss = training.step.run(bad, {0, 1}, 0.1, fine);
    CHECK_FALSE(of_loss.applied);
    CHECK_FALSE(of_loss.status.finite);
    CHECK(of_loss.fault == "the loss is nan");
    CHECK(training.bytes() == before);

    auto spoiling = std::make_shared<NotedLoss>();
    spoiling->spoils_gradient = true;
    const auto honest = std::exchange(training.state.loss, spoiling);
    const TrainStep::Result of_gradient = training.step.run(later, {0, 1}, 0.1, fine);
    CHECK_FALSE(of_gradient.applied);
    CHECK(of_gradient.status.finite);
    CHECK(of_gradient.fault.starts_with("the gradient of "));
    CHECK(of_gradient.fault.ends_with(" is not finite"));
    CHECK(training.bytes() == before);
    for (const NamedTensor& each : training.state.module->parameters()) CHECK_FALSE(each.tensor.grad());

    training.state.loss = honest;  // the next step is that of a run that never saw the bad ones
    for (Training* each : {&training, &twin}) REQUIRE(each->step.run(later, {0, 1}, 0.1, fine).applied);
    CHECK(training.bytes() == twin.bytes());
}

TEST_CASE("A step of which a rank says that it failed is not applied, and blames no number", "[train_step]") {
    Training training;
    const std::string before = training.bytes();
    const TrainStep::Result result =
        training.step.run(tiny_batch(4, 1), {0, 0}, 0.1, [] { return StepStatus{.failed = true}; });
    CHECK((result.status.failed && !result.applied && result.fault.empty()));
    CHECK(training.bytes() == before);
}

TEST_CASE("Ghost batches are normalized each by itself, and each sample weighs the same", "[train_step]") {
    TrainConfig ghosts;
    ghosts.ghost_batch = 2;
    Training training(ghosts);
    const auto noted = std::make_shared<NotedLoss>();
    training.state.loss = noted;
    const Batch batch = tiny_batch(5, 1);

    TrainState twin = tiny_state();
    twin.module->train(true);
    double loss_sum = 0;
    const std::int64_t cuts[] = {0, 2, 4, 5};  // slice_of: as even as can be
    for (int k = 0; k < 3; ++k) {
        const Batch part = part_of_batch(batch, cuts[k], cuts[k + 1] - cuts[k]);
        const Tensor loss = (*twin.loss)((*twin.module)(images_of(part)), part);
        loss_sum += loss.item() * static_cast<double>(part.n);
        backward(loss, Tensor::full({1}, static_cast<double>(part.n) / 5));
    }
    twin.optimizer->step(0.25);
    twin.ema->update(0);

    const TrainStep::Result result = training.step.run(batch, {0, 0}, 0.25, fine);
    CHECK(noted->sizes == std::vector<std::int64_t>{2, 2, 1});
    CHECK(noted->names == batch.names);
    CHECK(result.status.loss_sum == loss_sum);
    CHECK(training.bytes() == bytes_of(twin.tensors()));
}

TEST_CASE("Where bad images make the batch smaller, the samples that are left weigh the more", "[train_step]") {
    Training smaller, whole;
    Batch batch = tiny_batch(3, 1);
    REQUIRE(whole.step.run(batch, {0, 0}, 0.25, fine).applied);
    batch.planned = 4;
    REQUIRE(smaller.step.run(batch, {0, 0}, 0.25, fine).applied);
    const auto got = parameters_of(smaller), wanted = parameters_of(whole);
    for (std::size_t p = 0; p < got.size(); ++p)
        for (std::size_t i = 0; i < got[p].size(); ++i) CHECK(got[p][i] == Approx(wanted[p][i]).margin(1e-6));
}

TEST_CASE("A rank without samples takes part with dummies that leave no trace", "[train_step]") {
    const ThreadScope one(1);
    for (const std::int64_t ghost : {0, 2}) {
        TrainConfig config;
        config.ghost_batch = ghost;
        std::array<std::vector<std::vector<float>>, 2> parameters;
        std::array<std::string, 2> statistics;
        std::array<double, 2> losses{};
        std::string untouched;
        run_worlds({2, 2, {}}, [&](World& world) {
            Training training(config, &world);
            const auto rank = static_cast<std::size_t>(world.rank());
            if (rank == 1) untouched = bytes_of(training.state.module->buffers());
            Batch batch = tiny_batch(4, 1);
            if (rank == 1) {
                batch = Batch{};
                batch.image_size = 6;
                batch.channels = 1;
                batch.planned = 4;
            }
            const TrainStep::Result result = training.step.run(batch, {0, 0}, 0.25, fine);
            losses[rank] = result.status.loss_sum;
            parameters[rank] = parameters_of(training);
            statistics[rank] = bytes_of(training.state.module->buffers());
        });
        CHECK(parameters[0] == parameters[1]);
        CHECK(losses[0] == losses[1]);
        CHECK(statistics[1] == untouched);
        Training single(config);
        REQUIRE(single.step.run(tiny_batch(4, 1), {0, 0}, 0.25, fine).applied);
        const auto wanted = parameters_of(single);
        for (std::size_t p = 0; p < wanted.size(); ++p)
            for (std::size_t i = 0; i < wanted[p].size(); ++i)
                CHECK(parameters[0][p][i] == Approx(wanted[p][i]).margin(1e-6));
        CHECK(statistics[0] == bytes_of(single.state.module->buffers()));
    }
}

TEST_CASE("Micro-batches that a rank lacks samples for leave no trace either", "[train_step]") {
    const ThreadScope one(1);
    TrainConfig config;
    config.ghost_batch = 2;
    std::string statistics, wanted;
    run_worlds({2, 2, {}}, [&](World& world) {
        Training training(config, &world);
        Batch batch = tiny_batch(world.rank() == 0 ? 4 : 1, 1);  // two micro-batches; the second rank fills one
        batch.planned = 8;
        training.step.run(batch, {0, 0}, 0.25, fine);
        if (world.rank() == 1) statistics = bytes_of(training.state.module->buffers());
    });
    Training single;
    REQUIRE(single.step.run(tiny_batch(1, 1), {0, 0}, 0.25, fine).applied);
    wanted = bytes_of(single.state.module->buffers());
    CHECK(statistics == wanted);
}

TEST_CASE("Gradients are clipped to a norm over all of them", "[train_step]") {
    TrainConfig clipped;
    clipped.clip_norm = 1e-3;
    Training training(clipped);
    const auto before = parameters_of(training);
    REQUIRE(training.step.run(tiny_batch(4, 1), {0, 0}, 1, fine).applied);
    const auto after = parameters_of(training);
    double square = 0;
    for (std::size_t p = 0; p < before.size(); ++p)
        for (std::size_t i = 0; i < before[p].size(); ++i) {
            const double moved = static_cast<double>(after[p][i]) - static_cast<double>(before[p][i]);
            square += moved * moved;
        }
    CHECK(std::sqrt(square) == Approx(1e-3).epsilon(1e-2));  // weights near 1 round their differences
}
