#include "runs/report/run_data.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "engine/files.h"
#include "engine/json.h"
#include "engine/paths.h"
#include "train/config_file.h"

namespace keel::report {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kConfigLimit = 1 << 20, kDataLimit = 1 << 26, kMetricsLimit = std::uint64_t{1} << 30;  // bytes

Json read_object(const fs::path& file, std::uint64_t limit) {
    if (!is_there(file)) return nullptr;
    Json object = try_parse_json(read_file(file, limit));
    if (!object.is_object()) throw InputError(fmt::format("[report] {} is no JSON object", file.string()));
    return object;
}

}  // namespace

Metrics read_metrics(const fs::path& file) {
    Metrics metrics;
    if (!is_there(file)) return metrics;
    std::istringstream lines(read_file(file, kMetricsLimit));
    for (std::string line; std::getline(lines, line);) {
        if (lines.eof()) break;  // half a line is what a crash left
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const Json row = try_parse_json(line);
        if (!row.is_object())
            throw InputError(fmt::format("[report] {}:{} is no row of metrics", file.string(), metrics.rows + 1));
        ++metrics.rows;
        for (const auto& [key, value] : row.items()) {
            if (!value.is_number() && !value.is_null()) continue;
            auto& column = metrics.columns[key];
            column.resize(metrics.rows - 1, kNaN);
            column.push_back(value.is_number() ? value.get<double>() : kNaN);
        }
    }
    for (auto& [key, column] : metrics.columns) column.resize(metrics.rows, kNaN);
    return metrics;
}

std::vector<double> Metrics::column(const std::string& key) const {
    const auto it = columns.find(key);
    return it == columns.end() ? std::vector<double>(rows, kNaN) : it->second;
}

bool Metrics::has(const std::string& key) const {
    const std::vector<double> values = column(key);
    return std::ranges::any_of(values, [](double v) { return std::isfinite(v); });
}

std::string RunData::metric_key() const {
    for (const char* key : {"val_auroc_mean", "val_auc"})
        if (metrics.has(key)) return key;
    return metrics.has("val_loss") ? "val_loss" : "train_loss";
}

std::string RunData::metric_name() const {
    const std::string key = metric_key();
    if (key == "val_auroc_mean") return "validation mean AUROC";
    if (key == "val_auc") return "validation AUC";
    return key == "val_loss" ? "validation loss" : "training loss";
}

std::optional<std::size_t> RunData::best_row() const {
    const std::string key = metric_key();
    const bool lower = key.ends_with("loss");
    const std::vector<double> values = metrics.column(key);
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (std::isfinite(values[i]) && (!best || (lower ? values[i] < values[*best] : values[i] > values[*best])))
            best = i;
    return best;
}

RunData read_run_data(const fs::path& path) {
    RunData run;
    run.path = path;
    run.name = fs::absolute(path).lexically_normal().filename().string();
    if (run.name.empty()) run.name = fs::absolute(path).lexically_normal().parent_path().filename().string();
    const fs::path config = path / "config.toml";
    if (!is_there(config))
        throw UsageError(fmt::format("[report] {} holds no run: there is no config.toml", path.string()));
    apply_toml(run.config, read_file(config, kConfigLimit), config.string());
    run.metrics = read_metrics(path / "metrics.jsonl");
    run.machine = read_object(path / "machine.json", kConfigLimit);
    if (const fs::path file = path / "spent.json"; is_there(file))
        run.spent = read_cost(read_file(file, kConfigLimit), file.string());
    run.data = read_object(path / "data.json", kDataLimit);
    if (const fs::path file = path / "val_predictions.csv"; is_there(file)) run.predictions = read_predictions(file);
    return run;
}

}  // namespace keel::report
