// How candidates of a fit are made and measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "data/pipeline/loader.h"
#include "tune/fit/speed.h"
#include "tune/fit/training.h"

namespace keel::fit {

struct WorkshopOptions {
    TrainingOptions training{};
    std::filesystem::path out{};            ///< models/, training/ and fit.jsonl
    LoaderOptions loader{};                 ///< of the split that models are scored on
    std::int64_t calibration_images = 200;  ///< of int8's ranges, of the training split where it has some
    std::int64_t batch = 16;                ///< images at a time where the rate is measured
    std::string machine{};                  ///< all that speed depends on beside the model's file
    MeasureSpeed measure_speed{};
    std::int64_t replicates = 1000;  ///< of the bootstrap
    std::function<void(const std::string&)> say{};
    std::function<void(const std::string& what, std::int64_t done, std::int64_t total)> progress{};
};

}  // namespace keel::fit
