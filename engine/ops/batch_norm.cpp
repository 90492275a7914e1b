#include "kernels/batch_norm/batch_norm.h"

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "engine/ops/running.h"

namespace keel {
Tensor batch_norm(const Tensor& src, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_variance, const BatchNormOptions& o) {
    const std::int64_t c = src.channels(), rows = src.rows();
    for (const Tensor& vector : {gamma, beta, running_mean, running_variance}) {
        ops::require_dims("batch_norm", "gamma, beta and running statistics", vector, {c});
        ops::require_type("batch_norm", "gamma, beta and running statistics", vector, src.dtype());
    }
    if (o.training && rows < 1) throw UsageError("[batch_norm] wanted a batch of one row or more, got dims " + src.dims().text());
    Tensor dst = Tensor::empty(src.dims(), src.dtype());
    Tensor mean = running_mean.detach(), variance = running_variance.detach();
    const kernels::BatchNormGeometry g{rows, c, src.ld(), dst.ld(), dst.ld(), o.relu};
    dispatch_float("batch_norm", src.dtype(), [&]<class T>(T) {
        if (o.training) {
            mean = Tensor::empty({c}, src.dtype());
            variance = Tensor::empty({c}, src.dtype());
            kernels::batch_norm_statistics(g, src.data<T>(), mean.data<T>(), variance.data<T>());
            ops::update_running<T>(o.momentum, rows, mean, variance, running_mean, running_variance);
        }
        kernels::batch_norm_forward(g, static_cast<T>(o.eps), src.data<T>(), mean.data<T>(), variance.data<T>(), gamma.data<T>(),
                                    beta.data<T>(), dst.data<T>());
    });

    return record(dst, {src, gamma, beta},
                  [g, o, src = src.detach(), mean, variance, gamma = gamma.detach(), beta = beta.detach(),
                   wants_src = src.requires_grad()](const Tensor& diff_dst) {
                      auto backward_geometry = g;
                      backward_geometry.dst_ld = diff_dst.ld();
                      Tensor diff_src = wants_src ? Tensor::empty(src.dims(), src.dtype()) : Tensor();
                      Tensor diff_gamma = gamma.empty_like(), diff_beta = beta.empty_like();
                      dispatch_float("batch_norm", src.dtype(), [&]<class T>(T) {
                          kernels::batch_norm_backward(backward_geometry, static_cast<T>(o.eps), !o.training, src.data<T>(),
                                                       diff_dst.data<T>(), mean.data<T>(), variance.data<T>(), gamma.data<T>(),
                                                       beta.data<T>(), wants_src ? diff_src.data<T>() : nullptr,
                                                       diff_gamma.data<T>(), diff_beta.data<T>());
                      });
                      return Gradients{diff_src, diff_gamma, diff_beta};
                  });
}

}  // namespace keel
