// The two ends of a run's process: from where it goes on, and what is left and said when it is over.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "distributed/world.h"
#include "engine/json.h"
#include "runs/run_directory.h"
#include "train/checkpoints.h"
#include "train/config_file.h"
#include "train/trainer.h"

namespace keel {

/// Returns the checkpoint to go on from, or none for a run from the start. `resume` is a file, "auto" for the newest of
/// the run in `out` that verifies, if there is one, or empty. All ranks call it and get the first one's.
std::optional<Checkpoints::Found> checkpoint_to_resume(const std::string& resume, const std::filesystem::path& out,
                                                       World& world);

/// Returns the configuration of the run that goes on: the checkpoint's, or that in `out` where the run was stopped
/// before its first one; else nothing.
TomlSource resumed_config(const std::optional<Checkpoints::Found>& found, bool resuming,
                          const std::filesystem::path& out);

/// Runs a trainer. Where it diverges, the error says where the samples of the steps that were not applied are.
TrainResult run_to_end(Trainer& trainer, const RunDirectory& directory);

/// Tells the log how the run ended, where there is more to say than that it is done.
void log_end(const TrainResult& result, RunDirectory& directory);

/// Returns {model, epochs, steps, best_metric, best_metric_name, best, last}.
Json train_result_json(const TrainResult& result);

}  // namespace keel
