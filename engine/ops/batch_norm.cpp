#include <optional>

#include "engine/ops/check.h"
#include "engine/ops/normalization.h"
#include "engine/recompute.h"

namespace keel {
namespace {

using ops::Normalization;
using MaybeNormalization = std::optional<Normalization>;

BatchNormOptions linear(BatchNormOptions options) {
    options.relu = false;
    return options;
}

/// How many results of a chain of joins in a row are made again: more of bf16, whose passes take half of the time.
int most_passes(DType type) { return type == DType::bf16 ? 4 : 1; }

/// relu(a + residual), the residual normalized by b if there is one.
Tensor joined(const Normalization& a, const Tensor& residual, const MaybeNormalization& b) {
    const Tensor& src = a.src();
    Tensor dst = Tensor::empty(src.dims(), src.dtype());
    dispatch_map("norm_add_relu", src.dtype(), [&]<class T>(T) {
        using Number = kernels::Param<T>;
        kernels::affine_add_relu_forward({src.rows(), src.channels(), src.ld(), residual.ld(), dst.ld()}, src.data<T>(),
                                         a.affine<Number>(), residual.data<T>(),
                                         b ? b->affine<Number>() : kernels::Affine<Number>{}, dst.data<T>());
    });
    return dst;
}

}  // namespace

Tensor batch_norm(const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& options) {
    const Normalization normalization("batch_norm", src, norm, options);
    return record_adding(normalization.normalized(), {src, norm.gamma, norm.beta},
                         [normalization](Tensor diff_dst, Tensor& sum) {
                             auto [diff_src, diff_gamma, diff_beta] = normalization.backward(std::move(diff_dst), sum);
                             return Gradients{diff_src, diff_gamma, diff_beta};
                         });
}

Tensor norm_add_relu(const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& options,
                     const Residual& residual) {
    ops::require_dims("norm_add_relu", "residual", residual.src, src.dims());
    ops::require_type("norm_add_relu", "residual", residual.src, src.dtype());
    const Normalization a("norm_add_relu", src, norm, linear(options));
    MaybeNormalization b;
    if (residual.norm.gamma) b.emplace("norm_add_relu", residual.src, residual.norm, linear(residual.options));
    Tensor dst = joined(a, residual.src, b);
    const int passes = residual.src.recompute() ? residual.src.recompute()->passes() + 1 : 1;
    if (grad_enabled() && passes <= most_passes(src.dtype()))
        dst.set_recompute(std::make_shared<Recompute>(
            [a, b, from = SavedTensor(residual.src)] { return joined(a, from.get(), b); }, passes));
    std::vector<Tensor> inputs{src, norm.gamma, norm.beta, residual.src};
    if (b) inputs.insert(inputs.end(), {residual.norm.gamma, residual.norm.beta});
    return record(dst, inputs, [a, b, kept = SavedTensor(dst)](Tensor diff_dst) {
        if (!diff_dst.dense()) diff_dst = diff_dst.clone();
        auto [diff_src, diff_gamma, diff_beta] = a.backward_of_join(kept.get(), diff_dst);
        Gradients gradients{diff_src, diff_gamma, diff_beta, diff_dst};
        if (!b) return gradients;
        gradients.pop_back();
        Tensor none;
        auto [diff_residual, diff_residual_gamma, diff_residual_beta] = b->backward(std::move(diff_dst), none);
        gradients.insert(gradients.end(), {diff_residual, diff_residual_gamma, diff_residual_beta});
        return gradients;
    });
}

}  // namespace keel
