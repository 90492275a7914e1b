// Scoring a split on several ranks: each predicts a slice, and all get all predictions, so that every score is exact.
#pragma once

#include "distributed/world.h"
#include "train/evaluate.h"

namespace keel {

/// Returns what evaluate_unless() makes of the whole split, the same on all ranks; none on all as soon as `stop` says
/// so on one.
std::optional<Predictions> evaluate_on_ranks(
    World& world, const std::function<bool()>& stop, const Predictor& model, const Dataset& dataset,
    LoaderOptions options, const std::function<void(std::int64_t done, std::int64_t total)>& progress = {},
    const ViewOptions& views = {});

}  // namespace keel
