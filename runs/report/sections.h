// The parts of a report, each HTML from data.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runs/report/plot.h"
#include "runs/report/run_data.h"

namespace keel::report {

/// One plot of `key` against the epoch, a line a run; nothing if no run has it.
std::string curve_figure(const std::string& caption, const std::string& unit, const std::string& key,
                         const std::vector<const RunData*>& runs, const Axis& y_axis = {});

std::string summary_html(const RunData& run);
std::string curves_html(const RunData& run);
std::string config_html(const RunData& run);
std::string machine_html(const RunData& run);

/// Keys and values as in config.toml, in its order.
using ConfigEntries = std::vector<std::pair<std::string, std::string>>;
ConfigEntries config_entries(const TrainConfig& config);
/// Empty where there is none.
std::string value_of(const ConfigEntries& entries, const std::string& key);

/// "2 h 13 min", "48 s".
std::string duration(double seconds);

}  // namespace keel::report
