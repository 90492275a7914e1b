#include "kernels/eltwise/eltwise.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace keel {
namespace {

kernels::BinaryGeometry geometry(const Tensor& a, const Tensor& b, const Tensor& dst) {
    return {dst.rows(), dst.channels(), a.ld(), b.ld(), dst.ld()};
}

Tensor relu_gradient(const Tensor& dst, const Tensor& diff_dst) {
    Tensor diff_src = Tensor::empty(dst.dims(), dst.dtype());
    dispatch_map("relu", dst.dtype(), [&]<class T>(T) {
        kernels::relu_backward(geometry(dst, diff_dst, diff_src), dst.data<T>(), diff_dst.data<T>(),
                               diff_src.data<T>());
    });
    return diff_src;
}

}  // namespace

Tensor relu(const Tensor& src) {
    Tensor dst = Tensor::empty(src.dims(), src.dtype());
    dispatch_map("relu", src.dtype(), [&]<class T>(T) {
        kernels::relu_forward({src.rows(), src.channels(), src.ld(), dst.ld()}, src.data<T>(), dst.data<T>());
    });
    return record(dst, {src},
                  [dst = dst.detach()](const Tensor& diff_dst) { return Gradients{relu_gradient(dst, diff_dst)}; });
}

Tensor add(const Tensor& a, const Tensor& b) {
    ops::require_dims("add", "b", b, a.dims());
    ops::require_type("add", "b", b, a.dtype());
    Tensor dst = Tensor::empty(a.dims(), a.dtype());
    dispatch_map("add", a.dtype(), [&]<class T>(T) {
        kernels::add_forward(geometry(a, b, dst), a.data<T>(), b.data<T>(), dst.data<T>());
    });
    return record(dst, {a, b}, [](const Tensor& diff_dst) { return Gradients{diff_dst, diff_dst}; });
}

Tensor add_relu(const Tensor& a, const Tensor& b) {
    ops::require_dims("add_relu", "b", b, a.dims());
    ops::require_type("add_relu", "b", b, a.dtype());
    Tensor dst = Tensor::empty(a.dims(), a.dtype());
    dispatch_map("add_relu", a.dtype(), [&]<class T>(T) {
        kernels::add_relu_forward(geometry(a, b, dst), a.data<T>(), b.data<T>(), dst.data<T>());
    });
    return record(dst, {a, b}, [dst = dst.detach()](const Tensor& diff_dst) {
        const Tensor diff = relu_gradient(dst, diff_dst);
        return Gradients{diff, diff};
    });
}

}  // namespace keel
