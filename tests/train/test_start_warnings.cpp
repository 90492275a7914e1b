// What a run is told before its first step.
#include "train/start_warnings.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/nn/layers.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/train/small_training.h"

using namespace keel;
using namespace keel::test;

namespace {

std::pair<std::int64_t, std::int64_t> images(const TrainConfig& config, std::int64_t samples, int ranks = 1) {
    const StatisticsImages images = statistics_images(config, samples, ranks);
    return {images.full, images.last};
}
using Pair = std::pair<std::int64_t, std::int64_t>;

std::vector<std::string> warnings(const TrainConfig& config, const Dataset& data) {
    return start_warnings(config, data, make_train_state(config, data), 1);
}

}  // namespace

TEST_CASE("Images that share statistics are counted in full steps and in the last one", "[start_warnings]") {
    TrainConfig config;
    config.batch_size = 16;
    CHECK(images(config, 32) == Pair{16, 0});
    CHECK(images(config, 33) == Pair{16, 1});
    CHECK(images(config, 5) == Pair{5, 5});
    CHECK(images(config, 33, 2) == Pair{16, 1});
    CHECK(images(config, 35, 2) == Pair{16, 1});
    CHECK(images(config, 36, 2) == Pair{16, 2});
    config.ghost_batch = 16;
    CHECK(images(config, 33) == Pair{16, 1});
    config.ghost_batch = 4;
    CHECK(images(config, 32) == Pair{4, 0});
    CHECK(images(config, 34) == Pair{4, 2});
    CHECK(images(config, 33) == Pair{4, 1});
    config.ghost_batch = 1;
    CHECK(images(config, 32) == Pair{1, 0});
    config.ghost_batch = 0;
    config.bn_ranks = 0;
    config.batch_size = 1;
    CHECK(images(config, 32, 4) == Pair{4, 0});
    CHECK(images(config, 33, 4) == Pair{4, 1});
    config.bn_ranks = 1;
    CHECK(images(config, 32, 4) == Pair{1, 0});
    config.batch_size = 8;
    config.reproducible = true;
    config.virtual_shards = 4;
    CHECK(images(config, 16, 1) == Pair{2, 0});
    CHECK(images(config, 17, 1) == Pair{2, 1});
    CHECK(images(config, 32, 2) == Pair{4, 0});
}

TEST_CASE("The fewest values of a channel are those of the smallest map that is normalized", "[start_warnings]") {
    const auto least = [](const char* name, bool small_stem, std::int64_t size) {
        ModelSpec spec;
        spec.name = name;
        spec.options = {.classes = 2, .channels = 1, .small_stem = small_stem};
        spec.image_size = size;
        const auto module = make_model(spec.name, spec.options, 1);
        const std::vector<NamedTensor> buffers = module->buffers();
        std::vector<Tensor> before;
        for (const NamedTensor& buffer : buffers) before.push_back(buffer.tensor.clone());
        const auto values = least_values_an_image(spec, *module);
        for (std::size_t i = 0; i < before.size(); ++i)
            CHECK(std::ranges::equal(before[i].values<float>(), buffers[i].tensor.values<float>()));
        return values;
    };
    CHECK(least("resnet18", false, 32) == 1);
    CHECK(least("resnet18", false, 64) == 4);
    CHECK(least("resnet18", true, 32) == 16);
    CHECK(least("densenet121", false, 32) == 1);
    nn::Linear without(2, 2);
    CHECK_FALSE(least_values_an_image({}, without));
}

TEST_CASE("Batches of one at maps of 1x1 are warned of, alone and as the last of an epoch", "[start_warnings]") {
    TrainConfig config = small_config();
    config.model = "resnet18";
    config.batch_size = 1;
    const std::string stem = "the usual stem leaves maps of 8 pixels of images of 32";
    auto all = warnings(config, *drawn_images(4, 0));
    REQUIRE(all.size() == 2);
    CHECK_THAT(all[0], contains("maps of 1x1") && contains("nothing is learnt"));
    CHECK_THAT(all[1], contains(stem));
    config.batch_size = 4;
    all = warnings(config, *drawn_images(8, 0));
    REQUIRE(all.size() == 1);
    CHECK_THAT(all[0], contains(stem));
    all = warnings(config, *drawn_images(9, 0));
    REQUIRE(all.size() == 2);
    CHECK_THAT(all[0], contains("the last step of an epoch of 9 training images") && contains("--batch-size"));
    config.small_stem = true;
    CHECK(warnings(config, *drawn_images(9, 0)).empty());
}

