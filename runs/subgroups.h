// Scores of groups of patients beside each other, told apart by sex, age or whatever else is known of them: how bias is
// found (Seyyed-Kalantari et al., Nature Medicine 27, 2021).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/score_curve.h"
#include "train/predictions.h"

namespace keel {

/// What groups are made by: each value of an attribute is one or, with a width, each range [k * width, (k + 1) *
/// width).
struct GroupBy {
    std::string attribute{};
    double width = 0;
};

/// Reads "sex" or "age:20". Throws UsageError for anything else.
GroupBy parse_group_by(const std::string& text);

/// Predictions to be told apart. All vectors but those of labels and names go by samples.
struct SubgroupInput {
    std::vector<std::string> labels{};
    std::vector<LabelColumn> columns{};               ///< of each label
    std::vector<std::optional<double>> thresholds{};  ///< of each label; a rate of errors is undefined without one
    std::vector<std::string> patients{};              ///< "": an image of its own; may be empty
    std::vector<std::string> attribute_names{};
    std::vector<std::string> attributes{};  ///< {samples, attribute_names}
};

struct SubgroupOptions {
    std::int64_t fewest = 10;        ///< positives, and negatives, below which nothing is concluded from a group
    std::int64_t replicates = 1000;  ///< of the bootstrap; 0: no intervals
    std::uint64_t seed = 0;
};

/// A figure and its 95 % interval: percentiles over replicates in which patients are drawn anew, all images of one
/// together. No value where it is undefined; no interval where it is in more than half of the replicates.
struct Estimate {
    std::optional<double> value{};
    std::optional<Interval> interval{};
};

/// One label in one group.
struct GroupScore {
    std::int64_t positives = 0, negatives = 0;
    Estimate auroc, false_negative_rate, false_positive_rate;  ///< the rates at the label's threshold
    bool few_positives = false, few_negatives = false;         ///< too few to conclude from: AUROC wants both

    bool too_few() const { return few_positives || few_negatives; }
};

/// The group with the highest value and the one with the lowest, of those that are not too few, and their difference.
/// The two are chosen by the data and then kept in all replicates.
struct Gap {
    std::string highest{}, lowest{};
    Estimate difference{};
};

struct Group {
    std::string name{};  ///< "F", "[20, 40)" or "unknown", which no gap takes part in
    std::int64_t samples = 0, patients = 0;
    std::vector<GroupScore> labels{};
};

/// What an attribute tells apart.
struct Subgroups {
    GroupBy by{};
    std::vector<Group> groups{};  ///< in the order of their values, "unknown" last
    std::int64_t no_numbers = 0;  ///< values that are none where ranges were asked for: unknown
    struct LabelGaps {
        std::optional<Gap> auroc, false_negative_rate, false_positive_rate;  ///< none with less than two groups
    };
    std::vector<LabelGaps> gaps{};  ///< of each label
};

/// Tells the samples apart by each attribute. The result depends on the input and the options alone, not on the number
/// of threads. Throws UsageError for an attribute that is not there, and for one of more than 50 groups.
std::vector<Subgroups> compare_subgroups(const SubgroupInput& input, const std::vector<GroupBy>& by,
                                         const SubgroupOptions& options = {});

/// Returns a way to group by each attribute that lends itself to it: each value where there are at most 8, ranges of 20
/// where all are numbers; an attribute that has but one value is left out, and so is one with more.
std::vector<GroupBy> usual_groups(const SubgroupInput& input);

/// Predictions as input; no thresholds.
SubgroupInput subgroup_input(bool multi_label, const std::vector<std::string>& labels, const Predictions& predictions);

/// Returns for each label the threshold of youden_point() on the very scores; none where it is undefined.
std::vector<std::optional<double>> youden_thresholds(const std::vector<LabelColumn>& columns);

}  // namespace keel
