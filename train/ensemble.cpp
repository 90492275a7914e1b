#include "train/ensemble.h"

#include "embed/foreign_weights.h"
#include "kernels/error.h"

namespace keel {

std::vector<ModelSpec> read_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on) {
    std::vector<ModelSpec> specs;
    for (OpenedModel& model : open_ensemble(checkpoints, scored_on)) specs.push_back(std::move(model.spec));
    return specs;
}

std::vector<OpenedModel> open_ensemble(const std::vector<std::string>& checkpoints, const Dataset* scored_on) {
    if (checkpoints.empty()) throw UsageError("[eval] wanted a checkpoint");
    std::vector<OpenedModel> models;
    for (const std::string& file : checkpoints) {
        models.push_back(open_model(file));
        if (scored_on != nullptr)
            adopt_labels(models.back().spec, scored_on->label_names(), scored_on->task() == Task::labels);
        require_same_labels(models.front().spec, checkpoints.front(), models.back().spec, file);
    }
    return models;
}

std::optional<EnsemblePredictions> evaluate_ensemble(World& world, const std::function<bool()>& stop,
                                                     const EnsembleOptions& options, const Dataset& dataset,
                                                     LoaderOptions loader,
                                                     const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const std::vector<OpenedModel> models =
        options.opened.empty() ? open_ensemble(options.checkpoints, &dataset) : options.opened;
    for (const auto& [path, spec, read] : models) {
        require_same_labels(spec, dataset, path.string());
        if (options.calibrated && (!spec.operating || !spec.operating->calibration))
            throw UsageError("[calibrate] " + path.string() +
                             " has no calibration; keel threshold --calibrate makes one");
    }
    std::vector<Predictions> raw, told;
    for (const OpenedModel& opened : models) {
        const Predictor model = load_predictor(opened, options.views, loader.batch_size, &dataset, options.precision);
        if (options.on_model) options.on_model(opened.path.string(), model);
        loader.transform = transform_of(opened.spec);
        auto predictions = evaluate_on_ranks(world, stop, model, dataset, loader, progress, options.views);
        if (!predictions) return std::nullopt;
        require_answers(*predictions, opened.path.string());
        raw.push_back(std::move(*predictions));
        if (!options.calibrated) continue;
        told.push_back(raw.back());
        calibrate(opened.spec, told.back());
    }
    EnsemblePredictions result{mean_of_predictions(models.front().spec, raw), {}};
    result.told = options.calibrated ? mean_of_predictions(models.front().spec, told) : result.raw;
    return result;
}

}  // namespace keel
