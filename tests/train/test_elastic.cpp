// Runs that are stopped and go on with another number of ranks: their epochs, samples and rates are those of a run that
// nobody stopped.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "distributed/thread_communicator.h"
#include "engine/checkpoint.h"
#include "engine/json.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr std::int64_t kSamples = 22, kBatch = 2;

struct StepSeen {
    std::int64_t epoch, begin, end;
    int ranks;
    double lr;
};

/// What a run did over all its parts, as rank 0 and the losses of all ranks saw it.
struct Diary {
    std::vector<StepSeen> steps;
    std::vector<std::pair<std::int64_t, double>> epochs;  // and their rates
    std::map<std::int64_t, int> samples;                  // how often each was trained on
    std::vector<std::string> warnings;
    std::int64_t total_steps = 0;
    std::mutex mutex;
};

/// Notes what rank 0 is told, and stops after so many steps; negative: never.
class DiaryKeeper final : public TrainObserver {
public:
    DiaryKeeper(Diary& diary, const World& world, int stop_after)
        : diary_(diary), ranks_(world.size()), root_(world.is_root()), left_(stop_after) {}

    void on_resume(const ResumeReport& report) override {
        if (root_) diary_.warnings = report.warnings;
    }
    void on_start(const TrainStart& start) override {
        if (root_) diary_.total_steps = start.total_steps;
    }
    void on_step(const StepReport& step) override {
        --left_;
        if (!root_) return;
        const bool goes_on = !diary_.steps.empty() && diary_.steps.back().epoch == step.epoch;
        diary_.steps.push_back({step.epoch, goes_on ? diary_.steps.back().end : 0, step.samples_done, ranks_, step.lr});
    }
    void on_epoch(const EpochReport& epoch) override {
        if (root_) diary_.epochs.emplace_back(epoch.epoch, epoch.lr);
    }
    std::optional<StopRequest> should_stop(double) override {
        return left_ == 0 ? std::optional(StopRequest{1, "the test"}) : std::nullopt;
    }

private:
    Diary& diary_;
    int ranks_;
    bool root_;
    int left_;
};

class CountingLoss final : public Loss {
public:
    explicit CountingLoss(Diary& diary) : diary_(diary) {}
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        {
            const std::lock_guard lock(diary_.mutex);
            for (std::size_t i = 0; i < batch.indices.size(); ++i)
                if (!batch.names[i].empty()) ++diary_.samples[batch.indices[i]];  // dummies have none
        }
        return cross_entropy(logits, Tensor::from(std::span<const std::int32_t>(batch.labels), {batch.n}));
    }

private:
    Diary& diary_;
};

TrainConfig elastic_config(const std::string& out, int epochs) {
    TrainConfig config = small_config(out);
    config.small_stem = true;
    config.image_size = 8;
    config.batch_size = kBatch;
    config.epochs = epochs;
    config.lr = 0.01;
    config.elastic = true;
    config.eval_every = 5;
    return config;
}

/// Trains on so many ranks from where the run in config.out is, `steps` of them or to the end; returns how it ended.
TrainEnd train_part(const TrainConfig& config, Diary& diary, int ranks, int steps) {
    TrainEnd end = TrainEnd::stopped;
    const auto checkpoint = Checkpoints(config.out + "/checkpoints").newest();
    run_worlds({.ranks = ranks, .per_node = ranks}, [&](World& world) {
        DiaryKeeper keeper(diary, world, steps);
        Trainer trainer(config, keeper, world,
                        {.dataset = drawn_images(kSamples, 4), .loss = std::make_shared<CountingLoss>(diary)});
        if (checkpoint) trainer.resume(checkpoint->state, checkpoint->file);
        const TrainResult result = trainer.run();
        if (world.is_root()) end = result.end;
    });
    return end;
}

