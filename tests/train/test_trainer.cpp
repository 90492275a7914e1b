// Whole runs, as a program that embeds the trainer sees them.
#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>

#include "engine/checkpoint.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;

namespace {

using Lines = std::vector<std::string>;

/// Notes each call as a line; asks to stop after so many steps of this process.
class Recorder : public TrainObserver {
public:
    void on_resume(const ResumeReport& r) override {
        lines.push_back(fmt::format("resume at epoch {}, step {}", r.epoch, r.step));
    }
    void on_start(const TrainStart& s) override {
        lines.push_back(fmt::format("start {}: {} + {} samples, {} steps of {} on {}", s.model, s.train_samples,
                                    s.val_samples, s.total_steps, s.images_per_step, s.ranks));
        parameters = s.parameters;
    }
    void on_step(const StepReport& r) override {
        lines.push_back(
            fmt::format("step {} of epoch {}/{}: {}/{}", r.step, r.epoch, r.epochs, r.samples_done, r.samples));
        finite = finite && std::isfinite(r.mean_loss) && r.images_per_second > 0;
        ++steps;
    }
    void on_epoch_trained(const EpochTrained& e) override {
        lines.push_back(fmt::format("trained epoch {}/{}{}", e.epoch, e.epochs, e.time_breakdown));
    }
    void on_epoch(const EpochReport& e) override {
        lines.push_back(fmt::format("epoch {}/{} at step {}: {} predictions, lr {}", e.epoch, e.epochs, e.step,
                                    e.predictions != nullptr ? e.predictions->samples() : 0, e.lr));
    }
    void on_checkpoint(const CheckpointReport& c) override {
        lines.push_back(fmt::format("checkpoint of step {}{}{}", c.step, c.best ? ", the best" : "",
                                    c.error.empty() ? "" : ", failed"));
        if (!c.error.empty()) error = c.error;
    }
    void on_skip(const SkippedStep& s) override { lines.push_back(fmt::format("skipped {}: {}", s.step, s.what)); }
    void on_end() override { lines.emplace_back("end"); }
    std::optional<StopRequest> should_stop(double seconds_needed) override {
        finite = finite && seconds_needed >= 0;
        return steps == stop_after ? std::optional(StopRequest{7, "the test"}) : std::nullopt;
    }

    Lines lines;
    std::string error;
    std::int64_t parameters = 0;
    int steps = 0, stop_after = -1;
    bool finite = true;
};

std::string last_of(const TrainResult& result) {
    REQUIRE(fs::exists(result.last));
    return bytes_of(load_checkpoint(result.last).tensors);
}

class CountedLoss final : public Loss {
public:
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        ++calls;
        return cross_entropy(logits, Tensor::from(std::span<const std::int32_t>(batch.labels), {batch.n}));
    }
    mutable int calls = 0;
};

}  // namespace

