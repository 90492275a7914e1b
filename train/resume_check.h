// Whether a run that goes on is the run that it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "engine/tensor.h"
#include "train/train_config.h"
#include "train/trainer_state.h"

namespace keel {

/// Returns a hash of what the order of the samples and their labels depend on, wherever they lie.
std::string hash_of(const Dataset& dataset);

/// Returns a hash of names and values.
std::string hash_of(const std::vector<NamedTensor>& tensors);

/// Makes a state that an earlier Keel saved one of today's: it counted patience in validations, and the sizes of steps
/// follow from the configuration, for a run over so many training samples. Others are left as they are. `file` is how
/// messages call the checkpoint.
void count_in_epochs(TrainerState& state, const std::string& file, std::int64_t samples);

/// Differences from when a checkpoint was made, as messages: those with which a run goes on by --force alone, and those
/// of no consequence.
struct ResumeChanges {
    std::vector<std::string> refused, allowed;
    bool images_changed = false;  ///< those of a step of all ranks
};

/// Returns how the run `now`, on so many ranks and data of that hash, differs from that of a checkpoint. `file` is how
/// messages call the checkpoint.
ResumeChanges changes_since(const TrainerState& then, const std::string& file, const TrainConfig& now, int ranks,
                            const std::string& data);

}  // namespace keel
