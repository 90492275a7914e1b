#include "kernels/loss/loss.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace keel {

Tensor cross_entropy(const Tensor& any_logits, const Tensor& labels, double smoothing) {
    ops::require_rank("cross_entropy", "logits", any_logits, 2);
    const kernels::LossGeometry g{any_logits.dim(0), any_logits.dim(1)};
    ops::require_dims("cross_entropy", "labels", labels, {g.n});
    if (!(smoothing >= 0 && smoothing < 1))
        throw UsageError("[cross_entropy] wanted label smoothing in [0, 1), got " + std::to_string(smoothing));
    for (const std::int32_t label : labels.values<std::int32_t>())
        if (label < 0 || label >= g.classes)
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
