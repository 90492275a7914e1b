// The errors a model was surest of, and what it saw there.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "runs/report/run_data.h"

namespace keel::report {

struct ConfidentError {
    std::size_t sample;  ///< row of the predictions
    std::size_t label;   ///< the label that was given, or missed
    bool missed;         ///< multi-label data: the label is there and was not seen; else it was seen and is not there
    double probability;  ///< of the label
};

/// At most `most`, the surest first. Multi-label data: half of them labels seen that are not there, half labels missed,
/// ranked by probability among those of their kind, at most two of one label and one of a sample. Classes: samples
/// taken for another class.
std::vector<ConfidentError> confident_errors(const StoredPredictions& stored, std::size_t most);

/// The section's HTML: images and, beside each, the heatmap of the label in question, where the data and the best
/// checkpoint are still there; else it says why there are none. Says so where the data are not what the run recorded of
/// them; all that is said of them goes to `data`.
std::string errors_html(const RunData& run, std::vector<Remark>* data = nullptr);

}  // namespace keel::report
