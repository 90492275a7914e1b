#include "kernels/conv/conv.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace keel {

kernels::Conv2dGeometry conv2d_geometry(const Dims& src, const Tensor& weights, const Conv2dOptions& o) {
    if (src.rank() != 4) throw UsageError("[conv2d] src must have 4 dims, got " + src.text());
    ops::require_rank("conv2d", "weights", weights, 4);
    if (!weights.dense()) throw UsageError("[conv2d] weights must be dense, got a view of dims " + weights.dims().text());
    const std::int64_t wanted = weights.dim(1) * o.groups;
    if (src[3] != wanted)
        throw UsageError("[conv2d] src has " + std::to_string(src[3]) + " channels, weights expect " + std::to_string(wanted));
    kernels::Conv2dGeometry g{
        src[0], src[3], src[1], src[2], weights.dim(0), static_cast<int>(weights.dim(2)), static_cast<int>(weights.dim(3))};
    g.stride_h = g.stride_w = o.stride;
    g.pad_h = g.pad_w = o.pad;
    g.dilation_h = g.dilation_w = o.dilation;
    g.groups = o.groups;
    kernels::check_geometry(g);
    return g;
}

namespace {

/// The kernels by element type: oneDNN for float, the reference for double (whose weights are always plain).
void forward(const kernels::Conv2dGeometry& g, const float* src, const Tensor& weights, const float* bias, float* dst) {
    kernels::conv2d_forward(g, grad_enabled(), src, weights.data<float>(), weights.layout(), bias, dst);
}
void forward(const kernels::Conv2dGeometry& g, const double* src, const Tensor& weights, const double* bias, double* dst) {
    kernels::conv2d_forward_reference(g, src, weights.data<double>(), bias, dst);
}
void backward_data(const kernels::Conv2dGeometry& g, const float* diff_dst, const Tensor& weights, float* diff_src) {
    kernels::conv2d_backward_data(g, diff_dst, weights.data<float>(), weights.layout(), diff_src);
}
void backward_data(const kernels::Conv2dGeometry& g, const double* diff_dst, const Tensor& weights, double* diff_src) {
    kernels::conv2d_backward_data_reference(g, diff_dst, weights.data<double>(), diff_src);
}
void backward_weights(const kernels::Conv2dGeometry& g, const float* src, const float* diff_dst, const Tensor& diff_weights,
                      float* diff_bias) {
    kernels::conv2d_backward_weights(g, src, diff_dst, diff_weights.data<float>(), diff_weights.layout(), diff_bias);
}
void backward_weights(const kernels::Conv2dGeometry& g, const double* src, const double* diff_dst, const Tensor& diff_weights,
                      double* diff_bias) {
    kernels::conv2d_backward_weights_reference(g, src, diff_dst, diff_weights.data<double>(), diff_bias);
}

}  // namespace

Tensor conv2d(const Tensor& any_src, const Tensor& weights, const Tensor& bias, const Conv2dOptions& options) {
    ops::require_rank("conv2d", "src", any_src, 4);
    const kernels::Conv2dGeometry g = conv2d_geometry(any_src.dims(), weights, options);
    ops::require_type("conv2d", "weights", weights, any_src.dtype());
    if (bias) ops::require_dims("conv2d", "bias", bias, {g.oc});
    if (bias) ops::require_type("conv2d", "bias", bias, any_src.dtype());
    const Tensor src = any_src.contiguous();  // oneDNN is fast on dense pixels only
    Tensor dst = Tensor::empty({g.n, g.oh(), g.ow(), g.oc}, src.dtype());
    dispatch_float("conv2d", src.dtype(),
                   [&]<class T>(T) { forward(g, src.data<T>(), weights, bias ? bias.data<T>() : nullptr, dst.data<T>()); });

    const bool wants_src = any_src.requires_grad(), wants_bias = bias && bias.requires_grad();
    const bool wants_weights = weights.requires_grad() || wants_bias;
    return record(dst, {any_src, weights, bias},
                  [g, src = wants_weights ? src : Tensor(), weights = weights.detach(), wants_src, wants_bias,
                   wants_weights](const Tensor& any_diff) {
                      const Tensor diff_dst = any_diff.contiguous();
                      Tensor diff_src, diff_weights, diff_bias;
                      dispatch_float("conv2d", diff_dst.dtype(), [&]<class T>(T) {
                          if (wants_src) {
                              diff_src = Tensor::empty({g.n, g.ih, g.iw, g.ic}, diff_dst.dtype());
                              backward_data(g, diff_dst.data<T>(), weights, diff_src.data<T>());
                          }
                          if (wants_weights) {
                              diff_weights = weights.empty_like();
                              if (wants_bias) diff_bias = Tensor::empty({g.oc}, diff_dst.dtype());
                              backward_weights(g, src.data<T>(), diff_dst.data<T>(), diff_weights,
                                               wants_bias ? diff_bias.data<T>() : nullptr);
                          }
                      });
                      return Gradients{diff_src, diff_weights, diff_bias};
                  });
}

}  // namespace keel
