// What a search leaves for people and other programs: trials.csv, trials.jsonl, best.toml and report.html.
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tune/search_state.h"

namespace keel::tune {

/// A trial as tables show it.
struct TrialRow {
    int trial = 0;
    std::string state{};  ///< complete (to the last rung), paused (at a rung before it), begun, or a failure's ending
    int epochs = 0;       ///< of the last rung that it completed
    double score = std::numeric_limits<double>::quiet_NaN();  ///< best of the metric until then
    double seconds = 0, core_seconds = 0, joules = 0;         ///< of all its jobs that ended
    std::string message{};                                    ///< of a failure
};

/// Returns a row for each trial that was begun.
std::vector<TrialRow> trial_rows(const SearchFacts& facts);

/// Returns the trial's configuration, whole, with what it is about as comments at its end; `out` is where a run of it
/// would go.
std::string trial_toml(const SearchFacts& facts, int trial, const std::string& out);

/// Returns the table with a column a parameter.
std::string trials_csv(const SearchFacts& facts);
/// Returns the same rows, an object a line.
std::string trials_jsonl(const SearchFacts& facts);
/// Returns the page (tune/page.cpp). `energy_estimated`: how energies are called.
std::string search_page(const SearchFacts& facts, const std::string& title, bool energy_estimated);

/// Writes the four files; best.toml where a trial has a score. Throws IoError.
void write_results(const SearchFacts& facts, const std::filesystem::path& folder, bool energy_estimated);

}  // namespace keel::tune
