// Where a run is: what it needs besides tensors to go on as if it had never stopped, and how a checkpoint keeps it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/schedule.h"

namespace keel {

struct TrainerState {
    std::int64_t epoch = 0;          ///< epochs completed
    std::int64_t step = 0;           ///< optimizer steps completed
    std::int64_t sample_offset = 0;  ///< samples of the current epoch already seen
    std::uint64_t seed = 0;
    std::optional<double> best_metric;
    PlateauState plateau;
    std::string config;  ///< the run's resolved configuration, TOML

    double loss_sum = 0;            ///< over the samples of this epoch so far
    std::int64_t loss_samples = 0;  ///< of this epoch so far
    std::int64_t bad_images = 0;    ///< of this epoch so far
    int divergent = 0;              ///< steps in a row that were not applied
    int ranks = 1;                  ///< that the run goes on
    int epochs_since_best = 0;
    std::int64_t recorded_step = 0;  ///< the step that the newest row of metrics is about
    std::string data;                ///< hash of the samples' names and labels

    /// Returns the mean loss of this epoch so far; NaN before its first sample.
    double mean_loss() const;
};

/// Stores the state under the keys "keel.epoch", "keel.step", ..., "keel.trainer"; numbers keep every bit.
void write_trainer_state(const TrainerState& state, std::map<std::string, std::string>& metadata);

/// Reads what write_trainer_state() stored. Throws InputError that names `file` and the key where one is missing,
/// malformed or out of range.
TrainerState read_trainer_state(const std::map<std::string, std::string>& metadata, const std::string& file);

}  // namespace keel
