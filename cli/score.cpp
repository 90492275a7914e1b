// keel score: anybody's predictions against NIH's labels.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/subgroup_options.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "runs/external_scores_text.h"

namespace keel::cli {
namespace {

struct ScoreArguments {
    std::string predictions, labels, list;
    std::vector<std::string> only;
    SubgroupFlags groups;
};

void warn(const std::string& what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < std::min(names.size(), kNamedImages); ++i) shown.push_back(excerpt(names[i]));
    std::cerr << fmt::format("keel score: {} {}: {}{}\n", names.size(), what, fmt::join(shown, ", "),
                             names.size() > kNamedImages ? ", ..." : "");
}

/// By NIH's table.
JoinedScores join(const ScoreArguments& o, bool quiet) {
    std::vector<std::string> labels(nih_labels().begin(), nih_labels().end());
    if (!o.only.empty()) labels = o.only;
    require_nih_labels(labels);
    std::vector<Remark> remarks;
    std::vector<NihRow> rows = read_nih_table(o.labels, &remarks);
    if (!o.list.empty())
        for (Remark& remark : keep_listed(rows, o.list)) remarks.push_back(std::move(remark));
    tell(remarks, "score", telling_of(quiet));
    ScoreTable table = read_score_table(o.predictions, nih_labels(), labels);
    warn("columns are no labels and are left out", table.left_out);
    JoinedScores joined = join_scores(std::move(table), std::move(rows), labels);
    if (joined.samples() == 0)
        throw InputError(fmt::format("[score] {} and {} have no image in common", o.predictions, o.labels));
    if (joined.alike > 0)
        std::cerr << fmt::format("keel score: {} images are found by their names without folder, ending and case\n",
                                 joined.alike);
    return joined;
}

int run(const ScoreArguments& o, const Globals& globals) {
    if (o.labels.empty() && (!o.list.empty() || !holds_truth(o.predictions)))
        throw UsageError(o.list.empty()
                             ? fmt::format("[score] --labels is wanted: {} does not say what is true, it has "
                                           "no column 'true_LABEL' or 'class'",
                                           o.predictions)
                             : "[score] --list wants --labels");
    const JoinedScores joined =
        o.labels.empty() ? own_scores(read_predictions(o.predictions), o.only) : join(o, globals.quiet);
    tell({{false, fmt::format("{}: {} samples are scored", o.predictions, joined.samples())}}, "score",
         telling_of(globals.quiet));
    warn("predictions have no label and are left out", joined.without_label);
    warn("labelled images have no prediction and are left out", joined.without_prediction);
    const std::vector<LabelScore> scores = score_labels(joined.input);
    const SubgroupResult groups = compare_groups(o.groups, joined.input, "", globals);
    Json json{{"predictions", o.predictions}, {"labels", o.labels.empty() ? o.predictions : o.labels}};
    if (!o.list.empty()) json["list"] = o.list;
    json.update(external_scores_json(joined, scores));
    if (!groups.json.is_null()) json["subgroups"] = groups.json;
    print_result(globals, json, external_scores_text(joined, scores) + groups.text);
    return kSuccess;
}

}  // namespace

Run add_score(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<ScoreArguments>();
    add_text(app, "--predictions", o->predictions, "FILE.csv",
             "Scores to judge: columns 'Image Index' and 'prob_LABEL' or 'LABEL', as keel eval writes them",
             Need::required);
    add_text(app, "--labels", o->labels, "FILE.csv",
             "What is true: NIH's Data_Entry table [default: the columns 'true_LABEL' or 'class' of the predictions "
             "themselves]");
    add_text(app, "--list", o->list, "FILE.txt",
             "Judge only the images that this file names, one a line, as in test_list.txt");
    add_list(app, "--only", o->only, "LABEL", {.commas = true}, "Judge only these labels, separated by commas");
    add_subgroup_options(app, o->groups);
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
