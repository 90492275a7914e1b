#include "train/ensemble.h"

#include "embed/foreign_weights.h"
#include "embed/loaded_model.h"
#include "kernels/error.h"

namespace keel {

std::vector<ModelSpec> read_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on) {
    if (checkpoints.empty()) throw UsageError("[eval] wanted a checkpoint");
    std::vector<ModelSpec> specs;
    for (const std::string& file : checkpoints) {
        specs.push_back(read_model_spec(file));
        if (scored_on != nullptr)
            adopt_labels(specs.back(), scored_on->label_names(), scored_on->task() == Task::labels);
        require_same_labels(specs.front(), checkpoints.front(), specs.back(), file);
    }
    return specs;
}

std::optional<EnsemblePredictions> evaluate_ensemble(World& world, const std::function<bool()>& stop,
                                                     const EnsembleOptions& options, const Dataset& dataset,
                                                     LoaderOptions loader,
                                                     const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const std::vector<ModelSpec> specs = read_ensemble(options.checkpoints, &dataset);
    for (std::size_t i = 0; i < specs.size(); ++i) {
        require_same_labels(specs[i], dataset, options.checkpoints[i]);
        if (options.calibrated && (!specs[i].operating || !specs[i].operating->calibration))
            throw UsageError("[calibrate] " + options.checkpoints[i] +
                             " has no calibration; keel threshold --calibrate makes one");
    }
    std::vector<Predictions> raw, told;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        if (options.on_model) options.on_model(options.checkpoints[i]);
        const Predictor model = load_predictor(options.checkpoints[i], options.views, loader.batch_size, &dataset);
        loader.transform = transform_of(specs[i]);
        auto predictions = evaluate_on_ranks(world, stop, model, dataset, loader, progress, options.views);
        if (!predictions) return std::nullopt;
        raw.push_back(std::move(*predictions));
        if (!options.calibrated) continue;
        told.push_back(raw.back());
        calibrate(specs[i], told.back());
    }
    EnsemblePredictions result{mean_of_predictions(specs.front(), raw), {}};
    result.told = options.calibrated ? mean_of_predictions(specs.front(), told) : result.raw;
    return result;
}

}  // namespace keel
