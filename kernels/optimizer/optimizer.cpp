#include "kernels/optimizer/optimizer.h"

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/optimizer/reference.h"
#include "kernels/optimizer/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr OptimizerVariant<T> kReference{Isa::scalar, reference::sgd<T>, reference::adam<T>};

template <class T>
const OptimizerVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const OptimizerVariant<float>& chosen() {
    return select(optimizer_variants);
}

constexpr std::int64_t kGrain = 8192;  // weights worth waking a thread for

AdamConstants constants_of(const AdamStep& step) {
    const auto number = static_cast<double>(step.number);
    const double bias1 = 1 - std::pow(step.beta1, number), bias2 = 1 - std::pow(step.beta2, number);
    return {step.beta1,
            step.beta2,
            step.eps,
            step.decoupled ? 0 : step.weight_decay,
            step.decoupled ? 1 - step.lr * step.weight_decay : 1,
            step.lr / bias1,
            1 / std::sqrt(bias2)};
}

}  // namespace

const OptimizerVariant<float> optimizer_scalar = kReference<float>;

template <class T>
void sgd_update(std::int64_t n, const SgdStep& step, const T* diff_weights, T* velocity, T* weights) {
    const profile::Span span("sgd_update",
                             profile::per_element<T>(n, velocity == nullptr ? 4 : 6, velocity == nullptr ? 3 : 5));
    const auto kernel = chosen<T>().sgd;
    parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernel(end - begin, step, diff_weights + begin, velocity == nullptr ? nullptr : velocity + begin,
               weights + begin);
    });
}

template <class T>
void adam_update(std::int64_t n, const AdamStep& step, const T* diff_weights, T* first_moment, T* second_moment,
                 T* weights) {
    const profile::Span span("adam_update", profile::per_element<T>(n, 13, 7));
    const auto kernel = chosen<T>().adam;
    const AdamConstants constants = constants_of(step);
    parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernel(end - begin, constants, diff_weights + begin, first_moment + begin, second_moment + begin,
               weights + begin);
    });
}

template void sgd_update(std::int64_t, const SgdStep&, const float*, float*, float*);
template void sgd_update(std::int64_t, const SgdStep&, const double*, double*, double*);
template void adam_update(std::int64_t, const AdamStep&, const float*, float*, float*, float*);
template void adam_update(std::int64_t, const AdamStep&, const double*, double*, double*, double*);

}  // namespace keel::kernels
