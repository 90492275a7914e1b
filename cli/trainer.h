// One training run: data, model, optimiser and their state, from the first step or a checkpoint to the last.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cli/evaluate.h"
#include "cli/run_directory.h"
#include "cli/train_config.h"
#include "engine/checkpoint.h"
#include "engine/ema.h"
#include "engine/optimizer.h"
#include "engine/schedule.h"

namespace keel::cli {

class Trainer {
public:
    /// Opens the data and builds the model. Throws UsageError or InputError for what does not fit together.
    Trainer(const TrainConfig& config, RunDirectory& directory, const Globals& globals);

    /// Goes on from a checkpoint of this run, inside an epoch if it was made there: the weights come out the same to the bit as
    /// without the stop. Throws InputError that names the file where it does not fit.
    void resume(const std::filesystem::path& checkpoint);

    /// Trains to the end, or until a signal asks to stop (then the state is saved). Returns the exit code.
    int run();

    /// What `run` reached, for the program's result.
    Json result() const;

private:
    void build_model();
    void build_optimizer();
    LoaderOptions train_loader() const;
    LoaderOptions eval_loader(Split split) const;

    /// The rest of the current epoch; false if a signal came or the last step is done before its end.
    bool train_epoch();
    void train_step(const Batch& batch);
    /// Counts a step whose loss or gradient is not finite, which is not applied; throws DivergedError after too many in a row.
    void skip_step(const Batch& batch, const std::string& what);
    void finish_epoch();
    void record_epoch(const std::optional<Predictions>& predictions);
    void save(const std::filesystem::path& path) const;
    void save_last();
    double current_lr() const;
    bool done() const;

    TrainConfig config_;
    RunDirectory& directory_;
    const Globals& globals_;
    std::unique_ptr<Dataset> dataset_;
    ModelSpec spec_;
    std::unique_ptr<nn::Module> module_;
    std::optional<Optimizer> optimizer_;
    std::optional<Ema> ema_;
    ScheduleOptions schedule_;
    Tensor positive_weights_;
    std::int64_t steps_per_epoch_ = 0, total_steps_ = 0;

    // Where the run is; all of it is in the checkpoint.
    RunState state_;
    double loss_sum_ = 0;            // over the samples of this epoch so far
    std::int64_t loss_samples_ = 0;  // likewise
    int divergent_ = 0;              // steps in a row that were not applied
    int epochs_since_best_ = 0;

    std::int64_t bad_images_ = 0;
    double epoch_seconds_ = 0;
    std::int64_t epoch_images_ = 0;
    std::chrono::steady_clock::time_point saved_at_;
    bool stopped_early_ = false;
};

}  // namespace keel::cli
