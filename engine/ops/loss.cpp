#include "kernels/loss/loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace keel {

namespace {

void check_smoothing(const char* op, double smoothing) {
    if (!(smoothing >= 0 && smoothing < 1))
        throw UsageError("[" + std::string(op) + "] wanted label smoothing in [0, 1), got " +
                         std::to_string(smoothing));
}

/// Throws UsageError unless each row is a distribution, or all below 0.
void check_distributions(const kernels::LossGeometry& g, std::span<const float> targets) {
    constexpr double kSlack = 1e-3;  // what a sum of targets that come from 16 bits may be off by
    for (std::int64_t row = 0; row < g.n; ++row) {
        const auto t = targets.subspan(static_cast<std::size_t>(row * g.classes), static_cast<std::size_t>(g.classes));
        if (std::ranges::all_of(t, [](float q) { return q < 0; })) continue;
        const double sum = std::accumulate(t.begin(), t.end(), 0.0);
        if (!(std::abs(sum - 1) <= kSlack) || std::ranges::any_of(t, [](float q) { return q < 0; }))
            throw UsageError(
                "[soft_cross_entropy] wanted targets of at least 0 that sum to 1, or below 0 in all of a "
                "row that is not known; row " +
                std::to_string(row) + " sums to " + std::to_string(sum));
    }
}

}  // namespace

Tensor cross_entropy(const Tensor& any_logits, const Tensor& labels, double smoothing) {
    ops::require_rank("cross_entropy", "logits", any_logits, 2);
    const kernels::LossGeometry g{any_logits.dim(0), any_logits.dim(1)};
    ops::require_dims("cross_entropy", "labels", labels, {g.n});
    check_smoothing("cross_entropy", smoothing);
    for (const std::int32_t label : labels.values<std::int32_t>())
        if (label < -1 || label >= g.classes)
            throw UsageError("[cross_entropy] label " + std::to_string(label) + " is not one of " +
                             std::to_string(g.classes) + " classes");
    const Tensor logits = any_logits.contiguous();
    const Tensor probabilities = logits.empty_like();
    Tensor loss = Tensor::empty({1}, logits.dtype());
    dispatch_float("cross_entropy", logits.dtype(), [&]<class T>(T) {
        loss.data<T>()[0] = static_cast<T>(kernels::softmax_cross_entropy_forward(
            g, logits.data<T>(), labels.data<std::int32_t>(), smoothing, probabilities.data<T>()));
    });
    return record(loss, {any_logits}, [g, probabilities, labels, smoothing](const Tensor& diff_loss) {
        Tensor diff_logits = probabilities.empty_like();
        dispatch_float("cross_entropy", probabilities.dtype(), [&]<class T>(T) {
            kernels::softmax_cross_entropy_backward(g, probabilities.data<T>(), labels.data<std::int32_t>(), smoothing,
                                                    diff_loss.item(), diff_logits.data<T>());
        });
        return Gradients{diff_logits};
    });
}

Tensor soft_cross_entropy(const Tensor& any_logits, const Tensor& any_targets, double smoothing) {
    ops::require_rank("soft_cross_entropy", "logits", any_logits, 2);
    const kernels::LossGeometry g{any_logits.dim(0), any_logits.dim(1)};
    ops::require_dims("soft_cross_entropy", "targets", any_targets, any_logits.dims());
    check_smoothing("soft_cross_entropy", smoothing);
    const Tensor logits = any_logits.contiguous(), targets = any_targets.detach().contiguous();
    check_distributions(g, targets.values<float>());
    const Tensor probabilities = logits.empty_like();
    Tensor loss = Tensor::empty({1}, logits.dtype());
    dispatch_float("soft_cross_entropy", logits.dtype(), [&]<class T>(T) {
        loss.data<T>()[0] = static_cast<T>(kernels::soft_cross_entropy_forward(
            g, logits.data<T>(), targets.data<float>(), smoothing, probabilities.data<T>()));
    });
    return record(loss, {any_logits}, [g, probabilities, targets, smoothing](const Tensor& diff_loss) {
        Tensor diff_logits = probabilities.empty_like();
        dispatch_float("soft_cross_entropy", probabilities.dtype(), [&]<class T>(T) {
            kernels::soft_cross_entropy_backward(g, probabilities.data<T>(), targets.data<float>(), smoothing,
                                                 diff_loss.item(), diff_logits.data<T>());
        });
        return Gradients{diff_logits};
    });
}

Tensor bce_with_logits(const Tensor& any_logits, const Tensor& targets, const Tensor& positive_weights) {
    ops::require_rank("bce_with_logits", "logits", any_logits, 2);
    const kernels::LossGeometry g{any_logits.dim(0), any_logits.dim(1)};
    ops::require_dims("bce_with_logits", "targets", targets, any_logits.dims());
    if (positive_weights) ops::require_dims("bce_with_logits", "positive_weights", positive_weights, {g.classes});
    for (const float target : targets.values<float>())
        if (!(target <= 1))
            throw UsageError("[bce_with_logits] target " + std::to_string(target) + " is above 1 or no number");
    const Tensor logits = any_logits.contiguous();
    const float* weights = positive_weights ? positive_weights.data<float>() : nullptr;
    Tensor loss = Tensor::empty({1}, logits.dtype());
    dispatch_float("bce_with_logits", logits.dtype(), [&]<class T>(T) {
        loss.data<T>()[0] =
            static_cast<T>(kernels::sigmoid_bce_forward(g, logits.data<T>(), targets.data<float>(), weights));
    });
    return record(loss, {any_logits}, [g, logits, targets, positive_weights](const Tensor& diff_loss) {
        Tensor diff_logits = logits.empty_like();
        dispatch_float("bce_with_logits", logits.dtype(), [&]<class T>(T) {
            kernels::sigmoid_bce_backward(g, logits.data<T>(), targets.data<float>(),
                                          positive_weights ? positive_weights.data<float>() : nullptr, diff_loss.item(),
                                          diff_logits.data<T>());
        });
        return Gradients{diff_logits};
    });
}

}  // namespace keel
