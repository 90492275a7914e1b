// The layers that models are built of. A new BatchNorm2d is the identity and a bias zero; the weights of Conv2d and
// Linear are undefined until `initialize` or a checkpoint fills them, so that a model to be loaded costs no memory
// before.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "engine/nn/module.h"
#include "engine/ops.h"

namespace keel::nn {

/// Batch normalization with an optional ReLU in the same pass. Parameters `weight` (gamma) and `bias` (beta), buffers
/// `running_mean` and `running_var`. A frozen one (its parameters require no gradient) keeps its running statistics, as
/// in transfer learning.
class BatchNorm2d final : public Module {
public:
    explicit BatchNorm2d(std::int64_t channels, bool relu = false);
    std::string describe() const override;
    const Tensor& weight() const { return weight_; }
    const Tensor& bias() const { return bias_; }

    /// Return what an operator with a normalization in front wants to know.
    BatchNormParameters norm() const { return {weight_, bias_, running_mean_, running_var_}; }
    BatchNormOptions norm_options() const;
    /// Returns relu(this(src) + residual), made by one operator (norm_add_relu); with a residual_norm the residual is
    /// normalized by it.
    Tensor join(const Tensor& src, const Tensor& residual, BatchNorm2d* residual_norm = nullptr);

protected:
    Tensor forward(const Tensor& src) override;

private:
    friend class Conv2d;
    Tensor weight_, bias_, running_mean_, running_var_;
    bool relu_;
};

/// Parameters `weight` {oc, ic / groups, kernel, kernel} and, with `bias`, `bias` {oc}. Its result is as PrecisionScope
/// says; what it reads of f32, as the first convolution of a model does, it computes in f32. Throws UsageError for
/// sizes below 1 and for channels that the groups do not divide.
class Conv2d final : public Module {
public:
    Conv2d(std::int64_t ic, std::int64_t oc, int kernel, const Conv2dOptions& options = {}, bool bias = false);
    std::string describe() const override;
    std::int64_t macs(const Tensor& src, const Tensor& dst) const override;
    const Tensor& weight() const { return weight_; }
    const Tensor& bias() const { return bias_; }
    const Conv2dOptions& options() const { return options_; }

    /// Returns this(norm(src)), made by one operator (norm_conv2d), for a convolution without bias. Of the norm, an
    /// observer is told that it passed src on: it makes no map.
    Tensor after(BatchNorm2d& norm, const Tensor& src, const Tensor& dst = {});

protected:
    Tensor forward(const Tensor& src) override;

private:
    void adopt_layout(const Tensor& src);
    Conv2dOptions call_options() const;

    Tensor weight_, bias_;
    Conv2dOptions options_;
    std::mutex adopting_;  // two threads may make the first forward pass
};

/// Parameters `weight` {out, in} and `bias` {out}. Reads any map, computes and returns f32 (f64 of f64).
class Linear final : public Module {
public:
    Linear(std::int64_t in, std::int64_t out);
    std::string describe() const override;
    std::int64_t macs(const Tensor& src, const Tensor& dst) const override;
    const Tensor& weight() const { return weight_; }
    const Tensor& bias() const { return bias_; }

protected:
    Tensor forward(const Tensor& src) override;

private:
    Tensor weight_, bias_;
};

/// Zeroes elements with probability p in training; the identity in evaluation. Needs an RngScope (rng_scope.h).
class Dropout final : public Module {
public:
    explicit Dropout(double p) : p_(p) {}
    std::string describe() const override;

protected:
    Tensor forward(const Tensor& src) override;

private:
    double p_;
};

class Relu final : public Module {
public:
    std::string describe() const override { return "ReLU"; }

protected:
    Tensor forward(const Tensor& src) override { return relu(src); }
};

/// Pooling; a map too small for the window (images below a model's usual size) passes as it is.
class Pool2d : public Module {
public:
    const PoolOptions& options() const { return options_; }
    std::string describe() const override;

protected:
    Pool2d(const char* kind, const PoolOptions& options) : kind_(kind), options_(options) {}

private:
    const char* kind_;
    PoolOptions options_;
};

class MaxPool2d final : public Pool2d {
public:
    explicit MaxPool2d(const PoolOptions& options) : Pool2d("MaxPool2d", options) {}

protected:
    Tensor forward(const Tensor& src) override;
};

class AvgPool2d final : public Pool2d {
public:
    explicit AvgPool2d(const PoolOptions& options) : Pool2d("AvgPool2d", options) {}

protected:
    Tensor forward(const Tensor& src) override;
};

/// Children in order, each named by its caller.
class Sequential final : public Module {
public:
    template <class M, class... Arguments>
    M& append(std::string name, Arguments&&... arguments) {
        M& child = add<M>(std::move(name), std::forward<Arguments>(arguments)...);
        order_.push_back(&child);
        return child;
    }
    std::string describe() const override { return "Sequential"; }
    bool empty() const { return order_.empty(); }
    std::span<Module* const> parts() const { return order_; }

protected:
    Tensor forward(const Tensor& src) override;

private:
    std::vector<Module*> order_;
};

/// How weights begin (He et al. 2015): normal with variance 2 / fan of the convolutions, where fan is ic * kh * kw
/// (`fan_in`, as torchvision's DenseNet) or oc * kh * kw (`fan_out`, as its ResNet and VGG); linear weights uniform in
/// +-1/sqrt(in), or normal with `linear_std` if that is positive; biases 0, except linear ones in +-1/sqrt(in) with
/// `linear_bias`.
struct Initialization {
    bool fan_out = false;
    double linear_std = 0;
    bool linear_bias = false;
};

/// Fills every Conv2d and Linear below `module`; a parameter's draws depend on the seed and its place alone.
void initialize(Module& module, const Initialization& how, std::uint64_t seed);

}  // namespace keel::nn
