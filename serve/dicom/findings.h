// From scores of models to what an answer says.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "embed/image_scorer.h"
#include "serve/dicom/answer.h"

namespace keel::dicom_node {

/// Returns what tells a model's files from any others: 16 hexadecimal digits that follow from all their bytes. Throws
/// IoError where one cannot be read.
std::string identity_of(const std::vector<std::string>& files);

/// Returns the findings of one image without a heatmap: a probability each label, and its call where there are any.
Findings findings_of(const ImageScorer& scorer, std::span<const float> probabilities,
                     std::span<const std::optional<bool>> calls);

}  // namespace keel::dicom_node
