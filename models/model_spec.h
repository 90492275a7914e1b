// What a checkpoint must say beside the weights, so that a model can be rebuilt and fed: its architecture, its input,
// its labels.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/image_reading.h"
#include "models/operating_points.h"
#include "models/registry.h"

namespace keel {

struct ModelSpec {
    std::string name{};  ///< of the registry; of a graph of another program's any name
    ModelOptions options{};
    std::int64_t image_size = 224;     ///< side of the square input, pixels
    std::vector<float> mean{}, std{};  ///< of the input's channels (or one for all), for pixels in [0, 1]
    bool multi_label = false;          ///< sigmoid of each output, else softmax over all
    std::vector<std::string> label_names{};
    ImageReading reading{};  ///< of the files that the model was trained on, and is to be fed
    bool guessed = false;    ///< of weights that do not say it (embed/foreign_weights.h); not stored
    std::string read_as{};   ///< how such weights were found in their file and renamed; not stored
    std::optional<OperatingPoints> operating{};  ///< what keel threshold measured
};

/// Fills in the mean and the deviation where they are empty: ImageNet's statistics for RGB, the middle grey for the
/// rest.
void default_normalization(ModelSpec& spec);

/// Stores the spec under the key "keel.model", and the operating points, where there are any, under
/// "keel.operating_points".
void write_spec(const ModelSpec& spec, std::map<std::string, std::string>& metadata);

/// Reads what write_spec() stored; of a file that does not say how images are read, old_reading(). Throws InputError
/// that names `file` where the key is missing or malformed, the model unknown, or a value out of range.
ModelSpec read_spec(const std::map<std::string, std::string>& metadata, const std::string& file);

/// Makes probabilities of logits {n, labels}, dense.
Tensor probabilities(const ModelSpec& spec, const Tensor& logits);
/// Makes them in place of the logits.
void make_probabilities(const ModelSpec& spec, const Tensor& logits);

}  // namespace keel
