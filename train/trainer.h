// One training run: from the first step or a checkpoint to the last step, or to where an observer asks it to stop.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "distributed/world.h"
#include "engine/checkpoint.h"
#include "train/checkpoints.h"
#include "train/computed_with.h"
#include "train/data_parallel.h"
#include "train/loss.h"
#include "train/memory_need.h"
#include "train/observer.h"
#include "train/run_course.h"
#include "train/train_config.h"
#include "train/train_state.h"
#include "train/train_step.h"
#include "train/trainer_state.h"

namespace keel {

enum class TrainEnd {
    finished,         ///< all epochs, or max_steps
    out_of_patience,  ///< no better epoch in config.patience
    paused,           ///< config.pause_after epochs are done, others are not; the state is saved
    stopped           ///< an observer asked for it; the state is saved
};

struct TrainResult {
    TrainEnd end = TrainEnd::finished;
    StopRequest stop;  ///< where it was stopped
    std::string model;
    std::int64_t epochs = 0, steps = 0;  ///< completed, over all processes of the run
    std::int64_t own_steps = 0;          ///< of this process
    int epochs_since_best = 0;
    std::optional<double> best_metric;  ///< none without a validation
    std::string metric_name{};          ///< selection_metric_name() of the last validation; empty without one
    std::filesystem::path best, last;   ///< checkpoints; empty where config.out is
};

/// Parts that a program brings of its own, in place of those that the configuration names; null: none.
struct TrainParts {
    std::unique_ptr<Dataset> dataset = nullptr;  ///< config.data only names it then
    std::shared_ptr<const Loss> loss = nullptr;  ///< config.loss and what belongs to it do nothing then
};

///     TrainConfig config;
///     config.model = "densenet121";
///     config.data = "folder:xrays";
///     config.out = "runs/first";
///     const TrainResult result = Trainer(config).run();
class Trainer {
public:
    /// Opens the data and makes the model. `observer` and `world` must outlive the trainer; without a world one rank
    /// trains alone. Checkpoints go to config.out + "/checkpoints", none where it is empty. Throws UsageError,
    /// InputError or IoError for what does not fit together, on this rank or between ranks.
    Trainer(const TrainConfig& config, TrainObserver& observer, World& world, TrainParts parts = {});
    explicit Trainer(const TrainConfig& config);
    Trainer(const TrainConfig& config, TrainObserver& observer, TrainParts parts = {});
    ~Trainer();
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    /// Goes on from a checkpoint of this run, inside an epoch if it was made there: the weights come out the same to
    /// the bit as without the stop. Throws InputError that names `file` where it does not fit. Another configuration
    /// where that matters, or other data: UsageError, or with `force` a warning to the observer.
    void resume(const CheckpointState& checkpoint, const std::filesystem::path& file, bool force = false);

    /// Goes on from the newest checkpoint in config.out that is whole, if there is one; all ranks call this together.
    /// Returns what there is to say of newer ones that are not. Throws as resume() and Checkpoints::newest() do.
    std::vector<std::string> resume_newest();

    /// Returns the memory that this process is going to need, drawn from steps of one and of two images, which leave
    /// all as it was. Before run().
    MemoryNeed memory_need();

    /// Trains to the end, or until an observer asks to stop; then the state is saved. Throws DivergedError where too
    /// many steps in a row are not finite, InputError where too many images cannot be read, StorageError where the
    /// data's storage does not answer for `io_patience` seconds, IoError where the last state cannot be saved.
    TrainResult run();

    /// The configuration as it is run: what the data decide is settled.
    const TrainConfig& config() const { return config_; }
    const ModelSpec& spec() const { return train_.spec; }
    /// The model as it is trained; its averaged weights, where there are any, are in the checkpoints.
    const nn::Module& module() const { return *train_.module; }
    const Dataset& dataset() const { return *dataset_; }
    /// The run's teachers (train/distillation.h); null: there are none.
    Distillation* distillation() { return train_.distillation.get(); }

private:
    Trainer(const TrainConfig& config, TrainObserver& observer, std::unique_ptr<World> own_world, World* world,
            TrainParts parts);

