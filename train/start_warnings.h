// What a run is told before its first step: settings that do nothing, or more harm than good, with these data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "train/train_config.h"
#include "train/train_state.h"

namespace keel {

/// Returns a sentence for each, for people: labels that all training samples show, options that these
/// data make no use of, a warm-up, decays or patience that the run is too short for, or has no validation for, samples
/// that the sampler leaves out, batch norms that some step of an epoch gives a single value a channel, and a size or a
/// stem that does not suit the images (train/image_size.h). `train` is put back as it was found. Throws UsageError
/// where mixing finds no second image.
std::vector<std::string> start_warnings(const TrainConfig& config, const Dataset& dataset, const TrainState& train,
                                        int ranks);

/// How many images share batch norm's statistics at least, in full steps of a run and in the last step of an epoch of
/// `samples`. A pure function.
struct StatisticsImages {
    std::int64_t full = 0, last = 0;
};
StatisticsImages statistics_images(const TrainConfig& config, std::int64_t samples, int ranks);

/// Returns how many values of a channel one image gives to the batch norm that sees the fewest; none where the model
/// has no batch norm. Runs one forward pass in training mode, and puts running statistics back.
std::optional<std::int64_t> least_values_an_image(const ModelSpec& spec, nn::Module& module);

}  // namespace keel
