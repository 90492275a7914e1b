// Trainer: saving a run's state, and going on from it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/paths.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "train/config_file.h"
#include "train/resume_check.h"
#include "train/trainer.h"

namespace keel {
namespace {

/// Says what of a configuration means something else for steps of another size than the run began with.
std::vector<std::string> notes_on_steps(const TrainConfig& config, const TrainerState& state, const RunCourse& course) {
    std::vector<std::string> notes;
    std::vector<std::string> counted;
    if (config.warmup_steps > 0) counted.emplace_back("warmup_steps");
    if (config.max_steps > 0) counted.emplace_back("max_steps");
    if (state.steps_vary && !counted.empty())
        notes.push_back(fmt::format("{} count steps of {} images, as the run began", fmt::join(counted, " and "),
                                    state.began.images()));
    if (config.lr_scaling != "none" && course.ranks_by_images() != state.ranks)
        notes.push_back(
            fmt::format("lr_scaling {} takes the ranks for {:g}: a step has so many times the {} images of "
                        "a rank as the run began",
                        config.lr_scaling, course.ranks_by_images(), state.began.batch));
    return notes;
}

}  // namespace

void Trainer::save(bool best, const Predictions* predictions, SaveTries tries) {
    const auto start = Clock::now();
    parallel_.average(train_.running_statistics());
    std::string error;
    try {
        const auto write = [&] { checkpoints_->save(checkpoint(), best, [this] { observer_.before_checkpoint(); }); };
        if (checkpoints_ && parallel_.world().is_root()) tries == SaveTries::patient ? patiently(write) : write();
    } catch (const IoError& failure) {
        error = failure.what();
    }
    if (error = parallel_.world().broadcast(error); !error.empty()) throw IoError(error);
    saved_at_ = Clock::now();
    save_seconds_ = std::max(save_seconds_, seconds_since(start));
    unsaved_ = false;
    observer_.on_checkpoint({state_.step, best, "", &train_.spec, best ? predictions : nullptr});
}

bool Trainer::try_save(bool best, const Predictions* predictions, SaveTries tries) {
    try {
        save(best, predictions, tries);
        return true;
    } catch (const IoError& error) {
        saved_at_ = Clock::now();
        unsaved_ = true;
        observer_.on_checkpoint({state_.step, best, error.what(), &train_.spec, nullptr});
        return false;
    }
}

CheckpointState Trainer::checkpoint() const {
    TrainerState state = state_;
    state.config = to_toml(config_);
    state.computed_with = computed_with_now(step_.precision());
    CheckpointState checkpoint{{}, train_.tensors()};
    write_trainer_state(state, checkpoint.metadata);
    write_spec(train_.spec, checkpoint.metadata);
    return checkpoint;
}

void Trainer::resume(const CheckpointState& checkpoint, const std::filesystem::path& file, bool force) {
    const ModelSpec spec = read_spec(checkpoint.metadata, file.string());
    if (spec.name != train_.spec.name || spec.label_names != train_.spec.label_names)
        throw UsageError(fmt::format("[train] {} holds {} for {} labels, this run is {} for {} labels", file.string(),
                                     spec.name, spec.label_names.size(), train_.spec.name,
                                     train_.spec.label_names.size()));
    TrainerState state = read_trainer_state(checkpoint.metadata, file.string());
    const int ranks = parallel_.world().size();
    count_in_epochs(state, file.string(), dataset_->size(Split::train));
    ResumeChanges changes = changes_since(state, file.string(), config_, ranks, state_.data);
    if (!state.teacher.empty() && !state_.teacher.empty() && state.teacher != state_.teacher)
        changes.refused.emplace_back("the teachers say other things: there are other models in their files");
    if (!changes.refused.empty() && !force)
        throw UsageError(fmt::format("[train] {} was made with other settings: {}; --force goes on with the new ones",
                                     file.string(), fmt::join(changes.refused, ", ")));
    for (const std::string& change : changes.refused) changes.allowed.push_back("resumed with a change: " + change);

    train_.load(checkpoint.tensors, file.string());
    state.seed = config_.seed;
    state.data = state_.data;
    state.teacher = state_.teacher;
    state.ranks = ranks;
    if (changes.images_changed) state.steps_vary = true;
    state_ = std::move(state);
    set_course();
    const ComputedWith now = computed_with_now(step_.precision());
    ComputedWith then = state_.computed_with;
    // Steps of another size have other weights, whatever computes their last bits.
    if (changes.images_changed) then.threads = 0;
    for (auto& more : {notes_on_steps(config_, state_, course_), computing_changes(then, now, sums_are_fixed())})
        changes.allowed.insert(changes.allowed.end(), more.begin(), more.end());
    require_equal(parallel_.world(), "the checkpoint", hash_of(train_.tensors()));
    // The row of an epoch that max_steps cut short stays until the epoch goes on.
    const std::int64_t recorded = done() && state_.sample_offset > 0 ? state_.epoch + 1 : state_.epoch;
    observer_.on_resume({file, state_.epoch, state_.step, recorded, std::move(changes.allowed)});
}

std::vector<std::string> Trainer::resume_newest() {
    World& world = parallel_.world();
    std::optional<Checkpoints::Found> found;
    if (world.is_root() && checkpoints_ && is_folder(checkpoints_->last().parent_path()))
        found = checkpoints_->newest();
    const std::string file = world.broadcast(found ? found->file.string() : "");
    if (file.empty()) return {};
    resume(found ? found->state : load_checkpoint(file), file);
    return found ? std::move(found->refused) : std::vector<std::string>{};
}

}  // namespace keel
