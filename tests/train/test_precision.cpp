// Runs in bf16: resumed, across precisions, and by any number of ranks.
#include <algorithm>
#include <cmath>

#include "engine/checkpoint.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Stops after so many steps of this process, and keeps what is said.
class ShortRun final : public TrainObserver {
public:
    explicit ShortRun(int steps = -1) : left_(steps) {}
    void on_start(const TrainStart& start) override { precision = start.precision; }
    void on_resume(const ResumeReport& report) override { warnings = report.warnings; }
    void on_step(const StepReport& report) override {
        --left_;
        loss = report.mean_loss;
    }
    std::optional<StopRequest> should_stop(double) override {
        return left_ == 0 ? std::optional(StopRequest{7, "the test"}) : std::nullopt;
    }

    std::string precision;
    std::vector<std::string> warnings;
    double loss = 0;

private:
    int left_;
};

TrainConfig precise_config(const std::string& precision, const std::string& out) {
    TrainConfig config = small_config(out);
    config.precision = precision;
    return config;
}

CheckpointState last_checkpoint(const TrainResult& result) { return load_checkpoint(result.last); }

}  // namespace

TEST_CASE("A run in bf16 learns about what one in f32 does, and writes f32", "[trainer][bf16]") {
    const TemporaryFolder folder;
    ShortRun in_bf16, in_f32;
    const TrainResult bf16 =
        Trainer(precise_config("bf16", folder / "bf16"), in_bf16, {.dataset = drawn_images(10, 4)}).run();
    const TrainResult f32 =
        Trainer(precise_config("f32", folder / "f32"), in_f32, {.dataset = drawn_images(10, 4)}).run();
    CHECK(in_bf16.precision == "bf16");
    CHECK(in_f32.precision == "f32");
    // Other numbers, for the steps are rounded otherwise, but about the same: a loss of about 0.7 after six steps.
    CHECK(in_bf16.loss != in_f32.loss);
    CHECK(std::abs(in_bf16.loss - in_f32.loss) < 0.1);
    const CheckpointState state = last_checkpoint(bf16);
    CHECK(state.tensors.size() == last_checkpoint(f32).tensors.size());
    for (const NamedTensor& each : state.tensors) CHECK(each.tensor.dtype() != DType::bf16);
    CHECK_THAT(state.metadata.at("keel.config"), contains("precision = 'bf16'"));
    CHECK_THAT(state.metadata.at("keel.trainer"), contains("\"precision\":\"bf16\""));
}

TEST_CASE("A run in bf16 that is stopped goes on to the same weights to the bit, and in f32 with a word of it",
          "[trainer][bf16]") {
    const TemporaryFolder folder;
    ShortRun of_whole, of_first(2), of_second, of_other;
    const TrainResult whole =
        Trainer(precise_config("bf16", folder / "whole"), of_whole, {.dataset = drawn_images(10, 4)}).run();
    const TrainConfig config = precise_config("bf16", folder / "stopped");
    const TrainResult stopped = Trainer(config, of_first, {.dataset = drawn_images(10, 4)}).run();
    const CheckpointState state = last_checkpoint(stopped);

    Trainer other(precise_config("f32", folder / "other"), of_other, {.dataset = drawn_images(10, 4)});
    other.resume(state, stopped.last);
    REQUIRE(of_other.warnings.size() == 1);
    CHECK_THAT(of_other.warnings[0], contains("resumed in f32 in place of bf16"));
    CHECK(other.run().end == TrainEnd::finished);
    CHECK(std::isfinite(of_other.loss));

    Trainer second(config, of_second, {.dataset = drawn_images(10, 4)});
    second.resume(state, stopped.last);
    CHECK(of_second.warnings.empty());
    CHECK(bytes_of(last_checkpoint(second.run()).tensors) == bytes_of(last_checkpoint(whole).tensors));
}

TEST_CASE("A precision that is none is refused", "[trainer][bf16]") {
    CHECK_THROWS_AS(Trainer(precise_config("fp16", "")), UsageError);
}
