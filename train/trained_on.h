// What a checkpoint says of the data that it was trained on, for commands that score it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

struct TrainedOn {
    std::string spec;          ///< the run's data
    DatasetOptions options{};  ///< how they were read and divided
    std::string hash{};        ///< hash_of() them (train/resume_check.h)
};

/// Returns it, or none where the file does not say it: quantized models, weights of other programs, files that are
/// damaged (whoever reads the weights says so). Throws IoError where it cannot be read.
std::optional<TrainedOn> trained_on(const std::filesystem::path& checkpoint);

/// Returns how the images were read that a checkpoint or a quantized model was made for; of weights of other programs
/// the default. Throws IoError where the file cannot be read.
ImageReading reading_of(const std::filesystem::path& checkpoint);

/// Returns how `spec` is opened where a checkpoint's run is followed: a source of the kind that it read, as it did;
/// another kind is divided by the same seed, fractions and rule, its tables and names mean what they say.
DatasetOptions options_for(const std::optional<TrainedOn>& then, const std::string& spec);

/// Says what scores of `split` ("train", ..., "all") of `dataset`, which is `spec`, are worth where it holds samples
/// that the checkpoint was trained on, as far as that can be seen.
std::vector<Remark> remarks_on_scores(const std::optional<TrainedOn>& then, const Dataset& dataset,
                                      const std::string& spec, const std::string& split);

}  // namespace keel
