// metrics.csv and metrics.jsonl of a run, as a crash, an editor or a storage that failed may have left them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace keel {

/// A table of metrics is the one, or lines of JSON.
enum class MetricsForm { csv, jsonl };

/// Keeps the rows up to `epoch`, and a table's head. Blank lines and a last line without its end go; line ends become
/// plain ones. Any other line that is no row, torn or of another origin, is left out: then the file as it was is kept
/// as NAME.damaged. Returns what to tell about it. Throws IoError, InputError for a file of more than 1 GiB.
std::vector<std::string> cut_metrics(const std::filesystem::path& file, MetricsForm form, std::int64_t epoch);

}  // namespace keel
