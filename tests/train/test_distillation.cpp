// Whole runs with teachers: what is kept of answers, that stops change nothing, who is refused.
#include "train/distillation.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <vector>

#include "distributed/thread_communicator.h"
#include "embed/import_weights.h"
#include "engine/autograd.h"
#include "engine/rng_scope.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "train/distill/distillation_loss.h"
#include "train/loader_options.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kImages = 12;

void write_model(const std::string& path, std::uint64_t seed, bool multi_label = false, std::int64_t side = 32) {
    LoadedModel model{{.name = "resnet20",
                       .options = {.classes = 2, .channels = 1},
                       .image_size = side,
                       .multi_label = multi_label,
                       .label_names = {"dark", "bright"}},
                      nullptr};
    default_normalization(model.spec);
    model.module = make_model("resnet20", model.spec.options, seed);
    save_model(path, model);
}

/// A run that learns from a teacher in `folder`.
TrainConfig taught(const TemporaryFolder& folder, const std::string& out = "") {
    if (!fs::exists(folder / "teacher")) write_model(folder / "teacher", 7);
    TrainConfig config = small_config(out);
    config.teacher = folder / "teacher";
    config.momentum = 0.9;
    return config;
}

/// Notes what is said of teachers; asks to stop after so many questions or steps.
class Listener : public TrainObserver {
public:
    void on_start(const TrainStart& start) override {
        for (const Remark& remark : start.data) said += remark.text + "\n";
    }
    void on_teachers_asked(const TeachersAsked& asked) override {
        ++questions;
        said += asked.note + "\n";
    }
    void on_step(const StepReport& report) override {
        ++steps;
        loss = report.mean_loss;
    }
    void on_remark(const std::string& text) override { said += "warning: " + text + "\n"; }
    std::optional<StopRequest> should_stop(double) override {
        return stop || steps == stop_after ? std::optional(StopRequest{7, "the test"}) : std::nullopt;
    }

    std::string said;
    int questions = 0, steps = 0, stop_after = -1;
    bool stop = false;
    double loss = 0;
};

TrainResult run_taught(const TrainConfig& config, Listener& listener, Task task = Task::classes) {
    return Trainer(config, listener, {.dataset = drawn_images(kImages, 4, task)}).run();
}

std::string weights_taught(const TrainConfig& config, Task task = Task::classes) {
    Listener listener;
    Trainer trainer(config, listener, {.dataset = drawn_images(kImages, 4, task)});
    trainer.run();
    return bytes_of(trainer.module().state());
}

std::string bytes_in(const fs::path& checkpoint) { return bytes_of(load_checkpoint(checkpoint).tensors); }

std::vector<fs::path> caches_in(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename().string().starts_with("teacher-")) files.push_back(entry.path());
    return files;
}

}  // namespace

TEST_CASE("answers are kept where images are mirrored at most", "[distillation]") {
    TrainConfig config;
    CHECK(why_not_kept(config).empty());
    config.flip = false;
    CHECK(why_not_kept(config).empty());
    config.mixup = 0.2;
    config.mix_probability = 0;
    CHECK(why_not_kept(config).empty());
    config.mix_probability = 1;
    config.rotate = 5;
    config.scale_min = 0.9;
    CHECK(why_not_kept(config) == "rotate, scale_min, mixup");
    for (double TrainConfig::*option : {&TrainConfig::shift, &TrainConfig::brightness, &TrainConfig::contrast,
                                        &TrainConfig::erase, &TrainConfig::cutmix}) {
        TrainConfig one;
        one.*option = 0.5;
        CHECK(!why_not_kept(one).empty());
    }
}

