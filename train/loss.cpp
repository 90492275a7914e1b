#include "train/loss.h"

#include <utility>

#include "data/inspect/info.h"
#include "engine/ops.h"

namespace keel {
namespace {

class ClassLoss final : public Loss {
public:
    explicit ClassLoss(double label_smoothing) : label_smoothing_(label_smoothing) {}
    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
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
        return bce_with_logits(logits, Tensor::from(std::span<const float>(batch.targets), logits.dims()),
                               positive_weights_);
    }

private:
    Tensor positive_weights_;
};

}  // namespace

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
