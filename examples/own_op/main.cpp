// An operator of one's own, SiLU (Elfwing et al. 2018): src * sigmoid(src), checked against central differences.
#include <keel/keel.hpp>

#include <cmath>
#include <cstdio>

using keel::Tensor;

namespace {

/// Returns f of each element of dense tensors of equal dims, divided among the compute threads.
template <class T, class F>
Tensor each(const Tensor& a, const Tensor& b, const F& f) {
    const Tensor dst = a.empty_like();
    const T *x = a.data<T>(), *y = b.data<T>();
    T* z = dst.data<T>();
    keel::parallel_for(a.elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) z[i] = f(x[i], y[i]);
    });
    return dst;
}

template <class T>
T sigmoid(T x) {
    return 1 / (1 + std::exp(-x));
}

/// Forward, then backward: d silu(x) / d x = s + x * s * (1 - s), s = sigmoid(x).
Tensor silu(const Tensor& any_src) {
    const Tensor src = any_src.contiguous();
    return keel::dispatch_float("silu", src.dtype(), [&]<class T>(T) {
        const Tensor dst = each<T>(src, src, [](T x, T) { return x * sigmoid(x); });
        return keel::record(dst, {any_src}, [src](const Tensor& diff_dst) {
            return keel::Gradients{each<T>(src, diff_dst.contiguous(), [](T x, T diff) {
                const T s = sigmoid(x);
                return diff * (s + x * s * (1 - s));
            })};
        });
    });
}

}  // namespace

int main() try {
    Tensor src = Tensor::empty({2, 3, 3, 5}, keel::DType::f64);
    double next = -2;
    for (double& x : src.values<double>()) x = next += 0.045;
    const auto report =
        keel::gradcheck::check([](const std::vector<Tensor>& inputs) { return silu(inputs[0]); }, {src});
    std::printf("%s: %s\n", report.passed() ? "passed" : "failed", report.text().c_str());
    if (!report.passed()) return 1;

    // Among the operators there are: d sum(silu(x w^T)) / d w.
    const Tensor x = Tensor::from<float>({1, 2, -1, 0.5F}, {2, 2}), w = Tensor::from<float>({0.3F, -0.2F}, {1, 2});
    w.set_requires_grad();
    const Tensor y = silu(keel::linear(x, w, {}));
    keel::backward(y, Tensor::full(y.dims(), 1));
    std::printf("gradient %.6f %.6f\n", double(w.grad().values<float>()[0]), double(w.grad().values<float>()[1]));
} catch (const keel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
