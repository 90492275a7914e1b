// Candidates that are trained: what their runs are, and the runs themselves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "models/model_spec.h"
#include "train/train_config.h"
#include "tune/fit/candidate.h"

namespace keel::fit {

struct TrainingOptions {
    std::string checkpoint{};        ///< whose run is followed, as far as its file says it, and who teaches
    std::string data{};              ///< SPEC
    DatasetOptions reading{};        ///< how it is read
    int epochs = 3;                  ///< of training on
    int distill_epochs = 0;          ///< of a student; 0: as many as the checkpoint's run
    double lr_factor = 0.1;          ///< of training on: its learning rate, of the run's
    std::vector<std::string> set{};  ///< "KEY=VALUE", options of training for all runs
    int workers = 2;
    std::uint64_t seed = 0;
};

/// Returns the run that trains a body on from the file `start`, or, of a student, from random weights. `spec` is the
/// checkpoint's model. Throws UsageError for an option that there is not or a value that it does not take.
TrainConfig training_of(const TrainingOptions& options, const ModelSpec& spec, const Body& body,
                        const std::string& start, const std::string& out);

/// Runs a training to its end, from its own newest checkpoint where it was stopped before; `say` hears of each epoch.
/// Returns the best checkpoint. Throws what Trainer does.
std::filesystem::path train_to_end(const TrainConfig& config, const std::string& name,
                                   const std::function<void(const std::string&)>& say);

}  // namespace keel::fit