TEST_CASE("Labels that cannot be learnt and options without effect are warned of", "[start_warnings]") {
    TrainConfig config = small_config();
    config.small_stem = true;
    DatasetContents contents = small_contents(Task::labels, 8);
    contents.label_names = {"A", "B", "always"};
    for (Sample& sample : contents.splits[0]) sample.mask |= 0b100;
    contents.splits[0][0].known = 0;
    config.label_smoothing = 0.1;
    config.sampler = "balanced";
    const auto all = warnings(config, SmallDataset(std::move(contents), 32));
    REQUIRE(all.size() == 3);
    CHECK_THAT(all[0], contains("no training image is known to be without always"));
    CHECK_THAT(all[1], contains("label_smoothing"));
    CHECK_THAT(all[2], contains("draws none of 1 training images"));
}

TEST_CASE("A warm-up, decays and patience that a run is too short for are warned of", "[start_warnings]") {
    TrainConfig config = small_config();
    config.small_stem = true;
    config.epochs = 3;  // two steps each
    const auto only = [&](std::int64_t val = 4) {
        const auto all = warnings(config, *drawn_images(8, val));
        INFO(all.size());
        REQUIRE(all.size() == 1);
        return all[0];
    };
    const auto none = [&] { CHECK(warnings(config, *drawn_images(8, 4)).empty()); };
    config.warmup_steps = 5;
    none();
    config.warmup_steps = 12;
    CHECK_THAT(only(), contains("the warm-up of 12 steps takes the whole run of 6") && contains("0.0005 of 0.001"));
    config.warmup_steps = std::numeric_limits<std::int64_t>::max();
    CHECK_THAT(only(), contains("takes the whole run of 6"));
    config.warmup_steps = 4;
    config.max_steps = 4;
    CHECK_THAT(only(), contains("the warm-up of 4 steps takes the whole run of 4"));
    config.warmup_steps = config.max_steps = 0;

    config.milestones = {1, 3, 9};
    CHECK_THAT(only(), contains("milestones and step_epochs do nothing: the schedule is constant"));
    config.schedule = "step";
    CHECK_THAT(only(), contains("milestones 3, 9 never come: the run has 3 epochs"));
    config.milestones = {1, 2};
    none();
    config.max_steps = 3;
    CHECK_THAT(only(), contains("milestones 2 never come: the run has 1.5 epochs"));
    config.max_steps = 0;
    config.milestones.clear();
    CHECK_THAT(only(), contains("decays nothing without milestones"));
    config.step_epochs = 3;
    CHECK_THAT(only(), contains("every 3 epochs never comes"));
    config.step_epochs = 0;

    config.schedule = "plateau";
    config.plateau_patience = 1;
    CHECK_THAT(only(), contains("plateau_patience is 1, and the run has 3 epochs"));
    config.plateau_patience = 0;
    none();
    CHECK_THAT(only(0), contains("no validation split"));
    config.schedule = "constant";
    config.patience = 1;
    none();
    CHECK_THAT(only(0), contains("patience does nothing"));
}

TEST_CASE("Mixing wants two images to mix", "[start_warnings]") {
    TrainConfig config = small_config();
    config.small_stem = true;
    config.mixup = 0.4;
    CHECK(warnings(config, *drawn_images(8, 0)).empty());
    config.batch_size = 1;
    CHECK_THROWS_WITH(warnings(config, *drawn_images(8, 0)), contains("want two there at least, not 1"));
    config.batch_size = 4;
    config.reproducible = true;
    CHECK_THROWS_WITH(warnings(config, *drawn_images(8, 0)), contains("virtual shard"));
}
