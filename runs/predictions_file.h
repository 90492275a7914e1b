// What a model said about each sample of a split, and what is true, as a CSV file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/evaluate.h"

namespace keel {

enum class Columns { probabilities, probabilities_and_truth };

/// Columns `Image Index`, `prob_LABEL` for each label, then, if wanted, what is true: `true_LABEL` (0 or 1, empty where
/// it is not known) for each label of multi-label data, else `class`, a label; and, where the predictions say so, whose
/// image it is, as a number that counts the patients of the file (`patient`, empty where that is not known), and
/// `attr_NAME` for each attribute. Names with a comma or quote are quoted; a line end in one becomes a space.
std::string predictions_csv(const ModelSpec& spec, const Predictions& predictions,
                            Columns columns = Columns::probabilities_and_truth);

struct StoredPredictions {
    std::vector<std::string> labels;
    bool multi_label = false;
    Predictions predictions;  ///< the loss is not in the file: 0

    LabelColumn column(std::size_t label) const { return label_column(multi_label, predictions, labels.size(), label); }
};

/// The inverse, of a file with truth. Throws IoError if it cannot be read, InputError that names file and line for what
/// predictions_csv() does not write.
StoredPredictions read_predictions(const std::filesystem::path& path);

/// Whether the heading of a table has columns that say what is true. Throws IoError if the file cannot be read.
bool holds_truth(const std::filesystem::path& path);

}  // namespace keel
