// What a run left in its folder, read for people to look at.
#pragma once

#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/json.h"
#include "runs/energy/run_cost.h"
#include "runs/predictions_file.h"
#include "train/train_config.h"

namespace keel::report {

/// A number that is not there.
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Rows of metrics.jsonl as columns; null is NaN.
struct Metrics {
    std::map<std::string, std::vector<double>> columns;
    std::size_t rows = 0;

    /// All NaN where there is no such column.
    std::vector<double> column(const std::string& key) const;
    bool has(const std::string& key) const;  ///< with a number in it
};

/// Reads the rows that a run wrote to metrics.jsonl; none where there is no such file. Throws InputError that names it
/// where it is malformed, IoError.
Metrics read_metrics(const std::filesystem::path& file);

struct RunData {
    std::filesystem::path path;
    std::string name;  ///< the folder's
    TrainConfig config;
    Metrics metrics;
    Json machine;                                  ///< null where there is none
    std::optional<RunCost> spent;                  ///< none in older runs
    Json data;                                     ///< what was found and used (data.json); null in older runs
    std::optional<StoredPredictions> predictions;  ///< of the validation split, by the best checkpoint

    std::filesystem::path best_checkpoint() const { return path / "checkpoints" / "best.safetensors"; }
    /// The column that the best epoch was chosen by (see selection_metric), and its name for people.
    std::string metric_key() const;
    std::string metric_name() const;
    /// The row whose metric is best; nothing where none has one.
    std::optional<std::size_t> best_row() const;
};

/// Throws UsageError if there is no run at `path`, InputError that names the file for one that is malformed, IoError.
RunData read_run_data(const std::filesystem::path& path);

}  // namespace keel::report
