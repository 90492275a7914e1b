#include "tune/fit/training.h"

#include "embed/import_weights.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace keel::fit {  // not used: names of other searches are compiled beside these

namespace {

ModelSpec spec_of_run() {
    ModelSpec spec{.name = "resnet18", .options = {.classes = 2, .channels = 1}, .image_size = 32};
    spec.options.small_stem = true;
    spec.mean = {0.25F};
    spec.std = {0.5F};
    return spec;
}

}  // namespace

TEST_CASE("A training on follows the checkpoint's run, gently; what was of that run alone is forgotten", "[fit]") {
    TemporaryFolder folder;
    TrainConfig then = small_config(folder / "run");
    then.lr = 0.02;
    then.patience = 1;
    then.flip = false;
    then.max_steps = 2;
    then.weight_decay = 0.125;
    TrainObserver nobody;
    const std::string checkpoint = Trainer(then, nobody, {.dataset = drawn_images(8, 8)}).run().last.string();
    const TrainingOptions options{
        .checkpoint = checkpoint, .data = "phantom:else", .epochs = 5, .set = {"batch_size=2"}, .seed = 9};
    const TrainConfig config =
        training_of(options, spec_of_run(), {"resnet18", 24, 0.5, Making::tuned}, "start.safetensors", "out");
    CHECK(config.lr == Approx(0.002));
    CHECK(config.epochs == 5);
    CHECK(config.weight_decay == 0.125);
    CHECK_FALSE(config.flip);
    CHECK(config.max_steps == 0);
    CHECK(config.patience == 0);
    CHECK(config.init == "start.safetensors");
    CHECK(config.image_size == 24);
    CHECK(config.small_stem);
    CHECK(config.mean == std::vector<float>{0.25F});
    CHECK(config.data == "phantom:else");
    CHECK(config.out == "out");
    CHECK(config.batch_size == 2);
    CHECK(config.seed == 9);
}

TEST_CASE("A student's training has the run's epochs, or those that were asked for, and no weights to begin with",
          "[fit]") {
    const TrainingOptions options{.checkpoint = KEEL_SOURCE_DIR "/README.md", .data = "phantom:x", .distill_epochs = 7};
    const TrainConfig config =
        training_of(options, spec_of_run(), {"resnet20", 32, 1, Making::distilled}, "start.safetensors", "out");
    CHECK(config.model == "resnet20");
    CHECK(config.epochs == 7);
    CHECK(config.init.empty());
    CHECK(config.lr == TrainConfig{}.lr);
    CHECK(config.teacher == KEEL_SOURCE_DIR "/README.md");
}

TEST_CASE("Options of training that there are not are refused", "[fit]") {
    for (const char* entry : {"lr", "lrr=1", "lr=fast", "lr=-1"}) {
        INFO(entry);
        const TrainingOptions options{.checkpoint = KEEL_SOURCE_DIR "/README.md", .data = "phantom:x", .set = {entry}};
        CHECK_THROWS_AS(training_of(options, spec_of_run(), {"resnet18", 32, 1, Making::tuned}, "s", "out"),
                        UsageError);
    }
}

}  // namespace keel::fit
