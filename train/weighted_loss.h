// Samples that count more or less than others in a loss: Sample::weight.
#pragma once

#include <memory>
#include <vector>

#include "train/loss.h"

namespace keel {

/// Returns the sum of scalars {1} of one type times constants, one each.
Tensor weighted_sum(const std::vector<Tensor>& terms, const std::vector<double>& weights);

/// Returns `loss` with each sample's part of it times Batch::weights, where the batch has them: the sum over what is
/// known of the batch of weight times loss, divided by the number of what is known. For losses that are a mean over
/// samples and labels.
std::shared_ptr<const Loss> weighted_loss(std::shared_ptr<const Loss> loss);

}  // namespace keel
