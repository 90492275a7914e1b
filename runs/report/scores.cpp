#include "runs/report/scores.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "engine/metrics.h"
#include "engine/score_curve.h"
#include "runs/report/marks.h"
#include "runs/report/page.h"
#include "runs/report/plot.h"

namespace keel::report {
namespace {

constexpr std::size_t kMostCurves = 40, kMostClasses = 60;

constexpr std::string_view kScoresNote =
    " Best checkpoint. Intervals are DeLong's; one without width says no more than that the positives "
    "and "
    "negatives of this split do not overlap. The dashed mark is 0.5, chance. AP: average precision; the dashed line of "
    "a "
    "precision-recall plot is the share of positives, what chance would give.";

/// ROC and precision-recall curves of one label, side by side.
std::string label_curves(const StoredPredictions& stored, std::size_t label, const LabelScore& score) {
    const auto [scores, targets] = stored.column(label);
    const ScoreCurve curve = score_curve(scores, targets);
    const auto positives = static_cast<double>(curve.positives), negatives = static_cast<double>(curve.negatives);
    Series roc{"ROC", {0}, {0}, 0}, recall{"precision", {}, {}, 1};
    for (const CurvePoint& point : curve.points) {
        const auto right = static_cast<double>(point.true_positives),
                   wrong = static_cast<double>(point.false_positives);
        roc.x.push_back(wrong / negatives);
        roc.y.push_back(right / positives);
        recall.x.push_back(right / positives);
        recall.y.push_back(right / (right + wrong));
    }
    Plot left{{"false positive rate", 0, 1}, {"true positive rate", 0, 1}, {roc}, 180, 180, false, true};
    Plot right{
        {"recall", 0, 1}, {"precision", 0, 1}, {recall}, 180, 180, false, false, positives / (positives + negatives)};
    const std::string caption = fmt::format(
        "<figcaption>{}<small>AUROC {} · AP {} · {} of {} positive</small></figcaption>", escape(score.label),
        number(score.auroc, 3), number(score.average_precision, 3), score.positives, score.samples);
    return fmt::format("<figure class=\"label-curves\">{}\n<div class=\"pair\">{}{}</div></figure>\n", caption,
                       to_svg(left), to_svg(right));
}

/// Where the drawn intervals begin: at 0.4, or further left where one of them does.
double interval_start(const std::vector<LabelScore>& scores) {
    double low = 0.4;
    for (const LabelScore& score : scores)
        for (const double v : {score.auroc, score.low})
            if (v < low) low = std::max(0.0, std::floor(10 * v) / 10);
    return low;
}

double mean_of(const std::vector<LabelScore>& scores, double LabelScore::*member) {
    RunningMean mean;
    for (const LabelScore& score : scores)
        if (!std::isnan(score.*member)) mean.add(score.*member);
    return mean.weight() > 0 ? mean.mean() : kNaN;
}

std::string score_table(const std::vector<LabelScore>& scores, bool multi_label) {
    const double low = interval_start(scores);
    std::vector<std::vector<std::string>> rows{{multi_label ? "label" : "class against the rest", "positives",
                                                "samples", "AUROC", "95 % interval", fmt::format("{:.1f} to 1", low),
                                                "AP"}};
    for (const LabelScore& s : scores)
        rows.push_back({escape(s.label), std::to_string(s.positives), std::to_string(s.samples), number(s.auroc),
                        std::isnan(s.low) ? "–" : number(s.low, 3) + " – " + number(s.high, 3),
                        interval(s.auroc, s.low, s.high, low, 1, 0.5), number(s.average_precision)});
    rows.push_back({"mean", "", "", number(mean_of(scores, &LabelScore::auroc)), "", "",
                    number(mean_of(scores, &LabelScore::average_precision))});
    return table(rows, "scores total");
}

}  // namespace

std::vector<LabelScore> label_scores(const StoredPredictions& stored) {
    std::vector<LabelScore> scores;
    for (std::size_t k = 0; k < stored.labels.size(); ++k) {
        const auto [values, targets] = stored.column(k);
        const ScoreCurve curve = score_curve(values, targets);
        const auto interval = auroc_interval(curve);
        scores.push_back({stored.labels[k], curve.positives, curve.positives + curve.negatives,
                          auroc(curve).value_or(kNaN), interval ? interval->low : kNaN,
                          interval ? interval->high : kNaN, average_precision(curve).value_or(kNaN)});
    }
    return scores;
}

std::string validation_text(const RunData& run) {
    const Json* at = &run.data;
    for (const char* key : {"splits", "val", "origin"}) {
        if (!at->is_object() || !at->contains(key)) return "Validation split.";
        at = &at->at(key);
    }
    return at->is_string() ? fmt::format("Validation split: {}.", at->get<std::string>()) : "Validation split.";
}

std::string scores_html(const RunData& run) {
    if (!run.predictions) return note("The run has no predictions of a validation split yet.");
    const StoredPredictions& stored = *run.predictions;
    const std::vector<LabelScore> scores = label_scores(stored);
    std::string html = score_table(scores, stored.multi_label) + note(validation_text(run) + std::string(kScoresNote)) +
                       "<div class=\"grid small\">\n";
    for (std::size_t k = 0; k < std::min(scores.size(), kMostCurves); ++k)
        if (!std::isnan(scores[k].auroc)) html += label_curves(stored, k, scores[k]);
    html += "</div>\n";
    return scores.size() > kMostCurves ? html + note(fmt::format("Curves of the first {} classes.", kMostCurves))
                                       : html;
}

std::string confusion_html(const StoredPredictions& stored) {
    const std::size_t n = stored.labels.size();
    if (n > kMostClasses) return note(fmt::format("{} classes are too many for a matrix.", n));
    std::vector<std::int64_t> counts(n * n);
    for (std::size_t i = 0; i < stored.predictions.names.size(); ++i) {
        const auto begin = stored.predictions.probabilities.begin() + static_cast<std::ptrdiff_t>(i * n);
        const auto given =
            static_cast<std::size_t>(std::max_element(begin, begin + static_cast<std::ptrdiff_t>(n)) - begin);
        ++counts[static_cast<std::size_t>(stored.predictions.labels[i]) * n + given];
    }
    return note("Rows are the true classes, columns what the model says; the shade is the share of the row.") +
           "<div class=\"wide\">" + confusion(counts, stored.labels) + "</div>\n";
}

}  // namespace keel::report
