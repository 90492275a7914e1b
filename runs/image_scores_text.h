// Scored images for people and programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "embed/image_scorer.h"
#include "engine/json.h"

namespace keel {

struct ScoredImage {
    std::string path{};
    std::vector<float> scores{};               ///< of each label
    std::vector<std::optional<bool>> calls{};  ///< of each label, or empty
    Json heatmaps{};                           ///< null where none are asked for
    std::vector<std::string> dicom{};          ///< files of the answer over DICOM, none where none is asked for
};

/// {"images": [{"path", "scores": {LABEL: X}, "calls": {LABEL: true, false or null}, "heatmaps", "dicom": [FILE]}],
/// "operating_point": {"rule", "thresholds": {LABEL: X or null}}}; calls and the point only where thresholds were
/// measured.
Json predictions_json(const std::vector<ScoredImage>& predictions, const ImageScorer& scorer);

/// Returns a table with a row an image; one image reads better as a column.
std::string predictions_table(const std::vector<ScoredImage>& predictions, const std::vector<std::string>& labels);

}  // namespace keel
