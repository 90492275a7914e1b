// Which of a file's tensors are one model's: files of training frameworks hold losses, metrics and copies as well.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "models/model_spec.h"

namespace keel {

struct ModelPart {
    std::vector<NamedTensor> weights{};   ///< by torchvision's names
    std::vector<std::string> left_out{};  ///< by the file's names; "ema.*": all below that
    std::string how{};                    ///< what was done, for people: "without the prefix model."; empty: nothing
    std::optional<ModelSpec> spec{};  ///< of the model that the weights are of (guess_spec()); none: of none there is
    std::string misfit{};             ///< without a spec: why, for people
};

/// Returns the part of a file's tensors that is a model. Left out is what holds no layer (variables of losses, counts
/// of metrics, thresholds), what is called a loss or a metric, and copies of the whole model: of several the first is
/// taken that is not called an average or a teacher. A layer that has no place in the model is a misfit. Thresholds of
/// torchxrayvision's ("op_threshs") say that the model takes its pixels, -1024 to 1024, and that labels do not exclude
/// one another. `key`, if there is one, takes the tensors below that name alone: "model". Throws InputError where there
/// are none.
ModelPart find_model_part(std::vector<NamedTensor> tensors, const std::string& key = {});

}  // namespace keel
