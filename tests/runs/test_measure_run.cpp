// What is measured of a run with teachers: as many of their answers as it takes to know how long all take.
#include "runs/estimate/measure_run.h"

#include <algorithm>
#include <filesystem>

#include "data/phantom/phantom.h"
#include "distributed/communicator.h"
#include "embed/import_weights.h"
#include "models/registry.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr int kDrawn = 40;

/// A run of a small student on drawn images of chests, with a teacher that knows their findings.
TrainConfig taught_run(const TemporaryFolder& folder) {
    PhantomOptions phantom;
    phantom.directory = folder / "phantom";
    phantom.count = kDrawn;
    phantom.size = 64;
    write_phantom(phantom);
    TrainConfig config;
    config.model = "resnet20";
    config.data = "phantom:" + (folder / "phantom");
    config.out = folder / "runs/first";
    config.image_size = 32;
    config.batch_size = 4;
    config.epochs = 3;
    config.threads = 1;
    config.teacher = folder / "teacher";
    const auto dataset = open_dataset(config.data);
    LoadedModel teacher{
        {.name = "resnet20",
         .options = {.classes = static_cast<std::int64_t>(dataset->label_names().size()), .channels = 1},
         .image_size = 32,
         .multi_label = true,
         .label_names = dataset->label_names()},
        nullptr};
    default_normalization(teacher.spec);
    teacher.module = make_model("resnet20", teacher.spec.options, 7);
    save_model(config.teacher, teacher);
    std::filesystem::create_directories(folder / "runs");
    return config;
}

RunFacts measured(const TrainConfig& config) {
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    return measure_run(config, world, {.seconds = 0.01});
}

}  // namespace

TEST_CASE("Teachers are measured as the run asks them: once for what is kept, else in each step", "[estimate]") {
    const TemporaryFolder folder;
    TrainConfig config = taught_run(folder);
    RunFacts facts = measured(config);
    CHECK(facts.train_samples > 20);
    CHECK(facts.teacher_images == facts.train_samples);
    CHECK((facts.teacher_views == 2 && facts.teacher_image > 0 && !facts.teachers_in_steps));
    CHECK(facts.answer_bytes ==
          facts.train_samples * 2 * static_cast<std::int64_t>(open_dataset(config.data)->label_names().size()) * 4);
    CHECK(facts.steps.size() >= 4);
    CHECK(std::filesystem::is_empty(folder / "runs"));

    config.teacher_cache = folder / "answers";
    Trainer(config).run();
    facts = measured(config);
    CHECK((facts.teacher_images == 0 && facts.teacher_image == 0 && facts.answer_bytes == 0));

    config.rotate = 10;
    facts = measured(config);
    CHECK((facts.teachers_in_steps && facts.teacher_images == 0 && facts.steps.size() >= 4));
}
