#include "train/ensemble.h"

#include "kernels/error.h"

namespace keel {

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
