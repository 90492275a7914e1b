#include "train/loss.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "data/inspect/info.h"
#include "engine/ops.h"
#include "kernels/error.h"

namespace keel {
namespace {

Tensor targets_of(const Tensor& logits, const std::vector<float>& targets) {
    return Tensor::from(std::span<const float>(targets), logits.dims());
}

class ClassLoss final : public Loss {
public:
    explicit ClassLoss(double label_smoothing) : label_smoothing_(label_smoothing) {}
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        if (!batch.soft_targets.empty())
            return soft_cross_entropy(logits, targets_of(logits, batch.soft_targets), label_smoothing_);
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
        return bce_with_logits(logits, targets_of(logits, targets), positive_weights_);
    }

private:
    Tensor positive_weights_;
};

std::shared_ptr<const Loss> make_class_loss(const TrainConfig& config, const Dataset&) {
    if (config.positive_weights == "balanced")
        throw UsageError("[train] positive_weights balances labels, this data has classes");
    return class_loss(config.label_smoothing);
}

std::shared_ptr<const Loss> make_label_loss(const TrainConfig& config, const Dataset& dataset) {
    return label_loss(config.positive_weights == "balanced" ? balancing_weights(dataset) : Tensor{});
}

constexpr NamedLoss kLosses[] = {
    {"cross_entropy", Task::classes, make_class_loss},
    {"binary_cross_entropy", Task::labels, make_label_loss},
};

}  // namespace

std::span<const NamedLoss> losses() { return kLosses; }

std::shared_ptr<const Loss> make_loss(const TrainConfig& config, const Dataset& dataset, std::string_view name) {
    std::vector<std::string_view> fitting;
    for (const NamedLoss& loss : losses()) {
        if (loss.task != dataset.task()) continue;
        if (name.empty() || loss.name == name) return loss.make(config, dataset);
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
