#include "runs/report/subgroups.h"

#include <fmt/format.h>

#include "runs/report/page.h"
#include "runs/subgroups.h"
#include "runs/subgroups_text.h"

namespace keel::report {
namespace {

constexpr std::size_t kMostLabels = 60;

std::string groups_table(const Subgroups& subgroups, const std::vector<std::string>& labels) {
    std::vector<std::vector<std::string>> rows{{escape(subgroups.by.attribute), "label", "positives", "negatives",
                                                "AUROC", "false negatives", "false positives"}};
    for (const Group& group : subgroups.groups)
        for (std::size_t k = 0; k < labels.size(); ++k) {
            const GroupScore& s = group.labels[k];
            const std::string name = k == 0 ? fmt::format("{}<small> {} images, {} patients</small>",
                                                          escape(group.name), group.samples, group.patients)
                                            : "";
            rows.push_back({name, escape(labels[k]), std::to_string(s.positives), std::to_string(s.negatives),
                            auroc_text(s), false_negatives_text(s), false_positives_text(s)});
        }
    return table(rows, "scores");
}

std::string gaps_table(const Subgroups& subgroups, const std::vector<std::string>& labels) {
    std::vector<std::vector<std::string>> rows{{"largest gap", "AUROC", "false negatives", "false positives"}};
    for (std::size_t k = 0; k < labels.size(); ++k) {
        const auto& of = subgroups.gaps[k];
        rows.push_back({escape(labels[k]), escape(gap_text(of.auroc)), escape(gap_text(of.false_negative_rate)),
                        escape(gap_text(of.false_positive_rate))});
    }
    return table(rows, "scores");
}

}  // namespace

std::string subgroups_html(const StoredPredictions& stored) {
    if (stored.labels.size() > kMostLabels) return "";
    SubgroupInput input = subgroup_input(stored.multi_label, stored.labels, stored.predictions);
    const std::vector<GroupBy> by = usual_groups(input);
    if (by.empty()) return "";
    input.thresholds = youden_thresholds(input.columns);
    std::string html = note(
        "Validation split, best checkpoint. Rates of errors at each label's threshold of the highest sensitivity plus "
        "specificity over all groups together. Intervals of 95 %: bootstrap, patients drawn anew with all their "
        "images. "
        "Too few: less than 10 positives or negatives. keel eval --by says the same of any split and any groups.");
    for (const Subgroups& subgroups : compare_subgroups(input, by))
        html += fmt::format("<h3>By {}</h3>\n", escape(by_text(subgroups.by))) + gaps_table(subgroups, stored.labels) +
                groups_table(subgroups, stored.labels);
    return html;
}

}  // namespace keel::report
