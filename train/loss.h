// What training minimizes.
#pragma once

#include <memory>

#include "data/pipeline/loader.h"
#include "engine/tensor.h"

namespace keel {

class Loss {
public:
    virtual ~Loss() = default;

    /// Returns a scalar: the mean over the batch, of what is known, that gradients flow from. `logits` {batch.n,
    /// labels}.
    virtual Tensor operator()(const Tensor& logits, const Batch& batch) const = 0;
};

/// Returns softmax cross-entropy over classes; `label_smoothing` is the weight of the uniform distribution in the
/// targets.
std::shared_ptr<const Loss> class_loss(double label_smoothing = 0);

/// Returns sigmoid cross-entropy of each label, the mean over those that are known. `positive_weights` {labels} weigh
/// the samples that show a label; empty: 1.
std::shared_ptr<const Loss> label_loss(Tensor positive_weights = {});

/// Returns negatives per positive of each label over the training split, unknown ones left out: the weights that
/// balance them, {labels}; a label without positives gets 1.
Tensor balancing_weights(const Dataset& dataset);

}  // namespace keel
