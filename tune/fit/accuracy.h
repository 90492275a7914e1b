// How accurate a model is beside another one, on the same samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/model_spec.h"
#include "runs/bootstrap.h"
#include "train/predictions.h"

namespace keel::fit {

struct Accuracy {
    double metric = 0;                        ///< mean AUROC of the labels, of classes AUC
    std::optional<Interval> interval{};       ///< 95 %
    double drop = 0;                          ///< the first model's metric less this one's
    std::optional<Interval> drop_interval{};  ///< of the difference where both see the same patients drawn
};

/// The model that others are compared with. The metric is selection_metric()'s: AUROC, or AUC of classes one against
/// the rest, as the mean over the labels for which it is defined.
class Yardstick {
public:
    struct Options {
        std::int64_t replicates = 1000;  ///< of the bootstrap over patients
        std::uint64_t seed = 0;
    };

    /// Throws InputError where no label has both positives and negatives, so that the metric is undefined.
    Yardstick(const ModelSpec& spec, const Predictions& predictions, const Options& options);

    /// Returns what another model's predictions of the same samples come to. The result depends on them and the options
    /// alone, not on the number of threads. Throws InputError where the samples are others.
    Accuracy compare(const Predictions& predictions) const;

private:
    struct Measurement {
        double metric = 0;
        std::vector<double> replicates{};
    };
    Measurement measure(const Predictions& predictions) const;

    Options options_;
    bool multi_label_;
    std::vector<std::size_t> columns_{};  // labels; of two classes the second alone
    std::size_t labels_ = 0;
    std::vector<std::string> names_{};
    Patients patients_;
    Measurement own_;
};

/// "mean AUROC" or "AUC": what Accuracy::metric is called.
std::string metric_name(const ModelSpec& spec);

}  // namespace keel::fit
