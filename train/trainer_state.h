// Where a run is: what it needs besides tensors to go on as if it had never stopped, and how a checkpoint keeps it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/schedule.h"

namespace keel {

/// How many images a step of all ranks has: so many of each rank.
struct StepSize {
    std::int64_t batch = 0;
    int ranks = 0;

    std::int64_t images() const { return batch * ranks; }
    bool operator==(const StepSize&) const = default;
};

/// What a step's weights depend on, beside the configuration: their last bits, or those that the precision leaves.
struct ComputedWith {
    int threads = 0;                ///< of each rank; 0: not known
    std::string isa{};              ///< active_isa()
    std::string library{};          ///< kernels::convolution_library()
    bool tuned = false;             ///< convolutions' kernels were chosen by their times (--tuning)
    std::string precision = "f32";  ///< of maps in steps, as it came out of --precision
    bool operator==(const ComputedWith&) const = default;
};

/// Epochs and samples say where a run is; steps are as long as the run has ranks and batches of them, and count updates
/// of the weights.
struct TrainerState {
    std::int64_t epoch = 0;          ///< epochs completed
    std::int64_t step = 0;           ///< optimizer steps completed
    std::int64_t sample_offset = 0;  ///< samples of the current epoch already seen
    std::uint64_t seed = 0;
    std::optional<double> best_metric;
    PlateauState plateau;
    std::string config;  ///< the run's resolved configuration, TOML

    double loss_sum = 0;             ///< over the samples of this epoch so far
    std::int64_t loss_samples = 0;   ///< of this epoch so far
    std::int64_t bad_images = 0;     ///< of this epoch so far
    int divergent = 0;               ///< steps in a row that were not applied
    int ranks = 1;                   ///< that the run goes on
    int epochs_since_best = 0;       ///< at the newest validation of a whole epoch
    std::int64_t judged_epochs = 0;  ///< epochs completed at that validation
    std::int64_t recorded_step = 0;  ///< the step that the newest row of metrics is about
    std::string data;                ///< hash of the samples' names and labels
    std::string teacher{};           ///< Distillation::identity(); empty: there is none
    StepSize began;                  ///< as the run began; of no images: an earlier Keel's state (in_epochs())
    bool steps_vary = false;         ///< steps have had other sizes since
    ComputedWith computed_with;      ///< of the steps before the checkpoint

    /// Returns the mean loss of this epoch so far; NaN before its first sample.
    double mean_loss() const;
};

/// Stores the state under the keys "keel.epoch", "keel.step", ..., "keel.trainer"; numbers keep every bit.
void write_trainer_state(const TrainerState& state, std::map<std::string, std::string>& metadata);

/// Reads what write_trainer_state() stored. Throws InputError that names `file` and the key where one is missing,
/// malformed or out of range.
TrainerState read_trainer_state(const std::map<std::string, std::string>& metadata, const std::string& file);

}  // namespace keel
