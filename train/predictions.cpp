#include "train/predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/error.h"

namespace keel {

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

std::string selection_metric_name(const ModelSpec& spec, const Scores& scores) {
    if (!(spec.multi_label ? scores.auroc.mean : scores.auc)) return "minus the loss";
    return spec.multi_label ? "mean AUROC" : "AUC";
}

LabelColumn label_column(bool multi_label, const Predictions& p, std::size_t labels, std::size_t label) {
    LabelColumn column;
    for (std::size_t i = 0; i < p.names.size(); ++i) {
        column.scores.push_back(double{p.probabilities[i * labels + label]});
        const bool is_class = !multi_label && p.labels[i] == static_cast<std::int32_t>(label);
        column.targets.push_back(multi_label ? p.targets[i * labels + label] : is_class ? 1.0F : 0.0F);
    }
    return column;
}

void describe_samples(Predictions& predictions, const Dataset& dataset, Split split) {
    predictions.attribute_names = dataset.attribute_names();
    predictions.patients.clear();
    predictions.attributes.clear();
    for (const std::int64_t index : predictions.indices) {
        const Sample& sample = dataset.samples(split)[static_cast<std::size_t>(index)];
        predictions.patients.push_back(sample.patient);
        predictions.attributes.insert(predictions.attributes.end(), sample.attributes.begin(), sample.attributes.end());
    }
}

double loss_of_probabilities(const ModelSpec& spec, const Predictions& p) {
    const auto log_of = [](double value) {
        return std::log(std::max(value, double{std::numeric_limits<float>::min()}));
    };
    RunningMean loss;
    const std::size_t labels = spec.label_names.size();
    for (std::size_t i = 0; i < p.probabilities.size(); ++i) {
        const double probability = p.probabilities[i];
        if (!spec.multi_label) {
            if (static_cast<std::int32_t>(i % labels) == p.labels[i / labels]) loss.add(-log_of(probability));
        } else if (p.targets[i] >= 0) {
            loss.add(-(p.targets[i] * log_of(probability) + (1 - p.targets[i]) * log_of(1 - probability)));
        }
    }
    return loss.mean();
}

Predictions mean_of_predictions(const ModelSpec& spec, const std::vector<Predictions>& all) {
    Predictions mean = all.front();
    for (const Predictions& other : all)
        if (other.names != mean.names || other.probabilities.size() != mean.probabilities.size())
            throw InputError("[eval] the models of an ensemble were given " + std::to_string(mean.samples()) + " and " +
                             std::to_string(other.samples()) +
                             " samples that are not the same: images were left out of one");
    if (all.size() == 1) return mean;
    for (std::size_t i = 0; i < mean.probabilities.size(); ++i) {
        double sum = 0;
        for (const Predictions& one : all) sum += double{one.probabilities[i]};
        mean.probabilities[i] = static_cast<float>(sum / static_cast<double>(all.size()));
    }
    mean.loss = loss_of_probabilities(spec, mean);
    return mean;
}

void calibrate(const ModelSpec& spec, Predictions& predictions) {
    if (!spec.operating || !spec.operating->calibration)
        throw UsageError("[calibrate] the checkpoint has no calibration; keel threshold --calibrate makes one");
    calibrate(*spec.operating->calibration, spec.multi_label, predictions.probabilities);
    predictions.loss = loss_of_probabilities(spec, predictions);
}

}  // namespace keel
