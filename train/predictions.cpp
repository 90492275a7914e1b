#include "train/predictions.h"

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

}  // namespace keel
