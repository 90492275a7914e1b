// One rank's training step, measured for keel scale.
#pragma once

#include <cstdint>
#include <string>

#include "distributed/planning/scale_model.h"
#include "models/registry.h"

namespace keel::cli {

struct StepMeasurement {
    std::string model = "densenet121";
    ModelOptions options;
    std::int64_t batch = 16, image_size = 224;
    int steps = 10, warmup = 3;
    double bucket_mb = 8;
    std::uint64_t seed = 0;
};

/// Trains on random images: medians of the step's two parts, when each bucket of gradients is full, and how steps
/// differ.
StepProfile measure_step(const StepMeasurement& what, bool quiet);

/// The same step `factor` times as long.
StepProfile stretched(StepProfile profile, double factor);

}  // namespace keel::cli
