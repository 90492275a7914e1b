#include "runs/subgroups.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "kernels/error.h"
#include "kernels/parallel.h"
#include "runs/bootstrap.h"
#include "runs/grouping.h"
#include "train/threshold.h"

namespace keel {
namespace {

/// All groups of one attribute, ready to be measured again and again.
struct Measured {
    std::vector<RankedSamples> ranked;                                 // {groups, labels}
    std::vector<std::array<std::vector<double>, kRankedMeasures>> at;  // of each, of each replicate
};

Measured bootstrap(std::vector<RankedSamples> ranked, std::size_t patients, const SubgroupOptions& o) {
    Measured measured{std::move(ranked), {}};
    const auto replicates = static_cast<std::size_t>(o.replicates);
    measured.at.resize(measured.ranked.size());
    for (auto& entry : measured.at)
        for (auto& values : entry) values.resize(replicates);
    parallel_for(o.replicates, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::vector<std::uint32_t> weights = draw_patients(patients, o.seed, static_cast<std::uint64_t>(r));
            for (std::size_t k = 0; k < measured.ranked.size(); ++k) {
                const auto values = measure_ranked(measured.ranked[k], weights);
                for (std::size_t m = 0; m < kRankedMeasures; ++m)
                    measured.at[k][m][static_cast<std::size_t>(r)] = values[m];
            }
        }
    });
    return measured;
}

Estimate& estimate(GroupScore& score, std::size_t m) {
    return m == 0 ? score.auroc : m == 1 ? score.false_negative_rate : score.false_positive_rate;
}

/// Whether a measure of the group can be concluded from: AUROC wants positives and negatives, a rate its own.
bool enough(const GroupScore& score, std::size_t m) {
    return m == 0 ? !score.too_few() : m == 1 ? !score.few_positives : !score.few_negatives;
}

GroupScore score_group(const RankedSamples& ranked, const std::array<std::vector<double>, kRankedMeasures>& replicates,
                       const SubgroupOptions& o) {
    GroupScore score;
    for (const bool positive : ranked.positive) ++(positive ? score.positives : score.negatives);
    score.few_positives = score.positives < o.fewest;
    score.few_negatives = score.negatives < o.fewest;
    const std::size_t patients = ranked.patients.empty() ? 0 : *std::ranges::max_element(ranked.patients) + 1;
    const auto values = measure_ranked(ranked, std::vector<std::uint32_t>(patients, 1));
    for (std::size_t m = 0; m < kRankedMeasures; ++m) {
        if (std::isnan(values[m])) continue;
        estimate(score, m) = {values[m], interval_of(replicates[m])};
    }
    return score;
}

std::optional<Gap> gap_of(const Measured& measured, std::vector<Group>& groups, std::size_t labels, std::size_t label,
                          std::size_t m) {
    std::optional<std::size_t> high, low, last;
    const auto value = [&](std::size_t g) { return *estimate(groups[g].labels[label], m).value; };
    std::size_t compared = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        if (groups[g].name == kUnknownGroup || !enough(groups[g].labels[label], m) ||
            !estimate(groups[g].labels[label], m).value)
            continue;
        ++compared;
        last = g;
        if (!high || value(g) > value(*high)) high = g;
        if (!low || value(g) < value(*low)) low = g;
    }
    if (compared < 2) return std::nullopt;
    if (*high == *low) low = last;  // all are equal
    std::vector<double> differences;
    const auto& above = measured.at[*high * labels + label][m];
    const auto& below = measured.at[*low * labels + label][m];
    for (std::size_t r = 0; r < above.size(); ++r) differences.push_back(above[r] - below[r]);
    return Gap{
        groups[*high].name, groups[*low].name, {value(*high) - value(*low), interval_of(std::move(differences))}};
}

Subgroups compare(const SubgroupInput& input, const GroupBy& by, const Patients& patients, const SubgroupOptions& o) {
    const Grouping grouping = group_samples(input.attribute_names, input.attributes, by);
    const std::size_t labels = input.labels.size();
    std::vector<RankedSamples> all;
    for (const auto& members : grouping.members)
        for (std::size_t k = 0; k < labels; ++k)
            all.push_back(rank_samples(input.columns[k], members, patients, input.thresholds[k]));
    const Measured measured = bootstrap(std::move(all), patients.count, o);
    Subgroups result{.by = by, .no_numbers = grouping.no_numbers};
    for (std::size_t g = 0; g < grouping.names.size(); ++g) {
        std::unordered_set<std::size_t> people;
        for (const std::size_t i : grouping.members[g]) people.insert(patients.of_sample[i]);
        Group group{grouping.names[g], std::ssize(grouping.members[g]), std::ssize(people), {}};
        for (std::size_t k = 0; k < labels; ++k)
            group.labels.push_back(score_group(measured.ranked[g * labels + k], measured.at[g * labels + k], o));
        result.groups.push_back(std::move(group));
    }
    for (std::size_t k = 0; k < labels; ++k)
        result.gaps.push_back({gap_of(measured, result.groups, labels, k, 0),
                               gap_of(measured, result.groups, labels, k, 1),
                               gap_of(measured, result.groups, labels, k, 2)});
    return result;
}

}  // namespace

std::vector<Subgroups> compare_subgroups(const SubgroupInput& input, const std::vector<GroupBy>& by,
                                         const SubgroupOptions& options) {
    if (input.columns.size() != input.labels.size() || input.thresholds.size() != input.labels.size())
        throw UsageError(fmt::format("[subgroups] {} labels, but {} columns and {} thresholds", input.labels.size(),
                                     input.columns.size(), input.thresholds.size()));
    if (options.replicates < 0 || options.replicates > 100'000)
        throw UsageError(fmt::format("[subgroups] wanted 0 to 100000 replicates, got {}", options.replicates));
    const std::size_t samples = input.columns.empty() ? 0 : input.columns.front().scores.size();
    for (const LabelColumn& column : input.columns) score_curve(column.scores, column.targets);  // refuses NaN
    const Patients patients = number_patients(input.patients, samples);
    std::vector<Subgroups> all;
    for (const GroupBy& one : by) all.push_back(compare(input, one, patients, options));
    return all;
}

SubgroupInput subgroup_input(bool multi_label, const std::vector<std::string>& labels, const Predictions& predictions) {
    SubgroupInput input{.labels = labels,
                        .thresholds = std::vector<std::optional<double>>(labels.size()),
                        .patients = predictions.patients,
                        .attribute_names = predictions.attribute_names,
                        .attributes = predictions.attributes};
    for (std::size_t k = 0; k < labels.size(); ++k)
        input.columns.push_back(label_column(multi_label, predictions, labels.size(), k));
    return input;
}

std::vector<std::optional<double>> youden_thresholds(const std::vector<LabelColumn>& columns) {
    std::vector<std::optional<double>> thresholds;
    for (const LabelColumn& column : columns) {
        const auto point = youden_point(score_curve(column.scores, column.targets));
        thresholds.push_back(point ? std::optional(point->threshold) : std::nullopt);
    }
    return thresholds;
}

}  // namespace keel
