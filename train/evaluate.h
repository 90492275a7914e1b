// A model over a split: predictions, and the scores that follow from them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/pipeline/loader.h"
#include "data/sources/common_labels.h"
#include "embed/images.h"
#include "embed/predictor.h"
#include "embed/views.h"
#include "train/predictions.h"

namespace keel {

/// Feeds `options.split` to the model. Equal logits give equal predictions and an equal loss, on any ISA. Throws
/// InputError if a prediction is NaN. With `views` the images are resized as they say, and probabilities are the mean
/// over the views, of which the loss is made then.
Predictions evaluate(const Predictor& model, const Dataset& dataset, const LoaderOptions& options,
                     const std::function<void(std::int64_t done, std::int64_t total)>& progress = {},
                     const ViewOptions& views = {});

/// Returns what evaluate() does, or none as soon as `stop` says so between two batches. Images without an answer
/// (Predictor::logits()) have NaN: whoever gathers the predictions of all ranks calls require_answers() then.
std::optional<Predictions> evaluate_unless(
    const std::function<bool()>& stop, const Predictor& model, const Dataset& dataset, LoaderOptions options,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress = {}, const ViewOptions& views = {});

/// Throws InputError, which names an image and the model, where a prediction is NaN or infinite.
void require_answers(const Predictions& predictions, const std::string& model);

/// Returns the data set as the model is scored on it: by the labels that both have, of models of labels
/// (data/sources/common_labels.h). Throws InputError where they have none in common or other tasks, or of models of
/// classes other ones.
CommonLabels labels_in_common(const ModelSpec& spec, std::unique_ptr<Dataset> dataset, const std::string& checkpoint);

/// Throws InputError unless the data set's task and labels are those the model was trained for, and
/// its images have the channels that the model takes, or can be given them.
void require_same_labels(const ModelSpec& spec, const Dataset& dataset, const std::string& checkpoint);

}  // namespace keel
