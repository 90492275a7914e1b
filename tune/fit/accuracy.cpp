#include "tune/fit/accuracy.h"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::fit {
namespace {

/// The mean over the labels for which it is defined; NaN where it is for none.
double mean_auroc(const std::vector<RankedSamples>& labels, const std::vector<std::uint32_t>& weights) {
    double sum = 0;
    int defined = 0;
    for (const RankedSamples& label : labels) {
        const double auroc = measure_ranked(label, weights)[0];
        if (std::isnan(auroc)) continue;
        sum += auroc;
        ++defined;
    }
    return sum / defined;
}

}  // namespace

Yardstick::Yardstick(const ModelSpec& spec, const Predictions& predictions, const Options& options)
    : options_(options),
      multi_label_(spec.multi_label),
      labels_(spec.label_names.size()),
      names_(predictions.names),
      patients_(number_patients(predictions.patients, predictions.names.size())) {
    const std::size_t first = !multi_label_ && labels_ == 2 ? 1 : 0;
    for (std::size_t k = first; k < labels_; ++k) columns_.push_back(k);
    own_ = measure(predictions);
    if (std::isnan(own_.metric))
        throw InputError(
            fmt::format("[fit] wanted positives and negatives of a label at least to compare models by, "
                        "none of the {} labels has both among {} samples",
                        labels_, names_.size()));
}

Yardstick::Measurement Yardstick::measure(const Predictions& predictions) const {
    std::vector<std::size_t> all(names_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    std::vector<RankedSamples> ranked;
    for (const std::size_t k : columns_)
        ranked.push_back(rank_samples(label_column(multi_label_, predictions, labels_, k), all, patients_));
    Measurement result{mean_auroc(ranked, std::vector<std::uint32_t>(patients_.count, 1)), {}};
    result.replicates.resize(static_cast<std::size_t>(options_.replicates));
    parallel_for(options_.replicates, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            result.replicates[static_cast<std::size_t>(r)] =
                mean_auroc(ranked, draw_patients(patients_.count, options_.seed, static_cast<std::uint64_t>(r)));
    });
    return result;
}

Accuracy Yardstick::compare(const Predictions& predictions) const {
    if (predictions.names != names_)
        throw InputError(fmt::format("[fit] wanted predictions of the same {} samples, got others: {}", names_.size(),
                                     predictions.names.size()));
    Measurement other = measure(predictions);
    std::vector<double> differences;
    for (std::size_t r = 0; r < other.replicates.size(); ++r)
        differences.push_back(own_.replicates[r] - other.replicates[r]);
    return {other.metric, interval_of(std::move(other.replicates)), own_.metric - other.metric,
            interval_of(std::move(differences))};
}

std::string metric_name(const ModelSpec& spec) { return spec.multi_label ? "mean AUROC" : "AUC"; }

}  // namespace keel::fit
