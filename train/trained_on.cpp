#include "train/trained_on.h"

#include <map>

#include <fmt/core.h>

#include "engine/safetensors.h"
#include "kernels/error.h"
#include "models/model_spec.h"
#include "train/config_file.h"
#include "train/resume_check.h"
#include "train/trainer_state.h"

namespace keel {

std::optional<TrainedOn> trained_on(const std::filesystem::path& checkpoint) {
    try {
        const TrainerState state = read_trainer_state(read_metadata(checkpoint), checkpoint.string());
        TrainConfig config;
        apply_toml(config, state.config, checkpoint.string());
        return TrainedOn{config.data, config, state.data};
    } catch (const InputError&) {
        return std::nullopt;
    } catch (const UsageError&) {  // a configuration of a newer Keel
        return std::nullopt;
    }
}

ImageReading reading_of(const std::filesystem::path& checkpoint) {
    try {
        return read_spec(read_metadata(checkpoint), checkpoint.string()).reading;
    } catch (const InputError&) {  // whoever reads the weights says what is wrong with them
        return {};
    }
}

DatasetOptions options_for(const std::optional<TrainedOn>& then, const std::string& spec) {
    if (!then) return {};
    const auto scheme = [](const std::string& s) { return s.substr(0, s.find(':')); };
    DatasetOptions options = then->options;
    if (scheme(spec) != scheme(then->spec)) {
        static_cast<TableReading&>(options) = {};
        options.group_by.clear();
    }
    return options;
}

std::vector<Remark> remarks_on_scores(const std::optional<TrainedOn>& then, const Dataset& dataset,
                                      const std::string& spec, const std::string& split) {
    if (!then) return {};
    const bool same = hash_of(dataset) == then->hash;
    if (same && (split == "train" || split == "all"))
        return {
            {true, fmt::format("the checkpoint was trained on samples of {}: the scores are too good by them", split)}};
    if (!same && spec == then->spec)
        return {{true,
                 "the samples are not those of the run that made the checkpoint, or are divided otherwise: it may "
                 "have been trained on some of these"}};
    return {};
}

}  // namespace keel
