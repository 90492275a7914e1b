#include "tune/trial_score.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <vector>

#include "kernels/error.h"
#include "runs/report/run_data.h"

namespace keel::tune {

TrialScore read_trial_score(const std::filesystem::path& run, const std::string& metric, int epochs) {
    const report::Metrics metrics = report::read_metrics(run / "metrics.jsonl");
    TrialScore result;
    if (metrics.rows == 0) return result;
    result.metric = metric != "auto"                             ? metric
                    : metrics.columns.contains("val_auroc_mean") ? "val_auroc_mean"
                                                                 : "val_auc";
    if (!metrics.columns.contains(result.metric)) {
        std::vector<std::string> there;
        for (const auto& [key, column] : metrics.columns)
            if (key.starts_with("val_")) there.push_back(key);
        throw UsageError(fmt::format("[tune] metric: {} has no column '{}', but {}", (run / "metrics.jsonl").string(),
                                     result.metric, fmt::join(there, ", ")));
    }
    const std::vector<double> epoch = metrics.column("epoch"), values = metrics.column(result.metric);
    const bool lower = result.metric.ends_with("loss");
    for (std::size_t row = 0; row < metrics.rows; ++row) {
        if (!(epoch[row] >= 1 && epoch[row] <= epochs)) continue;
        result.epochs = std::max(result.epochs, static_cast<int>(epoch[row]));
        const double value = values[row];
        if (std::isfinite(value) && (std::isnan(result.best) || (lower ? value < result.best : value > result.best)))
            result.best = value;
    }
    return result;
}

}  // namespace keel::tune
