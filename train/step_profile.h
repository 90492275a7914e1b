// One rank's training step, measured for keel scale.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "distributed/planning/scale_model.h"
#include "models/registry.h"

namespace keel {

struct StepMeasurement {
    std::string model = "densenet121";
    ModelOptions options;
    std::int64_t batch = 16, image_size = 224;
    int steps = 10, warmup = 3;
    double bucket_mb = 8;
    std::uint64_t seed = 0;
    std::string precision = "f32";  ///< of maps, see precision_of()
};

/// Trains on random images. Returns medians of the step's two parts, when each bucket of gradients is full, and how
/// steps differ. `on_step` is told how many steps are done, warm-up included, and the images a second of the last one.
StepProfile measure_step(const StepMeasurement& what, const std::function<void(int done, double rate)>& on_step = {});

/// Returns the profile of a step that takes `factor` times as long.
StepProfile stretched(StepProfile profile, double factor);

/// Returns StepProfile::factors of normally distributed times with a standard deviation of so many percent, none below
/// half.
std::vector<double> drawn_factors(double percent, std::uint64_t seed);
/// Returns the standard deviation of factors, percent of their mean.
double spread_of(const std::vector<double>& factors);

}  // namespace keel
