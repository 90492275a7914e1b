#include "cli/evaluate.h"

#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops.h"

namespace keel::cli {
namespace {

std::string cell(const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : "undefined"; }

Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

Tensor loss_of(const ModelSpec& spec, const Tensor& logits, const Batch& batch, double label_smoothing,
               const Tensor& positive_weights) {
    if (!spec.multi_label)
        return cross_entropy(logits, Tensor::from(std::span<const std::int32_t>(batch.labels), {batch.n}), label_smoothing);
    return bce_with_logits(logits, Tensor::from(std::span<const float>(batch.targets), logits.dims()), positive_weights);
}

Predictions evaluate(const Predictor& model, const Dataset& dataset, const LoaderOptions& options,
                     const std::function<void(std::int64_t, std::int64_t)>& progress) {
    return *evaluate_unless([] { return false; }, model, dataset, options, progress);
}

std::optional<Predictions> evaluate_unless(const std::function<bool()>& stop, const Predictor& model, const Dataset& dataset,
                                           const LoaderOptions& options,
                                           const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const NoGrad no_grad;
    const ModelSpec& spec = model.spec();
    Predictions all;
    RunningMean loss;
    Loader loader(dataset, options);
    for (Batch batch; loader.next(batch);) {
        if (stop()) return std::nullopt;
        const Tensor logits = model.logits(images_of(batch));
        loss.add(loss_of(spec, logits, batch).item(), static_cast<double>(batch.n));
        const Tensor scores = probabilities(spec, logits);
        all.probabilities.insert(all.probabilities.end(), scores.values<float>().begin(), scores.values<float>().end());
        all.targets.insert(all.targets.end(), batch.targets.begin(), batch.targets.end());
        all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
        all.names.insert(all.names.end(), batch.names.begin(), batch.names.end());
        if (progress) progress(all.samples(), dataset.size(options.split));
    }
    all.loss = loss.mean();
    return all;
}

Scores score(const ModelSpec& spec, const Predictions& p) {
    Scores scores;
    if (spec.multi_label) {
        scores.auroc = label_auroc(p.probabilities, p.targets, spec.options.classes);
    } else {
        scores.accuracy = accuracy(p.probabilities, p.labels, spec.options.classes);
        scores.auc = class_auc(p.probabilities, p.labels, spec.options.classes);
    }
    return scores;
}

double selection_metric(const ModelSpec& spec, const Predictions& predictions, const Scores& scores) {
    return (spec.multi_label ? scores.auroc.mean : scores.auc).value_or(-predictions.loss);
}

Json to_json(const ModelSpec& spec, const Predictions& predictions, const Scores& scores) {
    Json json{{"samples", predictions.samples()}};
    if (spec.multi_label) {
        for (std::size_t i = 0; i < spec.label_names.size(); ++i)
            json["auroc"][spec.label_names[i]] = number(scores.auroc.per_label[i]);
        json["auroc"]["mean"] = number(scores.auroc.mean);
    } else {
        json["accuracy"] = scores.accuracy;
        json["auc"] = number(scores.auc);
    }
    json["loss"] = predictions.loss;
    return json;
}

std::string to_text(const ModelSpec& spec, const Predictions& predictions, const Scores& scores) {
    std::vector<std::vector<std::string>> rows;
    if (spec.multi_label) {
        rows.push_back({"label", "AUROC"});
        for (std::size_t i = 0; i < spec.label_names.size(); ++i)
            rows.push_back({spec.label_names[i], cell(scores.auroc.per_label[i])});
        rows.push_back({"mean", cell(scores.auroc.mean)});
    } else {
        rows = {{"score", "value"}, {"accuracy", cell(scores.accuracy)}, {"AUC", cell(scores.auc)}};
    }
    rows.push_back({"loss", cell(predictions.loss)});
    rows.push_back({"samples", std::to_string(predictions.samples())});
    return format_table(rows);
}

void require_same_labels(const ModelSpec& spec, const Dataset& dataset, const std::string& checkpoint) {
    if (spec.multi_label != (dataset.task() == Task::labels))
        throw InputError(fmt::format("[eval] {} was trained for {}, the data has {}", checkpoint,
                                     spec.multi_label ? "several labels an image" : "one class an image",
                                     spec.multi_label ? "one class an image" : "several labels an image"));
    if (spec.label_names != dataset.label_names())
        throw InputError(fmt::format("[eval] {} knows the labels {}, the data has {}", checkpoint,
                                     fmt::join(spec.label_names, ", "), fmt::join(dataset.label_names(), ", ")));
}

}  // namespace keel::cli
