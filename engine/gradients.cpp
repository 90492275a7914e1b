#include "engine/gradients.h"

#include <cmath>

#include "kernels/eltwise/eltwise.h"
#include "kernels/reduce/reduce.h"

namespace keel {
namespace {

/// Calls f(pointer, count) with all elements of `gradient`; padding of a blocked layout is 0.
template <class F>
auto over_elements(const Tensor& gradient, F&& f) {
    const Tensor flat = gradient.dense() ? gradient : gradient.clone();
    return dispatch_float("gradients", flat.dtype(),
                          [&]<class T>(T) { return f(flat.data<T>(), flat.storage_elements()); });
}

/// The gradient of `parameter` where it may be written: dense, and in memory that no other tensor sees.
Tensor writable_gradient(const Tensor& parameter) {
    const Tensor& gradient = parameter.grad();
    const bool at_home = parameter.grad_home() && gradient.same_view(parameter.grad_home());
    if (!at_home && (!gradient.dense() || !gradient.unique())) {
        Tensor copy = gradient.empty_like();
        copy.assign(gradient);
        parameter.set_grad(std::move(copy));
    }
    return parameter.grad();
}

}  // namespace

double gradient_norm(const std::vector<NamedTensor>& parameters) {
    double sum = 0;
    for (const auto& [name, tensor] : parameters)
        if (tensor.grad())
            sum += over_elements(tensor.grad(),
                                 [](const auto* data, std::int64_t n) { return kernels::sum_of_squares(n, data); });
    return std::sqrt(sum);
}

void scale_gradients(const std::vector<NamedTensor>& parameters, double factor) {
    for (const auto& [name, tensor] : parameters) {
        if (!tensor.grad()) continue;
        const Tensor gradient = writable_gradient(tensor);
        const std::int64_t n = gradient.storage_elements();
        dispatch_float("scale_gradients", gradient.dtype(), [&]<class T>(T) {
            kernels::scale<T>({1, n, n, n}, static_cast<T>(factor), gradient.data<T>(), gradient.data<T>());
        });
    }
}

double clip_by_norm(const std::vector<NamedTensor>& parameters, double max_norm) {
    if (!(max_norm > 0)) throw UsageError("[clip_by_norm] max_norm must be positive, got " + std::to_string(max_norm));
    const double norm = gradient_norm(parameters);
    if (!std::isfinite(norm) || norm <= max_norm) return norm;
    scale_gradients(parameters, max_norm / norm);
    return norm;
}

std::optional<std::string> first_non_finite(const std::vector<NamedTensor>& parameters) {
    for (const auto& [name, tensor] : parameters)
        if (tensor.grad() && !over_elements(tensor.grad(), [](const auto* data, std::int64_t n) {
                return kernels::all_finite(n, data);
            }))
            return name;
    return std::nullopt;
}

void require_finite(double loss, const std::vector<NamedTensor>& parameters, std::int64_t step) {
    const std::string at = " at step " + std::to_string(step);
    if (!std::isfinite(loss)) throw DivergedError("[train] wanted a finite loss, got " + std::to_string(loss) + at);
    if (const auto name = first_non_finite(parameters))
        throw DivergedError("[train] wanted finite gradients, that of " + *name + " holds NaN or infinity" + at);
}

}  // namespace keel