TEST_CASE("what was kept is what the teacher says of the image, mirrored or not", "[distillation]") {
    const TemporaryFolder folder;
    const TrainConfig config = taught(folder);
    const auto data = drawn_images(kImages, 4);
    const ModelSpec spec = read_model_spec(folder / "teacher");
    Distillation distillation(config, *data, spec);
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    REQUIRE(distillation.prepare(world, *data, {}));
    const Teachers teachers({folder / "teacher"}, *data, {.batch = config.batch_size});
    int mirrored = 0;
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
        TrainerState state;
        state.epoch = epoch;
        Loader loader(*data, training_loader(config, *data, spec, {}, state, {}));
        for (Batch batch; loader.next(batch);) {
            const RngScope draws(config.seed, static_cast<std::uint64_t>(epoch), draws_of(batch));
            const std::vector<float> kept = distillation.answers(batch).rows, asked = teachers.answer(batch, spec).rows;
            // Those of one image are the same numbers, but for the order of sums that other batches may have.
            for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i] == Approx(asked[i]).epsilon(1e-5).margin(1e-5));
            for (const std::int64_t draw : draws_of(batch)) {
                TransformOptions flips;
                flips.augment = true;
                mirrored += draw_augmentation(flips, config.seed, static_cast<std::uint64_t>(epoch),
                                              static_cast<std::uint64_t>(draw))
                                .flip;
            }
        }
    }
    CHECK((mirrored > 0 && mirrored < 2 * kImages));
}

TEST_CASE("the loss is the labels' and the teachers', as they are weighed", "[distillation]") {
    const TemporaryFolder folder;
    for (const bool multi_label : {false, true}) {
        const Task task = multi_label ? Task::labels : Task::classes;
        const auto data = drawn_images(kImages, 4, task);
        const std::string file = folder / (multi_label ? "labels" : "classes");
        write_model(file, 7, multi_label);
        const ModelSpec spec = read_model_spec(file);
        TrainConfig config = small_config();
        config.teacher = file;
        config.rotate = 10;  // nothing is kept
        config.temperature = 3;
        Loader loader(*data, validation_loader(config, spec, {}));
        Batch batch;
        REQUIRE(loader.next(batch));
        const auto module = make_model("resnet20", spec.options, 1);
        const Tensor logits = (*module)(images_of(batch));
        const auto labels = multi_label ? label_loss() : class_loss();
        const auto loss_of = [&](double weight) {
            config.teacher_weight = weight;
            const auto of = std::make_shared<Distillation>(config, *data, spec);
            return (*Distillation::loss(of, labels, *module))(logits, batch).item();
        };
        const TeacherAnswers answers = Teachers({file}, *data, {.batch = 4}).answer(batch, spec);
        const Tensor teacher = Tensor::from(std::span<const float>(answers.rows), logits.dims());
        const double of_labels = (*labels)(logits, batch).item(),
                     of_teacher = distillation_loss(logits, teacher, {}, !multi_label, 3).item();
        CHECK(loss_of(1) == Approx(of_teacher).epsilon(1e-6));
        CHECK(loss_of(0.25) == Approx(0.75 * of_labels + 0.25 * of_teacher).epsilon(1e-6));
        config.hint_weight = 1;
        CHECK_THROWS_AS(loss_of(0), UsageError);  // no forward pass that it watched made these logits
        config.hint_weight = 0;
        CHECK_THROWS_WITH(loss_of(0), contains("both 0"));
        config.hint_weight = 1;
        config.hint_layer = "layer9";
        CHECK_THROWS_WITH(loss_of(0.5), contains("no layer called layer9"));
    }
}

TEST_CASE("a run can learn from its teacher alone", "[distillation]") {
    const TemporaryFolder folder;
    TrainConfig config = taught(folder);
    config.teacher_weight = 1;
    config.epochs = 1;
    Listener first, last;
    run_taught(config, first);
    config.epochs = 8;
    config.lr = 0.01;
    run_taught(config, last);
    CHECK(last.loss < 0.5 * first.loss);
}

