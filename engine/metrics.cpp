#include "engine/metrics.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/score_curve.h"
#include "kernels/error.h"

namespace keel {
namespace {

void require_number(const char* who, float value, std::size_t sample) {
    if (std::isnan(value))
        throw InputError("[" + std::string(who) + "] wanted a number for sample " + std::to_string(sample) +
                         ", got NaN");
}

/// The number of samples of a {samples, columns} matrix.
std::size_t sample_count(const char* who, std::size_t values, std::int64_t columns, std::int64_t least) {
    if (columns < least || values % static_cast<std::size_t>(columns) != 0)
        throw UsageError("[" + std::string(who) + "] " + std::to_string(values) + " scores are no rows of " +
                         std::to_string(columns));
    return values / static_cast<std::size_t>(columns);
}

std::optional<double> mean_of_defined(const std::vector<std::optional<double>>& values) {
    RunningMean mean;
    for (const auto& value : values)
        if (value) mean.add(*value);
    return mean.weight() > 0 ? std::optional(mean.mean()) : std::nullopt;
}

void check_classes(const char* who, std::size_t samples, std::span<const std::int32_t> classes_of,
                   std::int64_t classes) {
    if (classes_of.size() != samples)
        throw UsageError("[" + std::string(who) + "] " + std::to_string(samples) + " rows of scores, but " +
                         std::to_string(classes_of.size()) + " classes");
    for (const std::int32_t label : classes_of)
        if (label < 0 || label >= classes)
            throw InputError("[" + std::string(who) + "] wanted a class below " + std::to_string(classes) + ", got " +
                             std::to_string(label));
}

/// AUROC of one column of a matrix; sample i takes part unless target(i) < 0.
template <class Target>
std::optional<double> column_auroc(std::span<const float> scores, std::size_t columns, std::size_t column,
                                   Target&& target) {
    std::vector<double> of_column;
    std::vector<float> targets;
    for (std::size_t i = 0; i * columns < scores.size(); ++i) {
        of_column.push_back(scores[i * columns + column]);
        targets.push_back(target(i));
    }
    return auroc(score_curve(of_column, targets));
}

}  // namespace

std::optional<double> auroc(std::span<const float> scores, std::span<const float> targets) {
    return label_auroc(scores, targets, 1).per_label.front();
}

LabelAuroc label_auroc(std::span<const float> scores, std::span<const float> targets, std::int64_t labels) {
    sample_count("auroc", scores.size(), labels, 1);
    if (targets.size() != scores.size())
        throw UsageError("[auroc] " + std::to_string(scores.size()) + " scores, but " + std::to_string(targets.size()) +
                         " targets");
    const auto columns = static_cast<std::size_t>(labels);
    LabelAuroc result;
    for (std::size_t label = 0; label < columns; ++label)
        result.per_label.push_back(
            column_auroc(scores, columns, label, [&](std::size_t i) { return targets[i * columns + label]; }));
    result.mean = mean_of_defined(result.per_label);
    return result;
}

double accuracy(std::span<const float> scores, std::span<const std::int32_t> classes_of, std::int64_t classes) {
    const std::size_t samples = sample_count("accuracy", scores.size(), classes, 1);
    check_classes("accuracy", samples, classes_of, classes);
    RunningMean right;
    for (std::size_t i = 0; i < samples; ++i) {
        const auto row = scores.subspan(i * static_cast<std::size_t>(classes), static_cast<std::size_t>(classes));
        for (const float score : row) require_number("accuracy", score, i);
        right.add(std::ranges::max_element(row) - row.begin() == classes_of[i] ? 1 : 0);
    }
    return right.mean();
}

std::optional<double> class_auc(std::span<const float> probabilities, std::span<const std::int32_t> classes_of,
                                std::int64_t classes) {
    const std::size_t samples = sample_count("auc", probabilities.size(), classes, 2);
    check_classes("auc", samples, classes_of, classes);
    const auto columns = static_cast<std::size_t>(classes);
    const auto one_against_rest = [&](std::size_t wanted) {
        return column_auroc(probabilities, columns, wanted, [&](std::size_t i) {
            return classes_of[i] == static_cast<std::int32_t>(wanted) ? 1.0F : 0.0F;
        });
    };
    if (classes == 2) return one_against_rest(1);
    std::vector<std::optional<double>> per_class;
    for (std::size_t wanted = 0; wanted < columns; ++wanted) per_class.push_back(one_against_rest(wanted));
    return mean_of_defined(per_class);
}

}  // namespace keel
