#include "runs/external_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "data/formats/csv.h"
#include "engine/metrics.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Finds rows by name, each once.
class RowFinder {
public:
    explicit RowFinder(const std::vector<NihRow>& rows) : taken_(rows.size()) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            exact_.emplace(rows[i].name, i);
            const auto [entry, added] = bare_.emplace(image_key(rows[i].name), i);
            if (!added) entry->second = kSeveral;
        }
    }

    /// Returns the row of a name and whether it is the very name; none where there is none, or none left.
    std::optional<std::pair<std::size_t, bool>> take(const std::string& name) {
        const auto exact = exact_.find(name);
        const auto alike = exact == exact_.end() ? bare_.find(image_key(name)) : bare_.end();
        if (exact == exact_.end() && (alike == bare_.end() || alike->second == kSeveral)) return std::nullopt;
        const std::size_t row = exact != exact_.end() ? exact->second : alike->second;
        if (taken_[row]) return std::nullopt;
        taken_[row] = true;
        return std::pair{row, exact != exact_.end()};
    }
    bool taken(std::size_t row) const { return taken_[row]; }

private:
    static constexpr std::size_t kSeveral = static_cast<std::size_t>(-1);
    std::unordered_map<std::string, std::size_t> exact_, bare_;
    std::vector<bool> taken_;
};

/// The attributes of the rows, and those of the table that the rows say nothing of.
struct AttributeColumns {
    std::vector<std::size_t> of_rows, of_table;
};

AttributeColumns choose_attributes(const ScoreTable& table, const std::vector<NihRow>& rows,
                                   std::vector<std::string>& names) {
    AttributeColumns columns;
    const auto known = nih_attributes();
    for (std::size_t k = 0; k < known.size(); ++k)
        if (std::ranges::any_of(rows, [&](const NihRow& row) { return !row.attributes[k].empty(); })) {
            columns.of_rows.push_back(k);
            names.emplace_back(known[k]);
        }
    for (std::size_t k = 0; k < table.attribute_names.size(); ++k)
        if (std::ranges::find(names, table.attribute_names[k]) == names.end()) {
            columns.of_table.push_back(k);
            names.push_back(table.attribute_names[k]);
        }
    return columns;
}

/// Which bit of a row's mask each label is.
std::vector<std::ptrdiff_t> bits_of(const std::vector<std::string>& labels) {
    std::vector<std::ptrdiff_t> bits;
    const auto known = nih_labels();
    for (const std::string& label : labels) {
        const auto found = std::ranges::find(known, label);
        if (found == known.end())
            throw UsageError(fmt::format("[score] there is no label '{}'{}", excerpt(label),
                                         suggestion(label, {known.begin(), known.end()})));
        bits.push_back(found - known.begin());
    }
    return bits;
}

}  // namespace

void require_nih_labels(const std::vector<std::string>& labels) { bits_of(labels); }

JoinedScores join_scores(ScoreTable table, std::vector<NihRow> rows, const std::vector<std::string>& labels) {
    const std::vector<std::ptrdiff_t> bits = bits_of(labels);
    RowFinder finder(rows);
    JoinedScores joined;
    SubgroupInput& input = joined.input;
    input.labels = labels;
    input.columns.resize(labels.size());
    input.thresholds.resize(labels.size());
    const AttributeColumns attributes = choose_attributes(table, rows, input.attribute_names);
    for (std::size_t i = 0; i < table.names.size(); ++i) {
        const auto found = finder.take(table.names[i]);
        if (!found) {
            joined.without_label.push_back(std::move(table.names[i]));
            continue;
        }
        const auto& [at, very] = *found;
        const NihRow& row = rows[at];
        joined.alike += very ? 0 : 1;
        input.patients.push_back(row.patient);
        for (const std::size_t k : attributes.of_rows) input.attributes.push_back(row.attributes[k]);
        for (const std::size_t k : attributes.of_table)
            input.attributes.push_back(table.attributes[i * table.attribute_names.size() + k]);
        for (std::size_t k = 0; k < labels.size(); ++k) {
            input.columns[k].scores.push_back(table.scores[i * labels.size() + k]);
            input.columns[k].targets.push_back(static_cast<float>(row.mask >> bits[k] & 1U));
        }
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (!finder.taken(i)) joined.without_prediction.push_back(std::move(rows[i].name));
    return joined;
}

JoinedScores own_scores(const StoredPredictions& stored, const std::vector<std::string>& only) {
    JoinedScores joined;
    SubgroupInput all = subgroup_input(stored.multi_label, stored.labels, stored.predictions);
    if (only.empty()) {
        joined.input = std::move(all);
        return joined;
    }
    joined.input = all;
    joined.input.labels = only;
    joined.input.columns.clear();
    joined.input.thresholds.assign(only.size(), std::nullopt);
    for (const std::string& label : only) {
        const auto found = std::ranges::find(all.labels, label);
        if (found == all.labels.end())
            throw UsageError(
                fmt::format("[score] there is no label '{}'{}", excerpt(label), suggestion(label, all.labels)));
        joined.input.columns.push_back(all.columns[static_cast<std::size_t>(found - all.labels.begin())]);
    }
    return joined;
}

void keep_listed(std::vector<NihRow>& rows, const std::string& list) {
    NameList listed(list);
    std::erase_if(rows, [&](const NihRow& row) { return !listed.contains(row.name); });
    if (rows.empty()) throw InputError(fmt::format("[score] {} names no image of the label file", list));
}

std::vector<LabelScore> score_labels(const SubgroupInput& input) {
    std::vector<LabelScore> result;
    for (std::size_t k = 0; k < input.labels.size(); ++k) {
        const auto& [scores, targets] = input.columns[k];
        const ScoreCurve curve = score_curve(scores, targets);
        result.push_back({input.labels[k], curve.positives, curve.negatives, auroc(curve), average_precision(curve),
                          calibration_error(scores, targets), auroc_interval(curve), best_f1(curve)});
    }
    return result;
}

std::optional<double> mean_of(const std::vector<LabelScore>& scores, std::optional<double> LabelScore::*score) {
    RunningMean mean;
    for (const LabelScore& s : scores)
        if (s.*score) mean.add(*(s.*score));
    return mean.weight() > 0 ? std::optional(mean.mean()) : std::nullopt;
}

}  // namespace keel
