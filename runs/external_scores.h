// Scores of anybody's predictions against NIH's labels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/sources/nih_table.h"
#include "engine/score_curve.h"
#include "runs/score_table.h"

namespace keel {

/// The images that both sides have, and the names of the others.
struct JoinedScores {
    std::vector<double> scores;        ///< {images, labels}
    std::vector<std::uint64_t> truth;  ///< masks
    std::vector<std::string> without_label, without_prediction;
};

/// Joins predictions of `labels` labels and the rows of a label file by the images' names.
JoinedScores join_scores(ScoreTable table, std::vector<NihRow> rows, std::size_t labels);

/// Keeps the rows that the list, a name a line, names. Throws IoError, InputError where it names none of them.
void keep_listed(std::vector<NihRow>& rows, const std::string& list);

struct LabelScore {
    std::string label;
    std::int64_t positives, negatives;
    std::optional<double> auroc, average_precision, calibration;
    std::optional<Interval> interval;
    std::optional<BestF1> f1;
};

/// Scores every label by itself; `labels` are NIH's.
std::vector<LabelScore> score_labels(const JoinedScores& joined, const std::vector<std::string>& labels);

/// Returns the mean of a score over the labels for which it is defined.
std::optional<double> mean_of(const std::vector<LabelScore>& scores, std::optional<double> LabelScore::*score);

}  // namespace keel