TEST_CASE("a run with teachers that goes on is the same to the bit, whether answers are kept or asked",
          "[distillation]") {
    const TemporaryFolder folder;
    for (const bool kept : {true, false})
        for (const bool hints : {false, true}) {
            const std::string name = std::string(kept ? "kept" : "asked") + (hints ? " hints" : "");
            TrainConfig config = taught(folder, folder / (name + " whole"));
            config.rotate = kept ? 0 : 10;
            config.hint_weight = hints ? 10 : 0;
            Listener listener;
            const std::string whole = bytes_in(run_taught(config, listener).last);
            CHECK(holds(listener.said, "teacher " + config.teacher));
            CHECK(holds(listener.said, "asked in every step") == !kept);
            CHECK((listener.questions > 0) == kept);
            config.out = folder / (name + " parts");
            Listener stopped;
            stopped.stop_after = 4;  // in the second epoch
            CHECK(run_taught(config, stopped).end == TrainEnd::stopped);
            Listener again;
            Trainer trainer(config, again, {.dataset = drawn_images(kImages, 4)});
            const fs::path last = config.out + "/checkpoints/last.safetensors";
            trainer.resume(load_checkpoint(last), last);
            CHECK(bytes_in(trainer.run().last) == whole);
            if (kept) CHECK(holds(again.said, "asked about 0 of 12"));
        }
}

TEST_CASE("a run that is stopped while teachers are asked goes on with what they said", "[distillation]") {
    const TemporaryFolder folder;
    TrainConfig config = taught(folder, folder / "run");
    Listener stopped;
    stopped.stop = true;
    CHECK(run_taught(config, stopped).end == TrainEnd::stopped);
    CHECK(stopped.steps == 0);
    Listener again;
    Trainer trainer(config, again, {.dataset = drawn_images(kImages, 4)});
    const fs::path last = folder / "run/checkpoints/last.safetensors";
    trainer.resume(load_checkpoint(last), last);
    const std::string after = bytes_in(trainer.run().last);
    config.out = folder / "whole";
    Listener whole;
    CHECK(bytes_in(run_taught(config, whole).last) == after);
}

TEST_CASE("a cache is shared by runs, and is of its teacher and its images alone", "[distillation]") {
    const TemporaryFolder folder;
    TrainConfig config = taught(folder);
    config.teacher_cache = folder / "answers";
    Listener first, second, third;
    run_taught(config, first);
    CHECK(holds(first.said, "asked about 12 of 12"));
    REQUIRE(caches_in(folder / "answers").size() == 1);
    config.seed = 5;
    run_taught(config, second);
    CHECK(holds(second.said, "asked about 0 of 12"));
    const std::string with_seven = weights_taught(config);

    write_model(folder / "teacher", 8);  // another model in the same file
    run_taught(config, third);
    CHECK(holds(third.said, "asked about 12 of 12"));
    CHECK(caches_in(folder / "answers").size() == 2);
    CHECK(weights_taught(config) != with_seven);

    // A cache that claims to be of this teacher, and is another's, is not used.
    write_model(folder / "teacher", 7);
    const std::vector<fs::path> both = caches_in(folder / "answers");
    const std::string one = read_text(both[0]), other = read_text(both[1]);
    write_text(both[0], other);
    write_text(both[1], one);
    Listener swapped;
    run_taught(config, swapped);
    CHECK(holds(swapped.said, "of other teachers or images"));
    CHECK(holds(swapped.said, "asked about 12 of 12"));
    CHECK(weights_taught(config) == with_seven);
}

