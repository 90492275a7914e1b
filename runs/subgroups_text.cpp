#include "runs/subgroups_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/text.h"
#include "runs/undefined.h"

namespace keel {
namespace {

Json interval_json(const std::optional<Interval>& interval) {
    return interval ? Json{interval->low, interval->high} : Json(nullptr);
}

Json to_json(const GroupScore& score) {
    Json json{{"positives", score.positives}, {"negatives", score.negatives}};
    const auto add = [&](const std::string& key, const Estimate& estimate) {
        json[key] = number(estimate.value);
        json[key + "_interval"] = interval_json(estimate.interval);
    };
    add("auroc", score.auroc);
    add("false_negative_rate", score.false_negative_rate);
    add("false_positive_rate", score.false_positive_rate);
    json["too_few"] = score.too_few();
    return json;
}

Json to_json(const std::optional<Gap>& gap) {
    if (!gap) return nullptr;
    return {{"highest", gap->highest},
            {"lowest", gap->lowest},
            {"difference", number(gap->difference.value)},
            {"interval", interval_json(gap->difference.interval)}};
}

std::string text_of(const Estimate& estimate, bool too_few) {
    if (too_few) return "too few";
    if (!estimate.value) return "-";
    const std::string value = fmt::format("{:.3f}", *estimate.value);
    return estimate.interval ? fmt::format("{} ({:.3f}-{:.3f})", value, estimate.interval->low, estimate.interval->high)
                             : value;
}

std::string one_attribute(const Subgroups& groups, const std::vector<std::string>& labels) {
    std::vector<std::vector<std::string>> rows{{groups.by.attribute, "label", "positives", "negatives",
                                                "AUROC (95 % interval)", "false negatives", "false positives"}};
    for (const Group& group : groups.groups) {
        rows.push_back({group.name, fmt::format("{} images of {}", group.samples, group.patients)});
        for (std::size_t k = 0; k < labels.size(); ++k) {
            const GroupScore& s = group.labels[k];
            rows.push_back({"", labels[k], std::to_string(s.positives), std::to_string(s.negatives), auroc_text(s),
                            false_negatives_text(s), false_positives_text(s)});
        }
    }
    std::vector<std::vector<std::string>> gaps{{"gap", "AUROC", "false negatives", "false positives"}};
    for (std::size_t k = 0; k < labels.size(); ++k) {
        const auto& of = groups.gaps[k];
        gaps.push_back(
            {labels[k], gap_text(of.auroc), gap_text(of.false_negative_rate), gap_text(of.false_positive_rate)});
    }
    std::string text = fmt::format("\nBy {}\n{}\n{}", by_text(groups.by), format_table(rows), format_table(gaps));
    if (groups.no_numbers > 0)
        text += fmt::format("{} values of {} are no numbers: unknown\n", groups.no_numbers, groups.by.attribute);
    return text;
}

}  // namespace

std::string auroc_text(const GroupScore& score) { return text_of(score.auroc, score.too_few()); }

std::string false_negatives_text(const GroupScore& score) {
    return text_of(score.false_negative_rate, score.few_positives);
}

std::string false_positives_text(const GroupScore& score) {
    return text_of(score.false_positive_rate, score.few_negatives);
}

std::string gap_text(const std::optional<Gap>& gap) {
    if (!gap) return "-";
    return fmt::format("{}: {} over {}", text_of(gap->difference, false), gap->highest, gap->lowest);
}

std::string by_text(const GroupBy& by) {
    return by.width > 0 ? fmt::format("{} in ranges of {:g}", by.attribute, by.width) : by.attribute;
}

Json subgroups_json(const std::vector<Subgroups>& all, const std::vector<std::string>& labels) {
    Json json = Json::array();
    for (const Subgroups& subgroups : all) {
        Json groups = Json::array(), gaps = Json::object();
        for (const Group& group : subgroups.groups) {
            Json of_labels = Json::object();
            for (std::size_t k = 0; k < labels.size(); ++k) of_labels[labels[k]] = to_json(group.labels[k]);
            groups.push_back({{"group", group.name},
                              {"samples", group.samples},
                              {"patients", group.patients},
                              {"labels", std::move(of_labels)}});
        }
        for (std::size_t k = 0; k < labels.size(); ++k)
            gaps[labels[k]] = {{"auroc", to_json(subgroups.gaps[k].auroc)},
                               {"false_negative_rate", to_json(subgroups.gaps[k].false_negative_rate)},
                               {"false_positive_rate", to_json(subgroups.gaps[k].false_positive_rate)}};
        const GroupBy& by = subgroups.by;
        json.push_back({{"by", by.width > 0 ? fmt::format("{}:{:g}", by.attribute, by.width) : by.attribute},
                        {"groups", std::move(groups)},
                        {"gaps", std::move(gaps)},
                        {"no_numbers", subgroups.no_numbers}});
    }
    return json;
}

std::string subgroups_text(const std::vector<Subgroups>& all, const std::vector<std::string>& labels,
                           const std::string& thresholds) {
    if (all.empty()) return "";
    std::string text;
    for (const Subgroups& subgroups : all) text += one_attribute(subgroups, labels);
    return text + fmt::format(
                      "Rates of errors at {}. Intervals: bootstrap by patient. A gap is that of the highest and "
                      "the lowest group.\n",
                      thresholds);
}

SubgroupResult subgroup_result(SubgroupInput input, const std::vector<GroupBy>& by, const SubgroupOptions& options,
                               std::optional<double> threshold, const std::string& origin) {
    std::string from = origin;
    const bool given = std::ranges::any_of(input.thresholds, [](const auto& t) { return t.has_value(); });
    if (threshold) {
        input.thresholds.assign(input.labels.size(), *threshold);
        from = fmt::format("{:g}", *threshold);
    } else if (!given) {
        input.thresholds = youden_thresholds(input.columns);
        from = "each label's threshold of the best sensitivity plus specificity on these very scores";
    }
    const auto groups = compare_subgroups(input, by, options);
    Json thresholds = Json::object();
    for (std::size_t k = 0; k < input.labels.size(); ++k)
        thresholds[input.labels[k]] = input.thresholds[k] ? Json(*input.thresholds[k]) : Json(nullptr);
    return {{{"thresholds", std::move(thresholds)},
             {"thresholds_from", from},
             {"fewest", options.fewest},
             {"by", subgroups_json(groups, input.labels)}},
            subgroups_text(groups, input.labels, from)};
}

}  // namespace keel