TEST_CASE("An observer hears of a run in order, and a run without a folder writes nothing", "[trainer]") {
    const TemporaryFolder folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    Recorder recorder;
    const auto loss = std::make_shared<CountedLoss>();
    Trainer trainer(small_config(), recorder, {.dataset = drawn_images(10, 4), .loss = loss});
    CHECK(trainer.dataset().label_names() == Lines{"dark", "bright"});
    CHECK(trainer.spec().options.classes == 2);
    CHECK(recorder.lines.empty());
    const TrainResult result = trainer.run();
    fs::current_path(before);

    CHECK(recorder.lines == Lines{"start resnet20: 10 + 4 samples, 6 steps of 4 on 1", "step 1 of epoch 1/2: 4/10",
                                  "step 2 of epoch 1/2: 8/10", "step 3 of epoch 1/2: 10/10", "trained epoch 1/2",
                                  "epoch 1/2 at step 3: 4 predictions, lr 0.001", recorder.lines.at(6),
                                  "step 4 of epoch 2/2: 4/10", "step 5 of epoch 2/2: 8/10",
                                  "step 6 of epoch 2/2: 10/10", "trained epoch 2/2",
                                  "epoch 2/2 at step 6: 4 predictions, lr 0.001", recorder.lines.at(12), "end"});
    CHECK(recorder.lines[6] == "checkpoint of step 3, the best");
    CHECK(recorder.lines[12].starts_with("checkpoint of step 6"));
    CHECK(recorder.finite);
    std::int64_t parameters = 0;
    for (const NamedTensor& each : trainer.module().parameters()) parameters += each.tensor.elements();
    CHECK(recorder.parameters == parameters);
    CHECK(loss->calls == 6);  // the validation's loss is that of the task
    CHECK(result.end == TrainEnd::finished);
    CHECK((result.epochs == 2 && result.steps == 6 && result.own_steps == 6 && result.model == "resnet20"));
    CHECK(result.best_metric);
    CHECK((result.best.empty() && result.last.empty()));
    CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("A run that an observer stops is saved, and goes on to the same weights to the bit", "[trainer]") {
    const TemporaryFolder folder;
    const TrainConfig whole_config = small_config(folder / "whole"), config = small_config(folder / "stopped");
    Recorder of_whole;
    const TrainResult whole = Trainer(whole_config, of_whole, {.dataset = drawn_images(10, 4)}).run();

    Recorder of_first;
    of_first.stop_after = 2;
    const TrainResult stopped = Trainer(config, of_first, {.dataset = drawn_images(10, 4)}).run();
    CHECK(stopped.end == TrainEnd::stopped);
    CHECK((stopped.stop.code == 7 && stopped.stop.reason == "the test"));
    CHECK((stopped.steps == 2 && stopped.epochs == 0 && stopped.best.filename() == "best.safetensors"));
    CHECK_FALSE(stopped.best_metric);
    CHECK(Lines(of_first.lines.end() - 2, of_first.lines.end()) == Lines{"end", "checkpoint of step 2"});

    Recorder of_second;
    Trainer second(config, of_second, {.dataset = drawn_images(10, 4)});
    second.resume(load_checkpoint(stopped.last), stopped.last);
    const TrainResult result = second.run();
    CHECK(of_second.lines.at(0) == "resume at epoch 0, step 2");
    CHECK(of_second.lines.at(2) == "step 3 of epoch 1/2: 10/10");
    CHECK((result.end == TrainEnd::finished && result.steps == 6 && result.own_steps == 4));
    CHECK(result.best_metric == whole.best_metric);
    CHECK(last_of(result) == last_of(whole));

    Recorder of_other;
    Trainer other(config, of_other, {.dataset = drawn_images(12, 4)});
    CHECK_THROWS_WITH(other.resume(load_checkpoint(stopped.last), stopped.last),
                      contains("the samples of the data, or their labels"));
    TrainConfig faster = config;
    faster.lr = 0.5;
    Trainer changed(faster, of_other, {.dataset = drawn_images(10, 4)});
    CHECK_THROWS_WITH(changed.resume(load_checkpoint(stopped.last), stopped.last), contains("lr was 0.001, is 0.5"));
}

TEST_CASE("A run that pauses behind an epoch goes on as if it had not, with the course of all its epochs",
          "[trainer]") {
    const TemporaryFolder folder;
    TrainConfig config = small_config(folder / "paused");
    config.schedule = "cosine";
    config.out = folder / "whole";
    Recorder of_whole;
    const TrainResult whole = Trainer(config, of_whole, {.dataset = drawn_images(10, 4)}).run();

    config.out = folder / "paused";
    config.pause_after = 1;
    Recorder of_first;
    const TrainResult paused = Trainer(config, of_first, {.dataset = drawn_images(10, 4)}).run();
    CHECK(paused.end == TrainEnd::paused);
    CHECK((paused.epochs == 1 && paused.steps == 3 && paused.best_metric));
    CHECK(of_first.lines.back() == "end");  // the epoch's own save is enough

    for (const int pause : {1, 2}) {  // where it is already, it only says so again; the last epoch ends it
        config.pause_after = pause;
        Recorder of_next;
        Trainer next(config, of_next, {.dataset = drawn_images(10, 4)});
        next.resume(load_checkpoint(paused.last), paused.last);
        const TrainResult result = next.run();
        CHECK(result.end == (pause == 1 ? TrainEnd::paused : TrainEnd::finished));
        CHECK(result.own_steps == (pause == 1 ? 0 : 3));
        if (pause == 1) continue;
        CHECK(result.best_metric == whole.best_metric);
        CHECK(last_of(result) == last_of(whole));
    }
}

TEST_CASE("A save that fails in the middle is reported and tried again", "[trainer]") {
    const TemporaryFolder folder;
    Recorder recorder;
    Trainer trainer(small_config(folder / "run"), recorder, {.dataset = drawn_images(4, 2)});
    const DiskFaultScope full({.at = 1, .error = ENOSPC, .only = static_cast<int>(Call::fsync)});
    const TrainResult result = trainer.run();
    CHECK(recorder.lines.at(4) == "checkpoint of step 1, the best, failed");
    CHECK_THAT(recorder.error, contains("No space left on device"));
    CHECK(recorder.lines.at(8).starts_with("checkpoint of step 2, the best"));  // better than what is on the disk
    CHECK(result.end == TrainEnd::finished);
    CHECK((fs::exists(result.last) && fs::exists(result.best)));
}

TEST_CASE("A run whose last state cannot be saved ends with the disk's error", "[trainer]") {
    const TemporaryFolder folder;
    Recorder recorder;
    TrainConfig config = small_config(folder / "run");
    config.io_patience = 0.1;  // a run that ends waits for its disk
    Trainer trainer(config, recorder, {.dataset = drawn_images(4, 2)});
    const DiskFaultScope full({.at = 1, .error = ENOSPC, .for_good = true, .only = static_cast<int>(Call::fsync)});
    CHECK_THROWS_AS(trainer.run(), IoError);
}

TEST_CASE("A run without progress ends when its patience does", "[trainer]") {
    TrainConfig config = small_config();
    config.epochs = 5;
    config.patience = 1;
    config.lr = 1e-12;  // no weight moves by as much as a bit
    Recorder recorder;
    const TrainResult result = Trainer(config, recorder, {.dataset = drawn_images(4, 4)}).run();
    CHECK(result.end == TrainEnd::out_of_patience);
    CHECK(result.epochs_since_best >= 1);
    CHECK(result.epochs < 5);
}

TEST_CASE("Patience is counted in epochs, those without a validation, too", "[trainer]") {
    struct Best final : TrainObserver {
        void on_epoch(const EpochReport& report) override { epoch = report.epoch; }
        void on_checkpoint(const CheckpointReport& report) override {
            if (report.best) best = epoch;
        }
        std::int64_t epoch = 0, best = 0;
    } observer;
    TrainConfig config = small_config();
    config.epochs = 12;
    config.eval_every = 3;
    config.patience = 2;
    config.lr = 1e-12;
    const TrainResult result = Trainer(config, observer, {.dataset = drawn_images(4, 4)}).run();
    CHECK(result.end == TrainEnd::out_of_patience);
    CHECK(result.epochs == observer.best + 3);  // the first validation that is two epochs behind the best, or more
    CHECK(result.epochs_since_best == 3);
}

TEST_CASE("Steps that are not finite are skipped, and too many of them end the run", "[trainer]") {
    class Endless final : public Loss {
    public:
        Tensor operator()(const Tensor& logits, const Batch& batch) const override {
            return cross_entropy(add(logits, Tensor::full(logits.dims(), std::nan(""))),
                                 Tensor::from(std::span<const std::int32_t>(batch.labels), {batch.n}));
        }
    };
    TrainConfig config = small_config();
    config.max_divergent = 2;
    Recorder recorder;
    Trainer trainer(config, recorder, {.dataset = drawn_images(12, 2), .loss = std::make_shared<Endless>()});
    CHECK_THROWS_AS(trainer.run(), DivergedError);
    CHECK(std::ranges::count(recorder.lines, "skipped 1: the loss is nan") == 1);
    CHECK(std::ranges::count(recorder.lines, "skipped 2: the loss is nan") == 1);
}

TEST_CASE("Training samples of no known class are left out of the loss; a run of nothing else is refused",
          "[trainer]") {
    class Unlabelled final : public Dataset {
    public:
        explicit Unlabelled(DatasetContents contents) : Dataset(std::move(contents)) {}

    protected:
        Image read(const Sample&, LeastSize) const override { return {32, 32, 1}; }
    };
    const auto data = [](std::int32_t second) {
        DatasetContents contents;
        contents.label_names = {"dark", "bright"};
        for (const std::int32_t label : {kUnknownClass, second, second < 0 ? second : 0}) {
            contents.splits[0].emplace_back().name = std::to_string(label);
            contents.splits[0].back().label = label;
        }
        return std::make_unique<Unlabelled>(std::move(contents));
    };
    TrainConfig config = small_config();
    config.epochs = 1;
    Recorder recorder;
    CHECK(Trainer(config, recorder, {.dataset = data(1)}).run().steps == 1);
    CHECK(recorder.finite);
    CHECK_THROWS_WITH(Trainer(config, recorder, {.dataset = data(kUnknownClass)}),
                      contains("no training sample whose class is known"));
    CHECK_THROWS_AS(Trainer(config, recorder, {.dataset = drawn_images(0, 2)}), InputError);
}

namespace {

/// A run with everything on that draws, mixes and learns by itself.
TrainConfig busy_config(const std::string& out, int workers) {
    TrainConfig config = small_config(out);
    config.loss = "auc-margin";
    config.sampler = "balanced";
    config.mixup = 0.4;
    config.cutmix = 1;
    config.mix_probability = 0.8;
    config.erase = 0.5;
    config.optimizer = "adamw";
    config.workers = workers;
    return config;
}

}  // namespace

TEST_CASE("A run that balances, mixes, erases and learns variables of its loss goes on to the bit inside an epoch",
          "[trainer]") {
    const TemporaryFolder folder;
    Recorder of_whole;
    const TrainResult whole =
        Trainer(busy_config(folder / "whole", 3), of_whole, {.dataset = drawn_images(11, 4)}).run();
    CHECK(whole.steps == 6);

    const TrainConfig config = busy_config(folder / "stopped", 1);
    Recorder of_first;
    of_first.stop_after = 2;
    const TrainResult stopped = Trainer(config, of_first, {.dataset = drawn_images(11, 4)}).run();
    const CheckpointState checkpoint = load_checkpoint(stopped.last);
    int variables = 0;
    for (const NamedTensor& entry : checkpoint.tensors) {
        if (!entry.name.starts_with("loss.")) continue;
        ++variables;
        CHECK(entry.tensor.values<float>()[0] != (entry.name == "loss.alpha" ? 1.0F : 0.5F));  // they have moved
    }
    CHECK(variables == 3);

    Recorder of_second;
    Trainer second(config, of_second, {.dataset = drawn_images(11, 4)});
    second.resume(checkpoint, stopped.last);
    const TrainResult result = second.run();
    CHECK(result.own_steps == 4);
    CHECK(last_of(result) == last_of(whole));
    CHECK(result.best_metric == whole.best_metric);

    for (const auto& change : {+[](TrainConfig& c) { c.loss = "focal"; }, +[](TrainConfig& c) { c.mixup = 0; },
                               +[](TrainConfig& c) { c.sampler = "sharded"; }, +[](TrainConfig& c) { c.erase = 0; }}) {
        TrainConfig changed = config;
        change(changed);
        Trainer other(changed, of_second, {.dataset = drawn_images(11, 4)});
        CHECK_THROWS_AS(other.resume(checkpoint, stopped.last), UsageError);
    }
}

TEST_CASE("A run hears of what will not be learnt before its first step", "[trainer]") {
    struct Warned final : TrainObserver {
        void on_start(const TrainStart& start) override { warnings = start.warnings; }
        std::optional<StopRequest> should_stop(double) override { return StopRequest{1, "the test"}; }
        Lines warnings;
    } observer;
    TrainConfig config = small_config();
    config.model = "resnet18";
    config.batch_size = 1;
    Trainer(config, observer, {.dataset = drawn_images(4, 2)}).run();
    REQUIRE(observer.warnings.size() == 2);
    CHECK_THAT(observer.warnings[0], contains("batch norm over a batch of one") && contains("--batch-size"));
    CHECK_THAT(observer.warnings[1], contains("--small-stem"));
    config.batch_size = 4;
    Trainer(config, observer, {.dataset = drawn_images(4, 2)}).run();
    CHECK(observer.warnings.size() == 1);
    config.model = "resnet20";
    Trainer(config, observer, {.dataset = drawn_images(4, 2)}).run();
    CHECK(observer.warnings.empty());
}