void check_diary(const Diary& diary, const TrainConfig& config, const ScheduleOptions& in_samples) {
    std::int64_t epoch = 1, offset = 0;
    for (const StepSeen& step : diary.steps) {
        if (offset == kSamples) {
            ++epoch;
            offset = 0;
        }
        CHECK((step.epoch == epoch && step.begin == offset));
        CHECK(step.end == std::min(kSamples, step.begin + kBatch * step.ranks));
        const std::int64_t at = (epoch - 1) * kSamples + offset;
        CHECK(step.lr == learning_rate(in_samples, {at, config.epochs * kSamples, kSamples}));
        offset = step.end;
    }
    CHECK((epoch == config.epochs && offset == kSamples));
    REQUIRE(std::ssize(diary.epochs) == config.epochs);
    for (std::int64_t i = 0; i < config.epochs; ++i)
        CHECK(diary.epochs[static_cast<std::size_t>(i)] ==
              std::pair(i + 1, learning_rate(in_samples, {i * kSamples, config.epochs * kSamples, kSamples})));
    CHECK(std::ssize(diary.samples) == kSamples);
    for (const auto& [index, times] : diary.samples) CHECK(times == config.epochs);
}

}  // namespace

TEST_CASE(
    "A run stopped at random moments goes on with more and fewer ranks through the same epochs, samples and rates",
    "[elastic]") {
    const ThreadScope one(1);
    const bool stepped = GENERATE(false, true);
    const TemporaryFolder folder;
    TrainConfig config = elastic_config(folder / "run", stepped ? 3 : 8);
    config.schedule = stepped ? "step" : "cosine";
    if (stepped) config.milestones = {1, 2};
    config.warmup_steps = 15;
    ScheduleOptions in_samples = make_schedule(config, 1);
    in_samples.warmup_steps = kSamples + 4 * kBatch;  // steps of one rank, 11 an epoch
    in_samples.warmup_begin = kBatch;

    Diary diary;
    Random random(stepped ? 1 : 2, Draw::synthesize);
    constexpr int kRanks[] = {1, 2, 1, 3};
    const int stops = stepped ? 5 : 11;
    int part = 0;
    for (; part < stops; ++part)
        REQUIRE(train_part(config, diary, kRanks[part % 4], 1 + static_cast<int>(random.below(5))) ==
                TrainEnd::stopped);
    CHECK_FALSE(diary.warnings.empty());
    REQUIRE(train_part(config, diary, kRanks[part % 4], -1) == TrainEnd::finished);
    check_diary(diary, config, in_samples);
}

TEST_CASE("max_steps ends a run of varying ranks where one rank would have ended", "[elastic]") {
    const ThreadScope one(1);
    const TemporaryFolder folder;
    TrainConfig config = elastic_config(folder / "run", 3);
    config.schedule = "cosine";
    config.max_steps = 15;  // one epoch and 8 images
    Diary diary;
    REQUIRE(train_part(config, diary, 1, 2) == TrainEnd::stopped);
    CHECK(diary.total_steps == 15);
    REQUIRE(train_part(config, diary, 2, 2) == TrainEnd::stopped);
    CHECK(diary.total_steps == 2 + 5 + 2);  // 18 images in steps of 4, then 8
    REQUIRE(diary.warnings.size() == 2);
    CHECK_THAT(diary.warnings[1], contains("max_steps count steps of 2 images"));
    REQUIRE(train_part(config, diary, 1, -1) == TrainEnd::finished);
    const StepSeen& last = diary.steps.back();
    CHECK((last.epoch == 2 && last.end == 8));
    CHECK(last.lr == learning_rate({.kind = ScheduleKind::cosine, .lr = 0.01}, {kSamples + 6, kSamples + 8, kSamples}));
    REQUIRE(diary.epochs.size() == 2);
}

namespace {

/// Makes a checkpoint one of an earlier Keel's, which counted steps alone.
CheckpointState of_earlier_keel(CheckpointState checkpoint, std::int64_t step) {
    Json trainer = parse_json(checkpoint.metadata.at("keel.trainer"));
    for (const char* key : {"judged_epochs", "began", "steps_vary", "computed_with"}) REQUIRE(trainer.erase(key) == 1);
    trainer["recorded_step"] = step;
    checkpoint.metadata["keel.trainer"] = json_text(trainer);
    checkpoint.metadata["keel.step"] = std::to_string(step);
    return checkpoint;
}

}  // namespace

