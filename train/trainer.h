// One training run: from the first step or a checkpoint to the last step, a signal or the end of its time.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "train/checkpoints.h"
#include "train/data_parallel.h"
#include "train/evaluate.h"
#include "train/train_state.h"
#include "runs/run_directory.h"
#include "runs/step_trace.h"
#include "train/trainer_state.h"
#include "cli/cluster/time_limit.h"
#include "train/train_config.h"
#include "engine/checkpoint.h"

namespace keel::cli {

class Trainer {
public:
    /// Opens the data and builds the model. Throws UsageError or InputError for what does not fit together, on this rank or between
    /// ranks.
    Trainer(const TrainConfig& config, RunDirectory& directory, const Globals& globals, World& world);

    /// Goes on from a checkpoint of this run, inside an epoch if it was made there: the weights come out the same to the bit as
    /// without the stop. Throws InputError that names `file` where it does not fit. Another configuration where that matters, or
    /// other data: UsageError, or with `force` a warning.
    void resume(const CheckpointState& checkpoint, const std::filesystem::path& file, bool force = false);

    /// Trains to the end, or until a signal or the time limit asks to stop; then the state is saved. Returns the exit code.
    int run();

    /// What `run` reached, for the program's result.
    Json result() const;

private:
    struct Stop {
        std::string reason;
        int exit_code;
    };
    /// Why a rank, or all, must stop here, if they must.
    static std::optional<Stop> stop_of(const StepStatus& status);
    StepStatus own_status() const;
    bool is_out_of_time() const;
    /// On all ranks, if one of them cannot read its data: throws InputError.
    void stop_without_data();

    LoaderOptions train_loader() const;
    LoaderOptions eval_loader(Split split) const;

    /// The rest of the current epoch; false if the run must stop before its end.
    bool train_epoch();
    /// The next batch of this rank, if the epoch has one; a rank that cannot read its data says so behind the step.
    bool next_batch(Loader& loader, Batch& batch);
    void train_step(const Batch& batch);
    /// The sum over this rank's samples of their losses; gradients are of all ranks' samples then.
    double accumulate_gradients(const Batch& batch);
    /// The same of a reproducible run.
    double accumulate_shards(const Batch& batch);
    /// Forward and backward of one piece, whose samples may be stand-ins.
    double run_piece(const Batch& piece, bool counts, bool last);
    /// Takes back a step whose loss or gradient is not finite; throws DivergedError after too many in a row.
    void skip_step(const Batch& batch, const std::string& what);
    /// Validates, writes the row of metrics and saves; false if the run must stop before that is done.
    bool finish_epoch();
    /// Scores the validation split; none if the run must stop before the end.
    std::optional<Predictions> validate();
    void record_epoch(const std::optional<Predictions>& predictions);

    /// Throws IoError where the state cannot be saved.
    void save(bool best);
    /// The same for a run that goes on: a failure is reported, and the next save is a new try. True if it was saved.
    bool try_save(bool best);
    CheckpointState checkpoint() const;

    /// Of batch norms, and their moving averages: what ranks may have differently.
    std::vector<NamedTensor> running_statistics() const;

    double current_lr() const;
    bool epoch_complete() const { return state_.sample_offset >= dataset_->size(Split::train); }
    bool out_of_patience() const { return config_.patience > 0 && tally_.epochs_since_best >= config_.patience; }
    bool done() const;

    using Clock = std::chrono::steady_clock;
    static double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

    TrainConfig config_;
    RunDirectory& directory_;
    const Globals& globals_;
    TimeLimit limit_;
    std::unique_ptr<Dataset> dataset_;
    Learner learner_;
    BufferGuard buffers_;
    mutable DataParallel parallel_;
    StepTrace trace_;
    StepStatus agreed_;            // behind the last step
    std::optional<Stop> stop_;     // why the run stops here
    std::int64_t bad_images_ = 0;  // of this rank in this process's part of the epoch
    std::string data_error_;       // why this rank has no more data
    std::int64_t steps_per_epoch_ = 0, total_steps_ = 0;

    // Where the run is; all of it is in the checkpoint.
    RunState state_;
    Tally tally_;

    double epoch_seconds_ = 0;
    std::int64_t epoch_images_ = 0;
    double longest_step_ = 0, save_seconds_ = 0;
    bool unsaved_ = false;  // the newest state that should be on the disk is not
    Clock::time_point saved_at_, step_start_ = Clock::now();
};

}  // namespace keel::cli
