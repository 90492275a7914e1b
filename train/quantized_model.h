// From a data set's images to the file of a quantized model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/pipeline/loader.h"
#include "graph/quantize/quantize.h"
#include "models/model_spec.h"

namespace keel {

/// The fewest images to calibrate with: a quarter of them is held out to choose by.
inline constexpr std::int64_t kLeastCalibrationImages = 4;

/// Returns the first `count` images of `loader.split` in shuffled order, or all there are, in batches of
/// `loader.batch_size` at most, small enough that the last quarter is one of its own. Throws InputError where the split
/// has fewer than kLeastCalibrationImages.
std::vector<Tensor> calibration_images(const Dataset& dataset, LoaderOptions loader, std::int64_t count,
                                       const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

/// Writes a quantized model, which predicts like a checkpoint. Thresholds are of the model that it was made of, which
/// `made_of` names, not of this one: they are left out. Throws IoError.
void save_quantized(const std::filesystem::path& path, ModelSpec spec, const Quantized& quantized,
                    const std::string& made_of);

}  // namespace keel
