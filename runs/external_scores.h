// Scores of anybody's predictions, against NIH's labels or those that the predictions' own file has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/sources/nih_table.h"
#include "engine/score_curve.h"
#include "runs/predictions_file.h"
#include "runs/score_table.h"
#include "runs/subgroups.h"

namespace keel {

/// The images that both sides have, and the names of the others.
struct JoinedScores {
    SubgroupInput input{};  ///< without thresholds
    std::vector<std::string> without_label{}, without_prediction{};
    std::int64_t alike = 0;  ///< images whose names are the same but for a folder, an ending or case

    std::size_t samples() const { return input.columns.empty() ? 0 : input.columns.front().scores.size(); }
};

/// Throws UsageError for a label that is none of NIH's.
void require_nih_labels(const std::vector<std::string>& labels);

/// Joins predictions of `labels`, which are NIH's, and the rows of a label file by the images' names; where no name is
/// the same, by those without folder, ending and case. The rows' attributes count, and the table's where the rows have
/// none of that name.
JoinedScores join_scores(ScoreTable table, std::vector<NihRow> rows, const std::vector<std::string>& labels);

/// Returns what a file of predictions says of itself, of `only` or, where that is empty, of all its labels. Throws
/// UsageError for a label that it does not have.
JoinedScores own_scores(const StoredPredictions& stored, const std::vector<std::string>& only);

/// Keeps the rows that the list, a name a line, names. Throws IoError, InputError where it names none of them.
void keep_listed(std::vector<NihRow>& rows, const std::string& list);

struct LabelScore {
    std::string label;
    std::int64_t positives, negatives;
    std::optional<double> auroc, average_precision, calibration;
    std::optional<Interval> interval;
    std::optional<BestF1> f1;
};

/// Scores every label by itself.
std::vector<LabelScore> score_labels(const SubgroupInput& input);

/// Returns the mean of a score over the labels for which it is defined.
std::optional<double> mean_of(const std::vector<LabelScore>& scores, std::optional<double> LabelScore::*score);

}  // namespace keel
