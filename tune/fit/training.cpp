#include "tune/fit/training.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/safetensors.h"
#include "kernels/error.h"
#include "train/config_file.h"
#include "train/trainer.h"
#include "train/trainer_state.h"

namespace keel::fit {
namespace {

/// The configuration of the run that made a checkpoint; the defaults where the file does not say it.
TrainConfig run_of(const std::string& checkpoint) {
    TrainConfig config;
    try {
        const TrainerState state = read_trainer_state(read_metadata(checkpoint), checkpoint);
        TrainConfig read;
        apply_toml(read, state.config, checkpoint);
        config = std::move(read);
    } catch (const InputError&) {  // weights of another program
    } catch (const UsageError&) {  // a configuration of a newer Keel
    }
    return config;
}

/// What belongs to the run that was, not to one that is short and all for itself.
void forget_course(TrainConfig& config) {
    const TrainConfig usual;
    config.init.clear();
    config.teacher.clear();
    config.time_limit.clear();
    config.max_steps = usual.max_steps;
    config.patience = usual.patience;
    config.pause_after = usual.pause_after;
    config.freeze = usual.freeze;
    config.backbone_lr = usual.backbone_lr;
    config.classifier_lr = usual.classifier_lr;
    config.elastic = config.tensorboard = config.reproducible = false;
    config.trace_steps = 0;
    config.threads = 0;
    config.lr_scaling = usual.lr_scaling;
}

/// Tells of epochs and of what a run has to say of itself.
class Teller final : public TrainObserver {
public:
    Teller(std::string name, const std::function<void(const std::string&)>& say) : name_(std::move(name)), say_(say) {}

    void on_start(const TrainStart& start) override {
        for (const std::string& warning : start.warnings) tell("warning: " + warning);
    }
    void on_resume(const ResumeReport& report) override {
        tell(fmt::format("goes on from {}, behind epoch {}", report.file.string(), report.epoch));
    }
    void on_epoch(const EpochReport& report) override {
        std::string text = fmt::format("epoch {} of {}: loss {:.4f}", report.epoch, report.epochs, report.train_loss);
        if (report.predictions != nullptr)
            text += fmt::format(", validation {} {:.4f}", selection_metric_name(*report.spec, report.scores),
                                selection_metric(*report.spec, *report.predictions, report.scores));
        tell(text + fmt::format(", {:.1f} images/s", report.images_per_second));
    }
    void on_bad_image(const BadImage& bad) override { tell(fmt::format("skipped {}: {}", bad.name, bad.reason)); }
    void on_skip(const SkippedStep& step) override {
        tell(fmt::format("warning: step {} was not applied: {}", step.step, step.what));
    }
    void on_remark(const std::string& remark) override { tell(remark); }

private:
    void tell(const std::string& text) const {
        if (say_) say_(name_ + ": " + text);
    }

    std::string name_;
    const std::function<void(const std::string&)>& say_;
};

}  // namespace

TrainConfig training_of(const TrainingOptions& o, const ModelSpec& spec, const Body& body, const std::string& start,
                        const std::string& out) {
    TrainConfig config = run_of(o.checkpoint);
    static_cast<DatasetOptions&>(config) = o.reading;
    forget_course(config);
    config.workers = o.workers;
    config.seed = o.seed;
    if (body.making == Making::tuned) {
        config.lr *= o.lr_factor;
        config.epochs = o.epochs;
        config.schedule = "cosine";
        config.warmup_steps = 0;
    } else if (o.distill_epochs > 0) {
        config.epochs = o.distill_epochs;
    }
    if (body.making == Making::distilled) config.teacher = o.checkpoint;
    for (const std::string& entry : o.set) apply_assignment(config, entry, "--set");
    config.model = body.model;
    config.data = o.data;
    config.out = out;
    config.image_size = static_cast<int>(body.image_size);
    config.channels = static_cast<int>(spec.options.channels);
    config.small_stem = spec.options.small_stem;
    config.mean = spec.mean;
    config.std = spec.std;
    if (body.making == Making::tuned) config.init = start;
    check_train_config(config);
    return config;
}

std::filesystem::path train_to_end(const TrainConfig& config, const std::string& name,
                                   const std::function<void(const std::string&)>& say) {
    Teller teller(name, say);
    Trainer trainer(config, teller);
    for (const std::string& refused : trainer.resume_newest())
        if (say) say(name + ": warning: " + refused);
    const TrainResult result = trainer.run();
    return result.best.empty() ? result.last : result.best;
}

}  // namespace keel::fit
