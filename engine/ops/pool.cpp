#include "kernels/pool/pool.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace keel {
namespace {

kernels::PoolGeometry geometry(const char* who, const Tensor& src, const PoolOptions& o) {
    ops::require_rank(who, "src", src, 4);
    if (o.kernel < 1 || o.kernel > 16 || o.stride < 1 || o.pad < 0 || 2 * o.pad > o.kernel)
        throw UsageError(std::string("[") + who + "] wanted kernel 1..16, stride >= 1 and pad <= kernel / 2, got " +
                         std::to_string(o.kernel) + ", " + std::to_string(o.stride) + ", " + std::to_string(o.pad));
    const std::int64_t h = src.dim(1), w = src.dim(2);
    if (!o.fits(h, w))
        throw UsageError(std::string("[") + who + "] a window of " + std::to_string(o.kernel) +
                         " does not fit a map of dims " + src.dims().text());
    return {src.dim(0), h,        w,        src.channels(), o.extent(h), o.extent(w),
            o.kernel,   o.kernel, o.stride, o.pad,          src.ld(),    src.channels()};
}

Dims dst_dims(const kernels::PoolGeometry& g) { return {g.n, g.oh, g.ow, g.c}; }

/// For backward: a dense diff_src, and the distance that diff_dst came with.
kernels::PoolGeometry backward_geometry(kernels::PoolGeometry g, const Tensor& diff_dst) {
    g.src_ld = g.c;
    g.dst_ld = diff_dst.ld();
    return g;
}

}  // namespace

Tensor max_pool(const Tensor& src, const PoolOptions& options) {
    const auto g = geometry("max_pool", src, options);
    Tensor dst = Tensor::empty(dst_dims(g), src.dtype());
    const bool recorded = grad_enabled() && src.requires_grad();
    const Tensor argmax = recorded ? Tensor::empty(dst_dims(g), DType::u8) : Tensor();
    dispatch_map("max_pool", src.dtype(), [&]<class T>(T) {
        kernels::max_pool_forward(g, src.data<T>(), dst.data<T>(), recorded ? argmax.data<std::uint8_t>() : nullptr);
    });
    return record(dst, {src}, [g, argmax, dims = src.dims()](const Tensor& diff_dst) {
        Tensor diff_src = Tensor::empty(dims, diff_dst.dtype());
        dispatch_map("max_pool", diff_dst.dtype(), [&]<class T>(T) {
            kernels::max_pool_backward(backward_geometry(g, diff_dst), diff_dst.data<T>(), argmax.data<std::uint8_t>(),
                                       diff_src.data<T>());
        });
        return Gradients{diff_src};
    });
}

Tensor avg_pool(const Tensor& src, const PoolOptions& options) {
    const auto g = geometry("avg_pool", src, options);
    Tensor dst = Tensor::empty(dst_dims(g), src.dtype());
    dispatch_map("avg_pool", src.dtype(),
                 [&]<class T>(T) { kernels::avg_pool_forward(g, src.data<T>(), dst.data<T>()); });
    return record(dst, {src}, [g, dims = src.dims()](const Tensor& diff_dst) {
        Tensor diff_src = Tensor::empty(dims, diff_dst.dtype());
        dispatch_map("avg_pool", diff_dst.dtype(), [&]<class T>(T) {
            kernels::avg_pool_backward(backward_geometry(g, diff_dst), diff_dst.data<T>(), diff_src.data<T>());
        });
        return Gradients{diff_src};
    });
}

Tensor adaptive_avg_pool(const Tensor& src, std::int64_t oh, std::int64_t ow) {
    ops::require_rank("adaptive_avg_pool", "src", src, 4);
    if (oh < 1 || ow < 1 || src.elements() == 0)
        throw UsageError("[adaptive_avg_pool] cannot pool dims " + src.dims().text() + " to " + std::to_string(oh) +
                         "x" + std::to_string(ow));
    const kernels::PoolGeometry g{src.dim(0), src.dim(1), src.dim(2), src.channels(), oh, ow, 1, 1,
                                  1,          0,          src.ld(),   src.channels()};
    Tensor dst = Tensor::empty(dst_dims(g), src.dtype());
    dispatch_map("adaptive_avg_pool", src.dtype(),
                 [&]<class T>(T) { kernels::adaptive_avg_pool_forward(g, src.data<T>(), dst.data<T>()); });
    return record(dst, {src}, [g, dims = src.dims()](const Tensor& diff_dst) {
        Tensor diff_src = Tensor::empty(dims, diff_dst.dtype());
        dispatch_map("adaptive_avg_pool", diff_dst.dtype(), [&]<class T>(T) {
            kernels::adaptive_avg_pool_backward(backward_geometry(g, diff_dst), diff_dst.data<T>(), diff_src.data<T>());
        });
        return Gradients{diff_src};
    });
}

Tensor global_avg_pool(const Tensor& src) {
    return flatten(adaptive_avg_pool(cast(src, param_type(src.dtype())), 1, 1));
}

}  // namespace keel
