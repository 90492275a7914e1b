// Differentiable operators; each family has its file under ops/, where forward and backward stand side by side.
// Activations are NHWC, {n, h, w, c} with any pixel distance; results are dense. f32 runs on the kernels of the active
// ISA, f64 on their plain references. Maps may be bf16, results and gradients of maps are bf16 then, each rounded once
// from f32; weights, what belongs to a channel and their gradients are f32. linear and losses take no bf16. All throw
// UsageError for dims or types that do not fit, naming the operator.
#pragma once

#include "engine/autograd.h"

namespace keel {

/// Returns src in another type of maps, and takes its gradient back to src's; src itself where it has the type already.
/// What a convolution took along of its result's channels (Conv2dOptions::statistics) stays with it.
Tensor cast(const Tensor& src, DType type);

/// Returns max(src, 0).
Tensor relu(const Tensor& src);
/// Returns a + b, of equal dims.
Tensor add(const Tensor& a, const Tensor& b);
/// Returns relu(a + b), made in one pass: the join of a residual block.
Tensor add_relu(const Tensor& a, const Tensor& b);

struct Conv2dOptions {
    int stride = 1, pad = 0, dilation = 1, groups = 1;
    bool statistics =
        false;  ///< takes the mean and variance of the result's channels along, for a batch norm that reads it
};
/// Returns the cross-correlation of src {n, h, w, ic} with weights {oc, ic / groups, kh, kw}; bias {oc} may be
/// undefined.
Tensor conv2d(const Tensor& src, const Tensor& weights, const Tensor& bias, const Conv2dOptions& options = {});
/// Returns conv2d(src) of an f32 src, computed in f32 and rounded to bf16: some images at a time, so that there is no
/// such map of f32, nor of its gradient. The options' statistics are not looked at.
Tensor rounded_conv2d(const Tensor& src, const Tensor& weights, const Tensor& bias, const Conv2dOptions& options = {});
/// Returns the geometry of that convolution of a src of these dims.
kernels::Conv2dGeometry conv2d_geometry(const Dims& src, const Tensor& weights, const Conv2dOptions& options);

/// Returns src {n, in} times weights {out, in} transposed, plus bias {out} (may be undefined).
Tensor linear(const Tensor& src, const Tensor& weights, const Tensor& bias);

struct BatchNormOptions {
    bool training = true;   ///< normalize with the batch's statistics and update the running ones
    double momentum = 0.1;  ///< of the running statistics: running = (1 - momentum) * running + momentum * batch
    double eps = 1e-5;
    bool relu = false;  ///< max(0, .) of the result in the same pass
};
/// All {c}.
struct BatchNormParameters {
    Tensor gamma, beta, running_mean, running_variance;
};
/// Normalizes over all but the last dim. The running variance is updated with the unbiased batch variance (over rows -
/// 1; a batch of one row counts as variance 0).
Tensor batch_norm(const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& options);
/// Returns conv2d(batch_norm(src)), without bias. Only src is kept for backward, the normalized map is made again or
/// never leaves the convolution's cache. `dst`, if given, is where the result goes: a map of its dims with any pixel
/// distance, say the room in a wide buffer that append_channels takes next.
Tensor norm_conv2d(const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& norm_options,
                   const Tensor& weights, const Conv2dOptions& options, const Tensor& dst = {});
/// What a residual block adds to its branch: a map as it is, or normalized.
struct Residual {
    Tensor src;
    BatchNormParameters norm{};  ///< undefined tensors: as it is
    BatchNormOptions options{};
};
/// Returns relu(batch_norm(src) + residual), made in one pass: the join of a residual block. The options' relu is not
/// looked at. Of a chain of joins every second result is not kept for backward, and of bf16 four of five: they are
/// made again, in one pass each, from their neighbour's.
Tensor norm_add_relu(const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& options,
                     const Residual& residual);

struct PoolOptions {
    int kernel = 2, stride = 2, pad = 0;
    /// Returns whether a map of h x w holds a window.
    bool fits(std::int64_t h, std::int64_t w) const { return h + 2 * pad >= kernel && w + 2 * pad >= kernel; }
    /// Returns the extent of the pooled map along an axis of `size`.
    std::int64_t extent(std::int64_t size) const { return (size + 2 * pad - kernel) / stride + 1; }
};
/// Returns the maximum over kernel x kernel windows; the border is minus infinity.
Tensor max_pool(const Tensor& src, const PoolOptions& options);
/// Returns the mean over kernel x kernel windows, borders counted as zeros.
Tensor avg_pool(const Tensor& src, const PoolOptions& options);
/// Returns the mean over an oh x ow grid of areas (PyTorch's AdaptiveAvgPool2d).
Tensor adaptive_avg_pool(const Tensor& src, std::int64_t oh, std::int64_t ow);
/// Returns the mean {n, c} of each channel's map; of bf16 in f32.
Tensor global_avg_pool(const Tensor& src);

/// Returns src {n, h, w, c} as {n, c * h * w} in PyTorch's order (channel, row, column), so that its linear weights
/// fit.
Tensor flatten(const Tensor& src);

/// Concatenates along the channels, in a buffer that has room for them: `head` keeps its memory, `tail` is copied
/// behind it unless it lies there already (`room_behind`). `head` must be the front of a wider buffer: its pixel
/// distance at least head.channels() + tail.channels(), the room unused so far (`wide_buffer` makes one). The gradient
/// of `head` is a view of the result's gradient, so it is accumulated in place as well. Batch norms of any front of the
/// buffer share the statistics of its channels.
Tensor append_channels(const Tensor& head, const Tensor& tail);
/// Returns the next `count` channels of the buffer that `head` is the front of, as a view to be written.
Tensor room_behind(const Tensor& head, std::int64_t count);
/// Returns the first src.channels() channels of a new buffer with `capacity` channels a pixel, holding a copy of src.
Tensor wide_buffer(const Tensor& src, std::int64_t capacity);

/// Zeroes each element with probability p and scales the rest by 1 / (1 - p). Element j of sample i depends on the
/// current RngScope's seed, epoch and name of sample i, and on how many dropouts ran in the scope before. See
/// rng_scope.h.
Tensor dropout(const Tensor& src, double p);

/// Returns the mean softmax cross-entropy of logits {n, classes} against labels {n} (s32; -1: not known, not counted),
/// with label smoothing in [0, 1). A scalar {1}, 0 where no label is known.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0);
/// Returns the mean softmax cross-entropy of logits {n, classes} against distributions, targets {n, classes} (f32, rows
/// that sum to 1; all of a row below 0: not known, not counted), with label smoothing in [0, 1). A scalar {1}, 0 where
/// no row is known. Gradients flow to the logits alone.
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& targets, double label_smoothing = 0);
/// Returns the mean sigmoid binary cross-entropy of logits {n, labels} against targets {n, labels} (f32 in [0, 1];
/// below 0: label missing, not counted). positive_weights {labels} (f32) may be undefined. A scalar {1}.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const Tensor& positive_weights = {});

}  // namespace keel
