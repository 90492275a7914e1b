// A loss whose minimum is a maximum of the area under the ROC curve.
#pragma once

#include <memory>
#include <vector>

#include "train/loss.h"

namespace keel {

/// What the loss is a function of: logits {n, labels}, the variables {labels} each.
struct AucMarginInputs {
    Tensor logits, a, b, alpha;
};

/// What an AUC margin loss minimizes over the model's weights, a and b, and maximizes over alpha >= 0, of each label
/// with its probability h and target t:
///   (1 - s) t (h - a)^2 + s (1 - t) (h - b)^2 - s (1 - s) alpha^2
///     + 2 alpha (s (1 - s) margin + s (1 - t) h - (1 - s) t h),
/// s the label's share of positives. The mean over the targets that are known, or, of classes, over the rows that are:
/// each column of the softmax is a label. a and b are where the means of positives and negatives are, and alpha presses
/// the two apart until they are `margin` from each other.
///
/// Source: Yuan, Yan, Sonka and Yang, "Large-scale robust deep AUC maximization: a new surrogate loss and empirical
/// studies on medical image classification", ICCV 2021 (AUCM).
Tensor auc_margin(const AucMarginInputs& inputs, const Tensor& targets, const std::vector<float>& shares, bool classes,
                  double margin);

/// a, b and alpha have a solution of a closed form for all samples at once, and for a batch too, but a batch of 16 has
/// no positive of a rare label most of the time, and one is no mean. So they are variables of the loss, which move on a
/// little with every batch (step()) by descent and ascent of their own rate, as in the paper's PESG, whatever the
/// optimizer of the weights is. They begin where they are solved for a model that answers 1/2 to everything.
class AucMarginLoss final : public Loss {
public:
    /// `shares` of positives, one a label; a label whose share is 0 or 1 has no such area, and no loss.
    AucMarginLoss(std::vector<float> shares, bool classes, double margin, double rate);

    Tensor operator()(const Tensor& logits, const Batch& batch) const override;
    std::vector<NamedTensor> variables() const override;
    void step() const override;

private:
    std::vector<float> shares_;
    bool classes_;
    double margin_, rate_;
    Tensor a_, b_, alpha_;
};

std::shared_ptr<const Loss> make_auc_margin_loss(const TrainConfig& config, const Dataset& dataset);

}  // namespace keel