    using Clock = std::chrono::steady_clock;
    static double seconds_since(Clock::time_point start) {
        return std::chrono::duration<double>(Clock::now() - start).count();
    }

    StepStatus own_status() const;
    /// Returns the seconds that another step and a save may take.
    double seconds_needed() const;
    std::function<void(const BadImage&)> on_bad_image() const;

    /// Asks the teachers, if there are some, what can be kept of them; false if the run must stop before that is done.
    bool ask_teachers();
    /// Trains the rest of the current epoch; false if the run must stop before its end.
    bool train_epoch();
    /// Fetches the next batch of this rank, if the epoch has one; a rank that cannot read its data says so after the
    /// step.
    bool next_batch(Loader& loader, Batch& batch);
    void train_step(const Batch& batch);
    /// Throws InputError or StorageError, on all ranks, where one of them cannot read its data.
    [[noreturn]] void stop_without_data();
    /// Reports a step that was not applied; throws DivergedError after too many in a row.
    void skip_step(const Batch& batch, const std::string& what);
    void report_step();

    /// Validates, reports the epoch and saves; false if the run must stop before that is done.
    bool finish_epoch();
    /// Scores the validation split; none if the run must stop before the end.
    std::optional<Predictions> validate();
    void report_epoch(const Predictions* predictions, const Scores& scores, double lr);

    /// Whether all ranks leave the epoch at the same step.
    bool ends_together() const { return parallel_.world().is_single() || status_.failed; }

    /// A run that goes on saves again later; one that ends waits for its storage.
    enum class SaveTries { once, patient };
    /// Throws IoError where the state cannot be saved. `predictions` are those that made it the best.
    void save(bool best, const Predictions* predictions = nullptr, SaveTries tries = SaveTries::once);
    /// Saves for a run that goes on: a failure is reported, and the next save is a new try. True if it was saved.
    bool try_save(bool best, const Predictions* predictions = nullptr, SaveTries tries = SaveTries::once);
    CheckpointState checkpoint() const;

    /// Lays the run's course and schedule anew, for the size that steps have now and as the run began.
    void set_course();
    double current_lr() const;
    bool epoch_complete() const { return state_.sample_offset >= dataset_->size(Split::train); }
    bool out_of_patience() const { return config_.patience > 0 && state_.epochs_since_best >= config_.patience; }
    bool done() const;
    bool pauses() const {
        return config_.pause_after > 0 && state_.epoch >= config_.pause_after && state_.sample_offset == 0;
    }
    TrainResult result(TrainEnd end) const;

    TrainConfig config_;
    std::unique_ptr<World> own_world_;  // where none was given
    TrainObserver& observer_;
    CommonIsa isa_;  // before what computes
    std::unique_ptr<Dataset> dataset_;
    TrainState train_;
    mutable DataParallel parallel_;
    TrainStep step_;
    std::optional<Checkpoints> checkpoints_;
    RunCourse course_;
    std::vector<std::string> warnings_;  // for the run's start
    TrainerState state_;                 // where the run is; all of it is in the checkpoint

    // Of this process.
    StepStatus status_;                // of all ranks, after the last step
    std::optional<StopRequest> stop_;  // why the run stops here
    std::int64_t bad_images_ = 0;      // of this rank in this process's part of the epoch
    std::string data_error_;           // why this rank has no more data
    bool storage_failed_ = false;      // whether its storage is to blame
    std::string metric_name_;          // of the last validation
    std::int64_t first_step_ = 0;
    double step_lr_ = 0;  // of the newest step
    double epoch_seconds_ = 0;
    std::int64_t epoch_images_ = 0;
    double longest_step_ = 0, save_seconds_ = 0;
    bool teachers_asked_ = false;
    bool unsaved_ = false;  // the newest state that should be on the disk is not
    Clock::time_point saved_at_, step_start_ = Clock::now();
};

}  // namespace keel
