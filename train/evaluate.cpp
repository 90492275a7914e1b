#include "train/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/pipeline/batch_view.h"
#include "engine/autograd.h"
#include "kernels/loss/prediction.h"

namespace keel {
namespace {

/// Returns the mean loss of a batch, in one arithmetic on every ISA. What training minimizes has the kernels of each.
double reported_loss(const ModelSpec& spec, const Tensor& logits, const Batch& batch) {
    const kernels::LossGeometry g{logits.dim(0), logits.dim(1)};
    if (spec.multi_label) return kernels::reported_bce(g, logits.data<float>(), batch.targets.data());
    for (const std::int32_t label : batch.labels)
        if (label < 0 || label >= g.classes)
            throw InputError(fmt::format("[eval] label {} is not one of {} classes", label, g.classes));
    return kernels::reported_cross_entropy(g, logits.data<float>(), batch.labels.data());
}

}  // namespace

Predictions evaluate(const Predictor& model, const Dataset& dataset, const LoaderOptions& options,
                     const std::function<void(std::int64_t, std::int64_t)>& progress, const ViewOptions& views) {
    Predictions all = *evaluate_unless([] { return false; }, model, dataset, options, progress, views);
    require_answers(all, model.spec().name);
    return all;
}

void require_answers(const Predictions& predictions, const std::string& model) {
    const auto bad = std::ranges::find_if(predictions.probabilities, [](float p) { return !std::isfinite(p); });
    if (bad == predictions.probabilities.end()) return;
    const auto labels = predictions.probabilities.size() / predictions.names.size();
    const auto sample = static_cast<std::size_t>(bad - predictions.probabilities.begin()) / labels;
    throw InputError(
        fmt::format("[eval] {} has no answer to {}: its pixels, or what the model makes of them, are NaN or infinite",
                    model, predictions.names[sample]));
}

std::optional<Predictions> evaluate_unless(const std::function<bool()>& stop, const Predictor& model,
                                           const Dataset& dataset, LoaderOptions options,
                                           const std::function<void(std::int64_t, std::int64_t)>& progress,
                                           const ViewOptions& views) {
    const NoGrad no_grad;
    const ModelSpec& spec = model.spec();
    const bool whole = views == ViewOptions{};
    if (!whole) options.transform.image_size = transform_of(spec, views).image_size;
    Predictions all;
    RunningMean loss;
    Loader loader(dataset, options);
    std::vector<NoAnswer> none;  // their NaN says it
    for (Batch batch; loader.next(batch);) {
        if (stop()) return std::nullopt;
        const Tensor images = view_of_images(batch);
        const Tensor logits = whole ? model.logits(images, none) : Tensor();
        if (whole) loss.add(reported_loss(spec, logits, batch), static_cast<double>(batch.n));
        const Tensor scores = whole ? probabilities(spec, logits) : predict_views(model, images, views, none);
        all.probabilities.insert(all.probabilities.end(), scores.values<float>().begin(), scores.values<float>().end());
        all.targets.insert(all.targets.end(), batch.targets.begin(), batch.targets.end());
        all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
        all.names.insert(all.names.end(), batch.names.begin(), batch.names.end());
        all.indices.insert(all.indices.end(), batch.indices.begin(), batch.indices.end());
        if (progress) progress(all.samples(), dataset.size(options.split));
    }
    describe_samples(all, dataset, options.split);
    all.loss = whole ? loss.mean() : loss_of_probabilities(spec, all);
    return all;
}

namespace {

void require_channels(const ModelSpec& spec, const Dataset& dataset, const std::string& checkpoint) {
    if (!channels_convert(dataset.channels(), static_cast<int>(spec.options.channels)))
        throw InputError(fmt::format("[eval] {} takes images of {} channels, the data's have {}", checkpoint,
                                     spec.options.channels, dataset.channels()));
}

}  // namespace

CommonLabels labels_in_common(const ModelSpec& spec, std::unique_ptr<Dataset> dataset, const std::string& checkpoint) {
    if (spec.multi_label && dataset->task() == Task::labels) {
        require_channels(spec, *dataset, checkpoint);
        return with_labels(std::move(dataset), spec.label_names, checkpoint);
    }
    require_same_labels(spec, *dataset, checkpoint);
    return {std::move(dataset)};
}

void require_same_labels(const ModelSpec& spec, const Dataset& dataset, const std::string& checkpoint) {
    if (spec.multi_label != (dataset.task() == Task::labels))
        throw InputError(fmt::format("[eval] {} was trained for {}, the data has {}", checkpoint,
                                     spec.multi_label ? "several labels an image" : "one class an image",
                                     spec.multi_label ? "one class an image" : "several labels an image"));
    require_channels(spec, dataset, checkpoint);
    if (spec.label_names != dataset.label_names())
        throw InputError(fmt::format("[eval] {} knows the labels {}, the data has {}", checkpoint,
                                     fmt::join(spec.label_names, ", "), fmt::join(dataset.label_names(), ", ")));
}

}  // namespace keel
