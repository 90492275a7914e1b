#include "tune/search_text.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/error.h"
#include "runs/report/sections.h"
#include "tune/results.h"
#include "tune/space_json.h"

namespace keel::tune {
namespace {

std::string score_text_of(double score) { return std::isnan(score) ? "no score" : fmt::format("{:.4f}", score); }

const char* name_of(SearchEnd end) {
    return end == SearchEnd::finished ? "finished" : end == SearchEnd::out_of_budget ? "out of budget" : "stopped";
}

std::string end_text(const SearchReport& report, const std::filesystem::path& folder) {
    if (report.end == SearchEnd::stopped)
        return fmt::format("stopped by {}; --resume auto --out {} goes on\n", report.reason, folder.string());
    if (report.end == SearchEnd::out_of_budget)
        return fmt::format("{} are used up; with a larger budget --resume auto --out {} goes on\n", report.reason,
                           folder.string());
    return report.out_of_points ? "the space has no other point than those that were tried\n" : "";
}

}  // namespace

SearchText search_text(const SearchReport& report, const SearchFacts& facts, const std::filesystem::path& folder,
                       bool energy_estimated) {
    if (!report.best && report.end != SearchEnd::stopped) {
        std::string last = "the metric is undefined in all of them";
        for (const auto& [job, outcome] : facts.outcomes)
            if (!outcome.message.empty()) last = outcome.message;
        throw InputError(fmt::format("[tune] none of {} trials has a score ({} has them all): {}", facts.points.size(),
                                     (folder / "trials.csv").string(), last));
    }
    SearchText result;
    const double core_hours = facts.spent.core_seconds / 3600, hours = facts.spent.seconds / 3600;
    result.object = {
        {"end", name_of(report.end)},        {"reason", report.reason}, {"trials", facts.points.size()},
        {"core_hours", core_hours},          {"hours", hours},          {"kwh", facts.spent.joules / 3.6e6},
        {"kwh_estimated", energy_estimated}, {"best_trial", nullptr},   {"page", (folder / "report.html").string()}};
    result.text =
        fmt::format("{} trials, {:.2f} core hours, {}, {}\n", facts.points.size(), core_hours,
                    report::duration(facts.spent.seconds), energy_text(facts.spent.joules, energy_estimated)) +
        end_text(report, folder);
    if (!report.best) return result;
    const TrialRow row = trial_rows(facts)[static_cast<std::size_t>(*report.best)];
    result.object["best_trial"] = row.trial;
    result.object["score"] = row.score;
    result.object["epochs"] = row.epochs;
    result.object["values"] = to_json(facts.space, facts.points[static_cast<std::size_t>(row.trial)]);
    result.object["config"] = (folder / "best.toml").string();
    result.text +=
        fmt::format("best: trial {}, {} after {} of {} epochs; keel train --config {}\n", row.trial,
                    score_text_of(row.score), row.epochs, facts.config.epochs, (folder / "best.toml").string());
    return result;
}

std::string outcome_text(const Job& job, const Outcome& outcome, const SearchFacts& facts) {
    std::string text = fmt::format("trial {}: {} after {} epochs, {}", job.trial, score_text_of(outcome.score),
                                   outcome.epochs, report::duration(outcome.seconds));
    if (outcome.ending != Ending::complete)
        text = fmt::format("trial {} {}: {}", job.trial, kEndings[static_cast<std::size_t>(outcome.ending)],
                           outcome.message);
    if (const auto best = best_trial(facts))
        text += fmt::format("; best {} of trial {}",
                            score_text_of(trial_rows(facts)[static_cast<std::size_t>(*best)].score), *best);
    return text;
}

}  // namespace keel::tune
