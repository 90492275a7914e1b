// How a run reads its data: which samples, in which order, with which augmentation.
#pragma once

#include <functional>

#include "data/pipeline/loader.h"
#include "models/model_spec.h"
#include "train/train_config.h"
#include "train/trainer_state.h"

namespace keel {

/// Returns how the validation split is read: in order, without augmentation.
LoaderOptions validation_loader(const TrainConfig& config, const ModelSpec& spec,
                                std::function<void(const BadImage&)> on_bad_image);

/// Returns how this rank reads the rest of the epoch of `dataset` that `state` is in.
LoaderOptions training_loader(const TrainConfig& config, const Dataset& dataset, const ModelSpec& spec,
                              const ShardOptions& shard, const TrainerState& state,
                              std::function<void(const BadImage&)> on_bad_image);

}  // namespace keel
