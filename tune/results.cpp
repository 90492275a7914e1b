#include "tune/results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "engine/files.h"
#include "engine/json.h"
#include "train/config_file.h"
#include "tune/search.h"
#include "tune/space_json.h"

namespace keel::tune {
namespace {

constexpr double kSecondsOfHour = 3600, kJoulesOfKwh = 3.6e6;

/// A cell of CSV.
std::string cell_of(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

std::string number_cell(double value) { return std::isfinite(value) ? fmt::format("{}", value) : ""; }

}  // namespace

std::vector<TrialRow> trial_rows(const SearchFacts& facts) {
    std::vector<TrialRow> rows;
    for (std::size_t trial = 0; trial < facts.points.size(); ++trial)
        rows.push_back({.trial = static_cast<int>(trial), .state = "begun"});
    for (const auto& [job, outcome] : facts.outcomes) {
        TrialRow& row = rows[static_cast<std::size_t>(job.trial)];
        row.seconds += outcome.seconds;
        row.core_seconds += outcome.core_seconds;
        row.joules += outcome.joules;
        row.message = outcome.message;
        row.state = kEndings[static_cast<std::size_t>(outcome.ending)];
        if (outcome.ending != Ending::complete) continue;
        if (job.rung + 1 < std::ssize(facts.rungs)) row.state = "paused";
        row.epochs = outcome.epochs;
        row.score = outcome.score;
    }
    return rows;
}

std::string trial_toml(const SearchFacts& facts, int trial, const std::string& out) {
    TrainConfig config = facts.config;
    apply(facts.space, facts.points[static_cast<std::size_t>(trial)], config);
    config.out = out;
    config.threads = facts.plan.threads;
    const TrialRow row = trial_rows(facts)[static_cast<std::size_t>(trial)];
    std::string text = to_toml(config);
    text += fmt::format("# Trial {} of {}: {} {} after {} of {} epochs.\n", trial, facts.points.size(),
                        facts.plan.metric == "auto" ? "score" : facts.plan.metric, number_cell(row.score), row.epochs,
                        config.epochs);
    const auto values = value_texts(facts.space, facts.points[static_cast<std::size_t>(trial)]);
    std::vector<std::string> searched;
    for (const Parameter& parameter : facts.space.parameters)
        if (values.contains(parameter.key)) searched.push_back(parameter.key);
    text += fmt::format("# Searched: {}.\n", fmt::join(searched, ", "));
    for (const Parameter& parameter : facts.space.parameters)
        if (const auto own = values.find(parameter.key); parameter.own && own != values.end())
            text += fmt::format("# Of the program that searched: {} = {}\n", own->first, own->second);
    return text;
}

std::string trials_csv(const SearchFacts& facts) {
    std::string text = "trial,state,epochs,score,seconds,core_hours,kwh";
    for (const Parameter& parameter : facts.space.parameters) text += "," + parameter.key;
    text += ",message\n";
    for (const TrialRow& row : trial_rows(facts)) {
        text +=
            fmt::format("{},{},{},{},{:.3f},{:.6f},{:.6f}", row.trial, row.state, row.epochs, number_cell(row.score),
                        row.seconds, row.core_seconds / kSecondsOfHour, row.joules / kJoulesOfKwh);
        const Point& point = facts.points[static_cast<std::size_t>(row.trial)];
        for (std::size_t i = 0; i < point.size(); ++i)
            text += "," + cell_of(value_text(facts.space.parameters[i], point[i]));
        text += "," + cell_of(row.message) + "\n";
    }
    return text;
}

std::string trials_jsonl(const SearchFacts& facts) {
    std::string text;
    for (const TrialRow& row : trial_rows(facts)) {
        const Json json{{"trial", row.trial},
                        {"state", row.state},
                        {"epochs", row.epochs},
                        {"score", std::isfinite(row.score) ? Json(row.score) : Json(nullptr)},
                        {"seconds", row.seconds},
                        {"core_hours", row.core_seconds / kSecondsOfHour},
                        {"kwh", row.joules / kJoulesOfKwh},
                        {"values", to_json(facts.space, facts.points[static_cast<std::size_t>(row.trial)])},
                        {"message", row.message}};
        text += valid_json_text(json) + "\n";
    }
    return text;
}

void write_results(const SearchFacts& facts, const std::filesystem::path& folder, bool energy_estimated) {
    write_file_atomically(folder / "trials.csv", trials_csv(facts));
    write_file_atomically(folder / "trials.jsonl", trials_jsonl(facts));
    if (const auto best = best_trial(facts))
        write_file_atomically(folder / "best.toml", trial_toml(facts, *best, (folder / "best").string()));
    write_file_atomically(folder / "report.html", search_page(facts, folder.string(), energy_estimated));
}

}  // namespace keel::tune
