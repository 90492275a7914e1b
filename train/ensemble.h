// Several models asked together: their probabilities are averaged (Lakshminarayanan, Pritzel and Blundell, NIPS 2017).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "embed/opened_ensemble.h"
#include "train/ranked_evaluation.h"

namespace keel {

struct EnsembleOptions {
    std::vector<std::string> checkpoints{};
    std::vector<OpenedModel> opened{};  ///< what open_ensemble() made of them on the same data; empty: they are opened
    ViewOptions views{};
    Precision precision = Precision::f32;  ///< asked for; what a model runs in its Runtime says
    bool calibrated = false;               ///< each model's probabilities are calibrated before they are averaged
    /// Called before each is evaluated.
    std::function<void(const std::string& checkpoint, const Predictor& model)> on_model{};
};

struct EnsemblePredictions {
    Predictions raw;   ///< as the models say it
    Predictions told;  ///< calibrated where that is asked for, else `raw`
};

/// Evaluates one model after the other on the whole split, each with the input that it was made for: images are decoded
/// once for each. `loader.transform` is not looked at. Returns none on all ranks as soon as `stop` says so on one.
/// Throws as evaluate() does, InputError where models and data do not have the same labels, UsageError for a checkpoint
/// without a calibration where one is asked for.
std::optional<EnsemblePredictions> evaluate_ensemble(
    World& world, const std::function<bool()>& stop, const EnsembleOptions& options, const Dataset& dataset,
    LoaderOptions loader, const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace keel
