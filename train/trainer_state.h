// What the trainer counts beside the RunState, and how a checkpoint keeps it.
#pragma once

#include <cstdint>
#include <string>

#include "engine/checkpoint.h"

namespace keel::cli {

struct Tally {
    double loss_sum = 0;            ///< over the samples of this epoch so far
    std::int64_t loss_samples = 0;  ///< likewise
    std::int64_t bad_images = 0;    ///< likewise
    int divergent = 0;              ///< steps in a row that were not applied
    int ranks = 1;                  ///< that the run goes on
    int epochs_since_best = 0;
    std::int64_t recorded_step = 0;  ///< the step that the newest row of metrics is about
    std::string data;                ///< hash of the samples' names and labels
};

void write_tally(const Tally& tally, CheckpointState& checkpoint);
/// Throws InputError that names `file` where it is missing or malformed.
Tally read_tally(const CheckpointState& checkpoint, const std::string& file);

}  // namespace keel::cli
