#include "train/loss.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "data/inspect/info.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "train/auc_margin_loss.h"
#include "train/focused_loss.h"
#include "train/loss_weights.h"

namespace keel {
namespace {

Tensor tensor_of(const Tensor& logits, const std::vector<float>& targets) {
    return Tensor::from(std::span<const float>(targets), logits.dims());
}

class ClassLoss final : public Loss {
public:
    explicit ClassLoss(double label_smoothing) : label_smoothing_(label_smoothing) {}
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        if (!batch.soft_targets.empty())
            return soft_cross_entropy(logits, tensor_of(logits, batch.soft_targets), label_smoothing_);
        return cross_entropy(logits, Tensor::from(std::span<const std::int32_t>(batch.labels), {batch.n}),
                             label_smoothing_);
    }

private:
    double label_smoothing_;
};

class LabelLoss final : public Loss {
public:
    explicit LabelLoss(Tensor positive_weights) : positive_weights_(std::move(positive_weights)) {}
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        const std::vector<float>& targets = batch.soft_targets.empty() ? batch.targets : batch.soft_targets;
        return bce_with_logits(logits, tensor_of(logits, targets), positive_weights_);
    }

private:
    Tensor positive_weights_;
};

std::shared_ptr<const Loss> make_cross_entropy(const TrainConfig& config, const Dataset& dataset) {
    std::vector<float> weights = training_weights(config, dataset);
    if (weights.empty()) return class_loss(config.label_smoothing);
    return focused_loss({.negative_weight = 0, .positive_weights = std::move(weights)}, true, config.label_smoothing);
}

std::shared_ptr<const Loss> make_binary_cross_entropy(const TrainConfig& config, const Dataset& dataset) {
    const std::vector<float> weights = training_weights(config, dataset);
    return label_loss(weights.empty() ? Tensor{}
                                      : Tensor::from(std::span<const float>(weights), {std::ssize(weights)}));
}

constexpr NamedLoss kLosses[] = {
    {"ce", Task::classes, make_cross_entropy},           {"bce", Task::labels, make_binary_cross_entropy},
    {"focal", Task::classes, make_focal_loss},           {"focal", Task::labels, make_focal_loss},
    {"asymmetric", Task::classes, make_asymmetric_loss}, {"asymmetric", Task::labels, make_asymmetric_loss},
    {"auc-margin", Task::classes, make_auc_margin_loss}, {"auc-margin", Task::labels, make_auc_margin_loss},
};

/// The first names of two losses, which programs may know them by.
std::string_view current_name(std::string_view name) {
    return name == "cross_entropy" ? "ce" : name == "binary_cross_entropy" ? "bce" : name;
}

}  // namespace

std::span<const NamedLoss> losses() { return kLosses; }

std::shared_ptr<const Loss> make_loss(const TrainConfig& config, const Dataset& dataset, std::string_view name) {
    if (name.empty() && config.loss != "auto") name = config.loss;
    std::vector<std::string_view> fitting;
    for (const NamedLoss& loss : losses()) {
        if (loss.task != dataset.task()) continue;
        if (name.empty() || loss.name == current_name(name)) return loss.make(config, dataset);
        fitting.push_back(loss.name);
    }
    throw UsageError(fmt::format("[train] wanted a loss of {}, one of {}; got '{}'",
                                 dataset.task() == Task::labels ? "labels" : "classes", fmt::join(fitting, ", "),
                                 name));
}

std::shared_ptr<const Loss> class_loss(double label_smoothing) { return std::make_shared<ClassLoss>(label_smoothing); }

std::shared_ptr<const Loss> label_loss(Tensor positive_weights) {
    return std::make_shared<LabelLoss>(std::move(positive_weights));
}

Tensor balancing_weights(const Dataset& dataset) {
    const SplitCounts counts = count_labels(dataset)[static_cast<std::size_t>(Split::train)];
    Tensor weights = Tensor::full({std::ssize(counts.per_label)}, 1);
    for (std::size_t i = 0; i < counts.per_label.size(); ++i) {
        const std::int64_t positives = counts.per_label[i], negatives = counts.samples - counts.unknown[i] - positives;
        if (positives > 0)
            weights.data<float>()[i] =
                static_cast<float>(static_cast<double>(negatives) / static_cast<double>(positives));
    }
    return weights;
}

}  // namespace keel
