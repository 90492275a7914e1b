#include "runs/estimate/measure_run.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <memory>
#include <system_error>

#include "data/inspect/input_rate.h"
#include "embed/class_activation.h"
#include "embed/images.h"
#include "embed/loaded_model.h"
#include "embed/views.h"
#include "engine/files.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "runs/energy/run_meter.h"
#include "runs/estimate/step_clock.h"
#include "train/distillation.h"
#include "train/loader_options.h"
#include "train/ranked_evaluation.h"
#include "train/trainer.h"

namespace keel {
namespace fs = std::filesystem;
namespace {

constexpr int kOverlapTrials = 10;   // steps of several ranks until it is settled when gradients go out
constexpr int kReportedErrors = 12;  // images that a report explains

/// A folder for a checkpoint on the storage where the run's will be; all ranks know it, one makes it and removes it.
class ScratchFolder {
public:
    ScratchFolder(const std::string& out, World& world) : own_(world.is_root()) {
        std::string path;
        if (own_) {
            fs::path above = fs::path(out).parent_path();
            if (above.empty()) above = ".";
            if (out.empty() || !is_folder(above)) above = temporary();
            path = (above / ".keel-estimate-XXXXXX").string();
            if (::mkdtemp(path.data()) == nullptr) path = (temporary() / "keel-estimate-XXXXXX").string();
            if (path.ends_with("XXXXXX") && ::mkdtemp(path.data()) == nullptr)
                throw IoError("[estimate] cannot make a folder for a checkpoint: " +
                              std::system_category().message(errno));
        }
        path_ = world.broadcast(path);
    }
    ~ScratchFolder() {
        std::error_code ignored;
        if (own_) fs::remove_all(path_, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    static fs::path temporary() {
        std::error_code failed;
        const fs::path path = fs::temp_directory_path(failed);
        return failed ? fs::path("/tmp") : path;
    }
    bool own_;
    std::string path_;
};

/// The run without an end of its own, and without what only its own folder is for.
TrainConfig endless(const TrainConfig& config, const std::string& out) {
    TrainConfig endless = config;
    endless.out = out;
    endless.epochs = std::numeric_limits<int>::max() / 2;
    endless.eval_every = endless.epochs;
    endless.max_steps = 0;
    endless.patience = endless.trace_steps = endless.pause_after = 0;
    endless.checkpoint_minutes = 0;
    endless.tensorboard = false;
    // What teachers have said already is where the run will look for it.
    if (config.teacher_cache.empty()) endless.teacher_cache = config.out;
    return endless;
}

/// How long the run will ask its teachers before the first step; the steps after this do as if it had.
void measure_teachers(RunFacts& facts, Trainer& trainer, World& world, double seconds) {
    Distillation* const teachers = trainer.distillation();
    if (teachers == nullptr) return;
    facts.teachers_in_steps = !teachers->keeps_answers();
    const TeacherTime time = teachers->rehearse(world, trainer.dataset(), seconds);
    facts.teacher_images = time.images;
    facts.teacher_views = time.views;
    facts.teacher_begin = time.begin;
    facts.teacher_image = time.an_image;
    if (facts.config.teacher_cache.empty()) facts.answer_bytes = teachers->kept_bytes();
}

/// Steps until whatever settles has settled.
int unsettled_steps(const TrainConfig& config, int ranks) {
    return std::max(config.prefetch + 2, ranks > 1 && config.overlap == "auto" ? kOverlapTrials : 0);
}

std::int64_t run_steps(const TrainConfig& config, std::int64_t samples, int ranks) {
    const StepSize size{config.batch_size, ranks};
    return RunCourse(config, samples, size, size).steps_left({});
}

/// Scores some of the validation split as the run will.
void measure_validation(RunFacts& facts, const Trainer& trainer, World& world, double seconds) {
    if (facts.val_samples == 0) return;
    const double began = StepClock::seconds_now();
    const Predictor model = load_predictor((fs::path(trainer.config().out) / "checkpoints/last.safetensors").string(),
                                           {}, facts.config.batch_size);
    double first = 0, last = 0;
    std::int64_t first_done = 0, last_done = 0;
    const auto progress = [&](std::int64_t done, std::int64_t) {
        last = StepClock::seconds_now();
        last_done = done;
        if (first == 0) {
            first = last;
            first_done = done;
        }
    };
    const auto stop = [&] { return last_done > first_done && StepClock::seconds_now() - first > seconds; };
    evaluate_on_ranks(world, stop, model, trainer.dataset(), validation_loader(facts.config, trainer.spec(), {}),
                      progress);
    if (last_done > first_done) facts.val_image = (last - first) / static_cast<double>(last_done - first_done);
    facts.val_begin = std::max(0.0, first - began - static_cast<double>(first_done) * facts.val_image);
}

/// What the loader gives where nobody takes time between: images a second and the bytes that it reads for one.
void measure_loader(RunFacts& facts, const Trainer& trainer, const World& world, double seconds) {
    const ShardOptions shard{world.rank(), world.size(), facts.config.sampler == "independent", 0};
    Loader loader(trainer.dataset(), training_loader(facts.config, trainer.dataset(), trainer.spec(), shard, {}, {}));
    Batch batch;
    if (!loader.next(batch)) return;
    const std::int64_t before = bytes_read_so_far();
    const double began = StepClock::seconds_now();
    std::int64_t images = 0;
    double took = 0;
    while (took < seconds && loader.next(batch)) {
        images += batch.n;
        took = StepClock::seconds_now() - began;
    }
    if (images == 0 || took <= 0) return;
    facts.input_rate = static_cast<double>(images) / took;
    facts.read_bytes = (bytes_read_so_far() - before) / images;
}

/// What the report's images of errors take at the end.
double measure_report(const Trainer& trainer) {
    const Dataset& dataset = trainer.dataset();
    if (dataset.size(Split::val) == 0) return 0;
    const double began = StepClock::seconds_now();
    const ClassActivation activation(
        load_model((fs::path(trainer.config().out) / "checkpoints/last.safetensors").string()));
    const std::int64_t label = 0;
    const TransformOptions transform = transform_of(activation.spec());
    const auto explain = [&] {
        const Image image = dataset.load(Split::val, 0);
        activation.maps(input_of({&image, 1}, transform), {&label, 1});
    };
    double explaining = 0;
    try {
        explain();
        const double loaded = StepClock::seconds_now();
        explain();
        explaining = StepClock::seconds_now() - loaded;
    } catch (const Error&) {
        return StepClock::seconds_now() - began;  // an image that cannot be read, or a model without such maps
    }
    return StepClock::seconds_now() - began + (kReportedErrors - 2) * explaining;
}

/// The batch that fits into memory: the run's own, or fewer; 0: not one image.
std::int64_t fitting_batch(const NodeMemory& node, std::int64_t batch) {
    if (node.fits()) return batch;
    const std::int64_t over = node.more - node.machine.available + node.machine.available / 10;
    const std::int64_t an_image = std::max<std::int64_t>(1, node.process.an_image * node.processes);
    return std::max<std::int64_t>(0, batch - (over + an_image - 1) / an_image);
}

void take_steps(RunFacts& facts, Trainer& trainer, StepClock& clock) {
    trainer.run();
    facts.steps = clock.steps();
    facts.first_steps = clock.first_steps();
    facts.epoch_begin = clock.epoch_begin();
    facts.save = clock.save();
    facts.watts = clock.watts();
    const fs::path file = fs::path(trainer.config().out) / "checkpoints/last.safetensors";
    if (is_there(file)) facts.checkpoint_bytes = static_cast<std::int64_t>(InputFile(file).size());
}

}  // namespace

RunFacts measure_run(const TrainConfig& config, World& world, const MeasureOptions& options) {
    const auto phase = [&](const char* text) {
        if (options.on_phase) options.on_phase(text);
    };
    RunFacts facts;
    EnergyMeter meter(node_energy_options(world, config));
    phase("opening data and model");
    const double began = StepClock::seconds_now();
    const ScratchFolder scratch(config.out, world);
    TrainConfig measured = endless(config, scratch.path());
    auto observers = std::make_unique<TrainObservers>(std::vector<TrainObserver*>{});
    auto trainer = std::make_unique<Trainer>(measured, *observers, world);
    facts.config = config;
    facts.config.image_size = trainer->config().image_size;
    facts.model = trainer->spec().options;
    facts.train_samples = trainer->dataset().size(Split::train);
    facts.val_samples = trainer->dataset().size(Split::val);
    facts.ranks = world.size();
    facts.threads = thread_count();
    phase("memory");
    facts.memory = node_memory(world, trainer->memory_need());
    facts.start = StepClock::seconds_now() - began;
    const std::int64_t batch = fitting_batch(facts.memory, config.batch_size);
    if (batch < 1) return facts;
    if (batch < config.batch_size) {
        measured.batch_size = batch;
        facts.step_scale = static_cast<double>(config.batch_size) / static_cast<double>(batch);
        trainer.reset();
        trainer = std::make_unique<Trainer>(measured, *observers, world);
    }
    if (trainer->distillation() != nullptr) phase("teachers");
    measure_teachers(facts, *trainer, world, options.seconds / 4);
    const int unsettled = unsettled_steps(config, world.size());
    const std::int64_t all = run_steps(config, facts.train_samples, world.size());
    StepClock clock(unsettled, std::max<std::int64_t>(all, 2 * unsettled), options.seconds, &meter);
    *observers = TrainObservers({&clock});
    phase("steps");
    take_steps(facts, *trainer, clock);
    const std::vector<double> watts = world.gather(facts.watts);
    facts.watts = 0;
    for (const double own : watts) facts.watts += own;
    const EnergyReading energy = meter.read();
    facts.watts_estimated = energy.estimated;
    facts.energy_source = world.broadcast(energy.source);
    phase("validation");
    measure_validation(facts, *trainer, world, options.seconds / 4);
    phase("input");
    measure_loader(facts, *trainer, world, options.seconds / 4);
    phase("report");
    facts.end = world.is_root() ? measure_report(*trainer) : 0;
    world.barrier();
    return facts;
}

}  // namespace keel
