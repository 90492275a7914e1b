#include "engine/ops.h"
#include "engine/ops/check.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/routing/gemm.h"

namespace keel {

Tensor linear(const Tensor& src, const Tensor& weights, const Tensor& bias) {
    ops::require_rank("linear", "src", src, 2);
    ops::require_rank("linear", "weights", weights, 2);
    ops::require_type("linear", "weights", weights, src.dtype());
    const std::int64_t n = src.dim(0), in = src.dim(1), out = weights.dim(0);
    if (weights.dim(1) != in)
        throw UsageError("[linear] src has " + std::to_string(in) + " features, weights expect " +
                         std::to_string(weights.dim(1)));
    if (bias) ops::require_dims("linear", "bias", bias, {out});
    Tensor dst = Tensor::empty({n, out}, src.dtype());
    dispatch_float("linear", src.dtype(), [&]<class T>(T) {
        kernels::gemm<T>({false, true, n, out, in, src.ld(), weights.ld(), out}, src.data<T>(), weights.data<T>(),
                         false, dst.data<T>());
        if (bias) kernels::add_bias({n, out, out, out}, bias.data<T>(), dst.data<T>());
    });

    return record(
        dst, {src, weights, bias},
        [n, in, out, src = src.detach(), weights, wants_src = src.requires_grad(),
         wants_weights = weights.requires_grad(), wants_bias = bias && bias.requires_grad()](const Tensor& diff_dst) {
            Tensor diff_src, diff_weights, diff_bias;
            dispatch_float("linear", diff_dst.dtype(), [&]<class T>(T) {
                const T* diff = diff_dst.data<T>();
                if (wants_src) {
                    diff_src = Tensor::empty({n, in}, diff_dst.dtype());
                    kernels::gemm<T>({false, false, n, in, out, diff_dst.ld(), weights.ld(), in}, diff,
                                     weights.data<T>(), false, diff_src.data<T>());
                }
                if (wants_weights) {
                    diff_weights = weights.empty_grad();
                    kernels::gemm<T>({true, false, out, in, n, diff_dst.ld(), src.ld(), in}, diff, src.data<T>(), false,
                                     diff_weights.data<T>());
                }
                if (wants_bias) {
                    diff_bias = Tensor::empty({out}, diff_dst.dtype());
                    kernels::column_sum({n, out, diff_dst.ld(), 0}, diff, diff_bias.data<T>());
                }
            });
            return Gradients{diff_src, diff_weights, diff_bias};
        });
}

}  // namespace keel
