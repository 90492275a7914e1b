#include "runs/run_recorder.h"

#include <filesystem>

#include "engine/json.h"
#include "runs/predictions_file.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

/// A recorder of a run in a folder of its own.
struct Recorded {
    TemporaryFolder folder;
    std::string path = folder / "run";
    RunDirectory directory{path, ExistingRun::refuse, true};
    RunRecorder recorder{directory};
    ModelSpec spec{.name = "resnet18", .options = {.classes = 2}, .multi_label = true, .label_names = {"A", "B"}};
    Predictions predictions;

    Recorded() {
        predictions.names = {"a", "b"};
        predictions.probabilities = {0.25F, 0.5F, 0.75F, 1.0F};
        predictions.targets = {0, 1, 1, 1};
        predictions.loss = 0.5;
    }
    EpochReport epoch(std::int64_t number) const {
        EpochReport report{.epoch = number,
                           .epochs = 3,
                           .step = 10 * number,
                           .lr = 0.125,
                           .train_loss = 0.75,
                           .images_per_second = 32,
                           .seconds = 2,
                           .bad_images = 1,
                           .peak_arena_bytes = 2'500'000,
                           .spec = &spec,
                           .predictions = &predictions,
                           .scores = {}};
        report.scores = score(spec, predictions);
        return report;
    }
    std::string file(const std::string& name) const { return read_text(path + "/" + name); }
};

}  // namespace

TEST_CASE("An epoch becomes a row of metrics, its undefined scores empty", "[recorder]") {
    Recorded run;
    run.recorder.on_epoch(run.epoch(1));
    EpochReport blind = run.epoch(2);
    blind.predictions = nullptr;
    blind.scores = {};
    run.recorder.on_epoch(blind);
    CHECK(run.file("metrics.csv") ==
          "epoch,step,lr,train_loss,images_per_second,seconds,bad_images,peak_arena_mb,val_loss,val_auroc_mean,"
          "val_auroc_A,val_auroc_B\n"
          "1,10,0.125,0.75,32.0,2.0,1,2.5,0.5,1.0,1.0,\n"
          "2,20,0.125,0.75,32.0,2.0,1,2.5,,,,\n");
    CHECK_THAT(run.file("metrics.jsonl"), contains("\"val_auroc_A\":1.0,\"val_auroc_B\":null}\n"));
    CHECK_THAT(run.file("log.txt"), contains("epoch 1/3: train loss 0.7500, 32.0 img/s, val loss 0.5000, val mean "
                                             "AUROC 1.0000\n") &&
                                        contains("epoch 2/3: train loss 0.7500, 32.0 img/s\n"));
}

TEST_CASE("A run that goes on loses the rows that it trains again", "[recorder]") {
    Recorded run;
    for (std::int64_t epoch = 1; epoch <= 3; ++epoch) run.recorder.on_epoch(run.epoch(epoch));
    run.recorder.on_resume(
        {.file = "last.safetensors", .epoch = 1, .step = 12, .epochs_recorded = 2, .warnings = {"lr was 1"}});
    CHECK_THAT(run.file("metrics.csv"), contains("\n2,20,") && !contains("\n3,30,"));
    CHECK_THAT(run.file("log.txt"), contains("lr was 1") && contains("resumed last.safetensors at epoch 2, step 12"));
}

TEST_CASE("The best checkpoint's predictions are kept, and a save that failed is told", "[recorder]") {
    Recorded run;
    run.recorder.on_checkpoint({.step = 5, .error = {}});
    CHECK_FALSE(std::filesystem::exists(run.path + "/val_predictions.csv"));
    CheckpointReport best{.step = 5, .best = true, .error = {}, .spec = &run.spec};
    best.predictions = &run.predictions;
    run.recorder.on_checkpoint(best);
    CHECK(run.file("val_predictions.csv") == predictions_csv(run.spec, run.predictions));
    run.recorder.on_checkpoint({.step = 7, .error = "[files] no space"});
    CHECK_THAT(run.file("log.txt"), contains("step 7 is not saved") && contains("[files] no space"));
}

TEST_CASE("What was left out is named: steps, and images", "[recorder]") {
    Recorded run;
    run.recorder.on_skip({.epoch = 1, .step = 4, .what = "the loss is NaN", .lr = 0.5, .samples = {"a.png", "b.png"}});
    CHECK(run.file("divergence.jsonl") ==
          "{\"epoch\":1,\"step\":4,\"what\":\"the loss is NaN\",\"lr\":0.5,\"samples\":[\"a.png\",\"b.png\"]}\n");
    run.recorder.on_bad_image({.index = 1, .name = "c.png", .reason = "[png] too short"});
    CHECK_THAT(run.file("log.txt"), contains("step 4 was not applied: the loss is NaN; its samples: a.png, b.png") &&
                                        contains("skipped c.png: [png] too short"));
}

TEST_CASE("A start is told with what it took of other weights", "[recorder]") {
    Recorded run;
    run.recorder.on_start(
        {.model = "resnet18",
         .data = {{false, "train: 31 samples of 9 patients, a list"},
                  {true, "class B has no training samples", Split::train},
                  {false, "labels are called otherwise"}},
         .label_names = {"A", "B"},
         .label_counts = {SplitCounts{31, 0, {31, 0}, {0, 0}, 9}, SplitCounts{3, 0, {3, 0}, {0, 0}}, {}},
         .origins = {"a list", "", ""},
         .train_samples = 31,
         .val_samples = 3,
         .total_steps = 8,
         .images_per_step = 16,
         .parameters = 1234,
         .ranks = 2,
         .weights_from = "other.safetensors",
         .weights_skipped = {"fc.weight"}});
    CHECK_THAT(run.file("log.txt"), contains("resnet18: 31 training and 3 validation samples, 8 steps of 16 images, "
                                             "1234 parameters, ") &&
                                        contains(" on each of 2 ranks") && contains("other.safetensors") &&
                                        contains("fc.weight"));
    CHECK_THAT(run.file("log.txt"), contains(" info data: train: 31 samples of 9 patients, a list\n") &&
                                        contains(" warning data: class B has no training samples\n"));
    const Json data = parse_json(run.file("data.json"));
    CHECK(data.at("labels") == Json({"A", "B"}));
    CHECK(data.at("splits").at("train").at("per_label") == Json({31, 0}));
    CHECK(data.at("splits").at("train").at("line") == "train: 31 samples of 9 patients, a list");
    CHECK(data.at("splits").at("train").at("patients") == 9);
    CHECK(data.at("remarks") ==
          Json({{{"warning", true}, {"text", "class B has no training samples"}, {"split", "train"}},
                {{"warning", false}, {"text", "labels are called otherwise"}}}));
}

TEST_CASE("An epoch's score is called by its name, and said to be undefined where it is", "[recorder]") {
    Recorded run;
    run.recorder.on_epoch(run.epoch(1));
    CHECK_THAT(run.file("log.txt"), contains("val loss 0.5000, val mean AUROC 1.0000"));
    run.predictions.targets = {1, 1, 1, 1};
    run.recorder.on_epoch(run.epoch(2));
    CHECK_THAT(run.file("log.txt"), contains("val mean AUROC undefined, so that the loss decides which epoch is best"));
    run.spec = {.name = "resnet18", .options = {.classes = 2}, .label_names = {"A", "B"}};
    run.predictions.labels = {1, 1};
    run.recorder.on_epoch(run.epoch(3));
    CHECK_THAT(run.file("log.txt"), contains("val AUC undefined"));
    CHECK(run.file("log.txt").find("-0.5") == std::string::npos);  // minus the loss is no AUROC
}
