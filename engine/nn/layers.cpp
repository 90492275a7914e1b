#include "engine/nn/layers.h"

#include "engine/precision.h"
#include "kernels/routing/conv2d.h"

namespace keel::nn {
namespace {

std::string window(int kernel, int stride) {
    std::string text = std::to_string(kernel) + "x" + std::to_string(kernel);
    return stride == 1 ? text : text + "/" + std::to_string(stride);
}

Tensor in_precision(const Tensor& map) { return cast(map, PrecisionScope::map_type(map.dtype())); }

Dims weight_dims(std::int64_t ic, std::int64_t oc, int kernel, int groups) {
    if (ic < 1 || oc < 1 || kernel < 1 || groups < 1 || ic % groups != 0 || oc % groups != 0)
        throw UsageError("[conv2d] wanted channels divisible by the groups and a kernel of at least 1, got ic " +
                         std::to_string(ic) + ", oc " + std::to_string(oc) + ", kernel " + std::to_string(kernel) +
                         ", groups " + std::to_string(groups));
    return {oc, ic / groups, kernel, kernel};
}

}  // namespace

Conv2d::Conv2d(std::int64_t ic, std::int64_t oc, int kernel, const Conv2dOptions& options, bool bias)
    : weight_(add_parameter("weight", Tensor::empty(weight_dims(ic, oc, kernel, options.groups)))), options_(options) {
    if (bias) bias_ = add_parameter("bias", Tensor::zeros({oc}));
}

void Conv2d::adopt_layout(const Tensor& src) {
    if (src.dtype() == DType::f64) return;
    const std::lock_guard lock(adopting_);
    if (!weight_.layout())
        weight_.set_layout(
            kernels::preferred_layout(conv2d_geometry(src.dims(), weight_, options_), training(), src.dtype()));
}

/// A convolution without bias stands in front of a batch norm.
Conv2dOptions Conv2d::call_options() const {
    Conv2dOptions options = options_;
    options.statistics = training() && !bias_;
    return options;
}

Tensor Conv2d::forward(const Tensor& src) {
    adopt_layout(src);
    if (src.dtype() == DType::f32 && PrecisionScope::map_type(DType::f32) == DType::bf16)
        return rounded_conv2d(src, weight_, bias_, options_);
    return conv2d(src, weight_, bias_, call_options());
}

Tensor Conv2d::after(BatchNorm2d& norm, const Tensor& src, const Tensor& dst) {
    norm.called(src, [&] { return src; });
    return called(src, [&] {
        adopt_layout(src);
        const Tensor result = norm_conv2d(src, norm.norm(), norm.norm_options(), weight_, call_options(), dst);
        return dst ? result : in_precision(result);
    });
}

std::string Conv2d::describe() const { return "Conv2d " + window(static_cast<int>(weight_.dim(2)), options_.stride); }

std::int64_t Conv2d::macs(const Tensor& src, const Tensor&) const {
    return conv2d_geometry(src.dims(), weight_, options_).macs();
}

Linear::Linear(std::int64_t in, std::int64_t out)
    : weight_(add_parameter("weight", Tensor::empty({out, in}))), bias_(add_parameter("bias", Tensor::zeros({out}))) {}

Tensor Linear::forward(const Tensor& src) { return linear(cast(src, param_type(src.dtype())), weight_, bias_); }
std::string Linear::describe() const { return "Linear"; }
std::int64_t Linear::macs(const Tensor& src, const Tensor&) const { return src.dim(0) * weight_.elements(); }

BatchNorm2d::BatchNorm2d(std::int64_t channels, bool relu)
    : weight_(add_parameter("weight", Tensor::full({channels}, 1))),
      bias_(add_parameter("bias", Tensor::zeros({channels}))),
      running_mean_(add_buffer("running_mean", Tensor::zeros({channels}))),
      running_var_(add_buffer("running_var", Tensor::full({channels}, 1))),
      relu_(relu) {}

BatchNormOptions BatchNorm2d::norm_options() const {
    BatchNormOptions options;
    options.training = training() && weight_.requires_grad();
    options.relu = relu_;
    return options;
}

Tensor BatchNorm2d::forward(const Tensor& src) { return batch_norm(src, norm(), norm_options()); }

Tensor BatchNorm2d::join(const Tensor& src, const Tensor& residual, BatchNorm2d* residual_norm) {
    Residual other{residual};
    if (residual_norm != nullptr) {
        other.norm = residual_norm->norm();
        other.options = residual_norm->norm_options();
        residual_norm->called(residual, [&] { return residual; });
    }
    return called(src, [&] { return norm_add_relu(src, norm(), norm_options(), other); });
}

std::string BatchNorm2d::describe() const { return relu_ ? "BatchNorm2d + ReLU" : "BatchNorm2d"; }

Tensor Dropout::forward(const Tensor& src) { return training() ? dropout(src, p_) : src; }
std::string Dropout::describe() const { return "Dropout"; }

Tensor MaxPool2d::forward(const Tensor& src) {
    return options().fits(src.dim(1), src.dim(2)) ? max_pool(src, options()) : src;
}

Tensor AvgPool2d::forward(const Tensor& src) {
    return options().fits(src.dim(1), src.dim(2)) ? avg_pool(src, options()) : src;
}

std::string Pool2d::describe() const { return std::string(kind_) + " " + window(options_.kernel, options_.stride); }

Tensor Sequential::forward(const Tensor& src) {
    Tensor activation = src;
    for (Module* module : order_) activation = (*module)(activation);
    return activation;
}

}  // namespace keel::nn