TEST_CASE("asking is rehearsed on some images, and steps go on as if all had been asked about", "[distillation]") {
    const TemporaryFolder folder;
    TrainConfig config = taught(folder, folder / "run");
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    Listener listener;
    Trainer trainer(config, listener, {.dataset = drawn_images(40, 4)});
    Distillation* const distillation = trainer.distillation();
    REQUIRE(distillation != nullptr);
    CHECK(distillation->keeps_answers());
    CHECK(distillation->kept_bytes() == 40 * 2 * 2 * 4);  // images, views, labels, bytes
    const TeacherTime time = distillation->rehearse(world, trainer.dataset(), 0);
    CHECK((time.images == 40 && time.views == 2));
    CHECK((time.begin >= 0 && time.an_image > 0));
    trainer.run();
    CHECK(listener.questions == 0);
    CHECK(listener.steps == 20);
    CHECK(caches_in(folder / "run").empty());

    // What a run before has kept is not to be asked again.
    config.out = folder / "kept";
    Listener first;
    Trainer(config, first, {.dataset = drawn_images(40, 4)}).run();
    REQUIRE(caches_in(folder / "kept").size() == 1);
    const auto data = drawn_images(40, 4);
    const ModelSpec spec = read_model_spec(folder / "teacher");
    CHECK(Distillation(config, *data, spec).rehearse(world, *data, 1).images == 0);
    config.rotate = 10;
    Distillation in_steps(config, *data, spec);
    CHECK((!in_steps.keeps_answers() && in_steps.kept_bytes() == 0));
    CHECK(in_steps.rehearse(world, *data, 1).images == 0);
}

TEST_CASE("a run does not go on with another teacher unless it is told to", "[distillation]") {
    const TemporaryFolder folder;
    TrainConfig config = taught(folder, folder / "run");
    Listener stopped;
    stopped.stop_after = 2;
    run_taught(config, stopped);
    const fs::path last = folder / "run/checkpoints/last.safetensors";
    const auto resume = [&](bool force) {
        Listener listener;
        Trainer trainer(config, listener, {.dataset = drawn_images(kImages, 4)});
        trainer.resume(load_checkpoint(last), last, force);
    };
    resume(false);
    fs::copy_file(folder / "teacher", folder / "copy");
    write_model(folder / "teacher", 8);
    CHECK_THROWS_WITH(resume(false), contains("the teachers say other things"));
    resume(true);
    config.teacher = folder / "copy";
    CHECK_THROWS_WITH(resume(false), contains("teacher was"));
    config.teacher.clear();
    CHECK_THROWS_WITH(resume(false), contains("teacher was"));
}

TEST_CASE("ranks share the teachers' work and train the same model", "[distillation]") {
    const TemporaryFolder folder;
    for (const bool hints : {false, true}) {
        std::map<int, std::string> weights;
        for (const int ranks : {1, 2}) {
            TrainConfig config = taught(folder);
            config.batch_size = 4 / ranks;
            config.reproducible = true;
            config.virtual_shards = 2;
            config.hint_weight = hints ? 5 : 0;
            std::vector<std::string> of_rank(static_cast<std::size_t>(ranks));
            run_worlds({.ranks = ranks, .per_node = ranks}, [&](World& world) {
                Listener listener;
                Trainer trainer(config, listener, world, {.dataset = drawn_images(kImages, 4)});
                trainer.run();
                of_rank[static_cast<std::size_t>(world.rank())] = bytes_of(trainer.module().parameters());
            });
            CHECK(of_rank.front() == of_rank.back());
            weights[ranks] = of_rank.front();
        }
        CHECK(weights[1] == weights[2]);
    }
}

TEST_CASE("hints move the student's maps", "[distillation]") {
    const TemporaryFolder folder;
    TrainConfig config = taught(folder);
    const std::string without = weights_taught(config);
    config.hint_weight = 10;
    const std::string with = weights_taught(config);
    CHECK(with != without);
    config.hint_layer = config.teacher_layer = "layer1";
    CHECK(weights_taught(config) != with);
    config.teacher_weight = 0;
    CHECK(weights_taught(config) != with);
}

TEST_CASE("multi-label runs learn from teachers of larger images, whose answers are kept", "[distillation]") {
    const TemporaryFolder folder;
    write_model(folder / "large", 3, true, 48);
    write_model(folder / "small", 4, true);
    TrainConfig config = small_config();
    config.teacher = (folder / "large") + "," + (folder / "small");
    Listener listener;
    run_taught(config, listener, Task::labels);
    CHECK(holds(listener.said, "asked about 12 of 12"));
    CHECK(holds(listener.said, "images of 48 pixels"));
    CHECK(std::isfinite(listener.loss));
}