TEST_CASE("A run that an earlier Keel ended in its middle, on other ranks than before, goes on to its end",
          "[elastic]") {
    const ThreadScope one(1);
    const TemporaryFolder folder;
    TrainConfig config = elastic_config(folder / "run", 3);
    config.schedule = "cosine";
    const ScheduleOptions in_samples = make_schedule(config, 1);
    Diary diary;
    REQUIRE(train_part(config, diary, 1, 13) == TrainEnd::stopped);
    // It took 13 steps of one rank for the 18 that two ranks have in three epochs, and these for done.
    const CheckpointState checkpoint =
        of_earlier_keel(load_checkpoint(folder / "run/checkpoints/last.safetensors"), 18);
    run_worlds({.ranks = 2, .per_node = 2}, [&](World& world) {
        DiaryKeeper keeper(diary, world, -1);
        Trainer trainer(config, keeper, world,
                        {.dataset = drawn_images(kSamples, 4), .loss = std::make_shared<CountingLoss>(diary)});
        trainer.resume(checkpoint, "last");
        CHECK(trainer.run().end == TrainEnd::finished);
    });
    check_diary(diary, config, in_samples);
}

TEST_CASE("Ranks whose weights drift apart are named at the end of the epoch", "[elastic]") {
    /// A loss that lets a weight of one rank flip, as a faulty memory would.
    class Faulty final : public Loss {
    public:
        Tensor operator()(const Tensor& logits, const Batch& batch) const override {
            if (weight) weight.values<float>()[0] += 1e-3F;
            return cross_entropy(logits, Tensor::from(std::span<const std::int32_t>(batch.labels), {batch.n}));
        }
        mutable Tensor weight;
    };
    const ThreadScope one(1);
    const auto run = [] {
        run_worlds({.ranks = 2, .per_node = 2}, [](World& world) {
            TrainObserver observer;
            const auto loss = std::make_shared<Faulty>();
            Trainer trainer(elastic_config("", 1), observer, world,
                            {.dataset = drawn_images(kSamples, 4), .loss = loss});
            if (world.rank() == 1) loss->weight = trainer.module().parameters().back().tensor;
            trainer.run();
        });
    };
    CHECK_THROWS_WITH(run(), contains("after step 6 rank 1 has other weights than rank 0"));
}

TEST_CASE("An epoch's rate is that of its own steps", "[elastic]") {
    TrainConfig config = elastic_config("", 3);
    config.batch_size = 4;
    config.lr = 0.001;
    config.eval_every = 1;
    const auto rates = [&] {
        Diary diary;
        World alone([] { return std::shared_ptr<Communicator>(self_communicator()); });
        DiaryKeeper keeper(diary, alone, -1);
        Trainer(config, keeper, {.dataset = drawn_images(8, 4)}).run();
        std::vector<double> all;
        for (const auto& [epoch, lr] : diary.epochs) {
            CHECK(std::ranges::any_of(diary.steps,
                                      [&](const StepSeen& step) { return step.epoch == epoch && step.lr == lr; }));
            all.push_back(lr);
        }
        return all;
    };
    config.schedule = "step";
    config.milestones = {2};
    CHECK(rates() == std::vector<double>{0.001, 0.001, std::max(0.0, 0.001 * std::pow(0.1, 1.0))});
    config.schedule = "cosine";
    config.milestones.clear();
    CHECK(rates().back() > 0);
    config.schedule = "plateau";  // decays behind each epoch that is no better; the row has the rate before
    config.plateau_patience = 0;
    config.lr = 1e-12;
    CHECK(rates().front() == 1e-12);
    config.schedule = "constant";
    config.warmup_steps = 6;
    config.lr = 0.5;
    CHECK(rates() == std::vector<double>{0.5 * (1.0 / 6), 0.5 * (3.0 / 6), 0.5 * (5.0 / 6)});
}
