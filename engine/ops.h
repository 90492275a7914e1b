// Differentiable operators; each family has its file under ops/, where forward and backward stand side by side.
// Activations are NHWC, {n, h, w, c} with any pixel distance; results are dense. f32 runs on the kernels of the active ISA, f64 on
// their plain references. All throw UsageError for dims or types that do not fit, naming the operator.
#pragma once

#include <memory>

#include "engine/autograd.h"

namespace keel {

/// max(src, 0)
Tensor relu(const Tensor& src);
/// a + b, of equal dims.
Tensor add(const Tensor& a, const Tensor& b);
/// relu(a + b) in one pass: the join of a residual block.
Tensor add_relu(const Tensor& a, const Tensor& b);

struct Conv2dOptions {
    int stride = 1, pad = 0, dilation = 1, groups = 1;
};
/// Cross-correlation of src {n, h, w, ic} with weights {oc, ic / groups, kh, kw}; bias {oc} may be undefined.
Tensor conv2d(const Tensor& src, const Tensor& weights, const Tensor& bias, const Conv2dOptions& options = {});
/// The geometry of that convolution of a src of these dims.
kernels::Conv2dGeometry conv2d_geometry(const Dims& src, const Tensor& weights, const Conv2dOptions& options);

/// src {n, in} times weights {out, in} transposed, plus bias {out} (may be undefined).
Tensor linear(const Tensor& src, const Tensor& weights, const Tensor& bias);

struct BatchNormOptions {
    bool training = true;   ///< normalise with the batch's statistics and update the running ones
    double momentum = 0.1;  ///< of the running statistics: running = (1 - momentum) * running + momentum * batch
    double eps = 1e-5;
    bool relu = false;  ///< max(0, .) of the result in the same pass
};
/// Batch normalisation over all but the last dim. The running variance is updated with the unbiased batch variance (over rows - 1;
/// a batch of one row counts as variance 0). Everything but src is {c}.
Tensor batch_norm(const Tensor& src, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormOptions& options);

struct PoolOptions {
    int kernel = 2, stride = 2, pad = 0;
};
/// Maximum over kernel x kernel windows; the border is minus infinity.
Tensor max_pool(const Tensor& src, const PoolOptions& options);
/// Mean over kernel x kernel windows, borders counted as zeros.
Tensor avg_pool(const Tensor& src, const PoolOptions& options);
/// Mean over an oh x ow grid of areas (PyTorch's AdaptiveAvgPool2d).
Tensor adaptive_avg_pool(const Tensor& src, std::int64_t oh, std::int64_t ow);
/// {n, h, w, c} -> {n, c}: the mean of each channel's map.
Tensor global_avg_pool(const Tensor& src);

/// {n, h, w, c} -> {n, c * h * w} in PyTorch's order (channel, row, column), so that its linear weights fit.
Tensor flatten(const Tensor& src);

/// Concatenation along the channels into a buffer that has room for them: `head` keeps its memory, `tail` is copied behind it.
/// `head` must be the front of a wider buffer: its pixel distance at least head.channels() + tail.channels(), the room unused so
/// far
/// (`wide_buffer` makes one). The gradient of `head` is a view of the result's gradient, so it is accumulated in place as well.
Tensor append_channels(const Tensor& head, const Tensor& tail);
/// The first src.channels() channels of a new buffer with `capacity` channels a pixel, holding a copy of src.
Tensor wide_buffer(const Tensor& src, std::int64_t capacity);

/// The channels of a dense block so far: the front of a wide buffer, and what all layers share: their statistics, and in the
/// backward pass the gradients that wait for a batch-norm backward.
struct DenseFeatures {
    struct Shared;
    Tensor maps;
    std::shared_ptr<Shared> shared;
};
/// A block's input src {n, h, w, c} in a buffer with `capacity` channels a pixel. `eps` is that of all norms that read it.
DenseFeatures dense_features(const Tensor& src, std::int64_t capacity, double eps = 1e-5);

/// What a layer of the block holds, in the order of its work; vectors of norm1 {channels so far}, of norm2 {bottleneck}, weights1
/// {bottleneck, channels, 1, 1}, weights2 {growth, bottleneck, 3, 3}.
struct DenseLayerWeights {
    Tensor gamma1, beta1, running_mean1, running_variance1, weights1;
    Tensor gamma2, beta2, running_mean2, running_variance2, weights2;
    DenseLayerWeights detached() const;
};
/// With `growth` more channels: conv3x3(relu(norm2(conv1x1(relu(norm1(channels so far)))))), in training: both norms use the
/// batch's statistics and update the running ones. Equal to the chain of batch_norm, conv2d and append_channels. No other operator
/// may change the maps; the next layer reads them, and after the last one anything.
DenseFeatures dense_layer(const DenseFeatures& features, const DenseLayerWeights& weights, double momentum = 0.1);

/// Zeroes each element with probability p and scales the rest by 1 / (1 - p). Element j of sample i depends on the current
/// DrawScope's seed, epoch and name of sample i, and on how many dropouts ran in the scope before. See draws.h.
Tensor dropout(const Tensor& src, double p);

/// Mean softmax cross-entropy of logits {n, classes} against labels {n} (s32), with label smoothing in [0, 1). A scalar {1}.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
/// Mean sigmoid binary cross-entropy of logits {n, labels} against targets {n, labels} (f32 in [0, 1]; below 0: label missing, not
/// counted). positive_weights {labels} (f32) may be undefined. A scalar {1}.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const Tensor& positive_weights = {});

}  // namespace keel
