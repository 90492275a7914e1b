// Several runs on one page.
#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "runs/report/data_section.h"
#include "runs/report/marks.h"
#include "runs/report/page.h"
#include "runs/report/report.h"
#include "runs/report/scores.h"
#include "runs/report/sections.h"

namespace keel::report {
namespace {

using Runs = std::vector<RunData>;

constexpr std::string_view kComparisonNote =
    "AUROC on each run's validation split by its best checkpoint, with DeLong's 95 % interval; the dashed mark is 0.5, "
    "chance. "
    "Intervals of runs on the same images are not independent: they may overlap although one run is better.";

/// Runs are called by their folders; where two folders have one name, by their paths.
void name_apart(Runs& runs) {
    std::set<std::string> names;
    for (const RunData& run : runs) names.insert(run.name);
    if (names.size() == runs.size()) return;
    for (RunData& run : runs) run.name = run.path.lexically_normal().string();
}

std::string run_cell(const Runs& runs, std::size_t i) {
    return fmt::format("<span class=\"c{}\">●</span> {}", i % 8, escape(runs[i].name));
}

std::string overview(const Runs& runs) {
    std::vector<std::vector<std::string>> rows{
        {"run", "model", "chosen by", "best", "its epoch", "epochs", "validation loss", "images/s", "training time"}};
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const RunData& run = runs[i];
        const auto best = run.best_row();
        const auto at_best = [&](const std::string& key) {
            return best ? run.metrics.column(key)[*best] : std::numeric_limits<double>::quiet_NaN();
        };
        double seconds = 0;
        for (const double s : run.metrics.column("seconds")) seconds += std::isfinite(s) ? s : 0;
        rows.push_back({run_cell(runs, i), escape(run.config.model), escape(run.metric_name()),
                        number(at_best(run.metric_key())), number(at_best("epoch"), 0),
                        fmt::format("{} of {}", run.metrics.rows, run.config.epochs), number(at_best("val_loss")),
                        number(at_best("images_per_second"), 1), escape(duration(seconds))});
    }
    return table(rows, "runs");
}

std::string course(const Runs& runs) {
    std::vector<const RunData*> all;
    for (const RunData& run : runs) all.push_back(&run);
    return "<div class=\"grid\">\n" + curve_figure("Validation mean AUROC", "AUROC", "val_auroc_mean", all) +
           curve_figure("Validation AUC", "AUC", "val_auc", all) +
           curve_figure("Validation accuracy", "accuracy", "val_accuracy", all) +
           curve_figure("Validation loss", "loss", "val_loss", all) +
           curve_figure("Training loss", "loss", "train_loss", all) +
           curve_figure("Learning rate", "learning rate", "lr", all, {.logarithmic = true}) +
           curve_figure("Throughput", "images per second", "images_per_second", all, {.low = 0}) + "</div>\n";
}

/// A row a label, two columns a run: AUROC with its interval, and that drawn.
std::string labels(const Runs& runs) {
    std::vector<std::vector<std::string>> rows{{"label"}};
    std::vector<std::string> names;
    std::vector<std::vector<LabelScore>> scores;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        scores.push_back(runs[i].predictions ? label_scores(*runs[i].predictions) : std::vector<LabelScore>{});
        rows[0].push_back(run_cell(runs, i));
        rows[0].emplace_back("0.4 to 1");
        for (const LabelScore& s : scores.back())
            if (std::ranges::find(names, s.label) == names.end()) names.push_back(s.label);
    }
    if (names.empty()) return note("None of the runs has predictions of a validation split yet.");
    for (const std::string& name : names) {
        auto& row = rows.emplace_back(1, escape(name));
        for (std::size_t i = 0; i < scores.size(); ++i) {
            const auto& of_run = scores[i];
            const auto s = std::ranges::find(of_run, name, &LabelScore::label);
            const bool known = s != of_run.end() && !std::isnan(s->auroc);
            row.push_back(
                !known
                    ? "–"
                    : number(s->auroc, 3) +
                          (std::isnan(s->low) ? "" : fmt::format(" ({} – {})", number(s->low, 3), number(s->high, 3))));
            row.push_back(known ? interval(s->auroc, s->low, s->high, 0.4, 1, 0.5, static_cast<int>(i)) : "");
        }
    }
    return table(rows, "scores") + note(kComparisonNote);
}

/// How many samples each run used: scores on other splits are not the same scores.
std::string used_data(const Runs& runs) {
    std::vector<std::vector<std::string>> rows{{"run"}};
    for (std::string& column : data_columns()) rows[0].push_back(std::move(column));
    for (std::size_t i = 0; i < runs.size(); ++i) {
        auto& row = rows.emplace_back(1, run_cell(runs, i));
        for (std::string& cell : data_row(runs[i])) row.push_back(std::move(cell));
    }
    return table(rows, "data") +
           note("Samples used; a dash: the run did not record it. The warnings are in its report.");
}

std::string differences(const Runs& runs) {
    std::vector<std::vector<std::string>> rows{{"option"}};
    std::vector<ConfigEntries> entries;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        rows[0].push_back(run_cell(runs, i));
        entries.push_back(config_entries(runs[i].config));
    }
    for (const auto& [key_of_entry, first_value] : entries[0]) {
        const auto &key = key_of_entry, &first = first_value;  // Clang 14 captures no structured binding
        const bool same =
            std::ranges::all_of(entries, [&](const ConfigEntries& e) { return value_of(e, key) == first; });
        if (same || key == "out") continue;
        auto& row = rows.emplace_back(1, escape(key));
        for (const ConfigEntries& e : entries) row.push_back(escape(value_of(e, key)));
    }
    return rows.size() == 1 ? note("All runs have the same configuration.") : table(rows, "options");
}

}  // namespace

std::string comparison_page(const std::vector<std::filesystem::path>& paths) {
    Runs runs;
    for (const auto& path : paths) runs.push_back(read_run_data(path));
    name_apart(runs);
    const std::string body = fmt::format("<h1>{} runs side by side</h1>\n", runs.size()) + overview(runs) +
                             section("Course", course(runs)) + section("Scores", labels(runs)) +
                             section("Data", used_data(runs)) + section("Options that differ", differences(runs));
    return page(fmt::format("{} runs – Keel", runs.size()), body);
}

}  // namespace keel::report
