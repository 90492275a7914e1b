// Cross-entropy whose easy samples weigh less: focal and asymmetric loss, and cross-entropy with weights of classes,
// which is the same with every focus at 0.
#pragma once

#include <memory>
#include <vector>

#include "train/loss.h"

namespace keel {

/// Of each probability p and its target t the loss is
///   - t * positive_weights[label] * (1 - p)^gamma_positive * log p
///   - (1 - t) * negative_weight * q^gamma_negative * log(1 - q),  q = max(p - margin, 0),
/// the mean over the targets that are known, or, of classes, over the rows that are.
struct Focus {
    double gamma_positive = 0, gamma_negative = 0, margin = 0;
    double negative_weight = 1;
    std::vector<float> positive_weights{};  ///< empty: 1 each
};

/// Returns that loss: of the sigmoid of each logit, or with `classes` of the softmax of each row, whose targets are
/// smoothed by `label_smoothing`.
std::shared_ptr<const Loss> focused_loss(const Focus& focus, bool classes, double label_smoothing = 0);

/// Makes focal loss (Lin et al., "Focal loss for dense object detection", ICCV 2017, equation 5). Of labels it has a
/// sigmoid each, (1 - p_t)^gamma of either side, and alpha weighs the positives, 1 - alpha the negatives; of classes
/// it is -(1 - p)^gamma log p of the class that is true. The mean is over all labels, not over the positives alone.
std::shared_ptr<const Loss> make_focal_loss(const TrainConfig& config, const Dataset& dataset);

/// Makes asymmetric loss (Ridnik et al., "Asymmetric loss for multi-label classification", ICCV 2021, equations 2 to
/// 7): a focus of its own for positives and for negatives, and a margin below which negatives weigh nothing. Of classes
/// each column of the softmax is a label.
std::shared_ptr<const Loss> make_asymmetric_loss(const TrainConfig& config, const Dataset& dataset);

}  // namespace keel
