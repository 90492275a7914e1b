#include "runs/run_files.h"

#include <algorithm>

#include "engine/paths.h"

namespace keel {
namespace fs = std::filesystem;

const std::vector<fs::path>& run_files() {
    static const std::vector<fs::path> files{"config.toml",
                                             "machine.json",
                                             "data.json",
                                             "metrics.csv",
                                             "metrics.jsonl",
                                             "val_predictions.csv",
                                             "divergence.jsonl",
                                             "trace.json",
                                             "spent.json",
                                             "report.html",
                                             "log.txt",
                                             "checkpoints/last.safetensors",
                                             "checkpoints/previous.safetensors",
                                             "checkpoints/best.safetensors"};
    return files;
}

bool holds_run(const fs::path& path) {
    return std::ranges::any_of(run_files(), [&](const fs::path& file) { return is_taken(path / file); });
}

}  // namespace keel
