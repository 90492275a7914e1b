#include "train/split_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "train/config_file.h"
#include "train/resume_check.h"
#include "train/trainer_state.h"

namespace keel {

std::string split_warning(const std::map<std::string, std::string>& metadata, const std::string& file,
                          const std::string& data, const DatasetOptions& options, const Dataset& dataset) {
    if (!metadata.contains("keel.config")) return "";
    const TrainerState state = read_trainer_state(metadata, file);
    TrainConfig config;
    apply_toml(config, state.config, file);
    if (config.data != data || state.data.empty() || state.data == hash_of(dataset)) return "";
    std::vector<std::string> others;
    const auto compare = [&](const char* flag, const auto& then, const auto& now) {
        if (then != now) others.push_back(fmt::format("{} was {}, is {}", flag, then, now));
    };
    compare("--val-fraction", config.val_fraction, options.val_fraction);
    compare("--test-fraction", config.test_fraction, options.test_fraction);
    compare("--split-seed", config.split_seed, options.split_seed);
    if (others.empty()) others.emplace_back("the files or labels have changed");
    return fmt::format("{} was trained on other splits of {} ({}): what is scored here, the model may have learnt",
                       file, data, fmt::join(others, ", "));
}

}  // namespace keel
