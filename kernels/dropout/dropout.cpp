#include "kernels/dropout/dropout.h"

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/dropout/reference.h"
#include "kernels/dropout/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr DropoutVariant<T> kReference{Isa::scalar, reference::dropout<T>};

template <class T>
const DropoutVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const DropoutVariant<float>& chosen() {
    return select(dropout_variants);
}

}  // namespace

const DropoutVariant<float> dropout_scalar = kReference<float>;

template <class T>
void dropout(std::int64_t n, double p, std::uint64_t key, const T* src, T* dst) {
    const profile::Span span("dropout", profile::per_element<T>(n, 1, 2));
    const auto kernel = chosen<T>().dropout;
    const auto threshold = static_cast<std::uint64_t>(std::ceil(p * 0x1p32));
    const T scale = static_cast<T>(1 / (1 - p));
    constexpr std::int64_t kGrain = 4096;  // elements worth waking a thread for, and whole blocks of four
    parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernel(end - begin, {static_cast<std::uint64_t>(begin / 4), key, threshold}, scale, src + begin, dst + begin);
    });
}

template void dropout(std::int64_t, double, std::uint64_t, const float*, float*);
template void dropout(std::int64_t, double, std::uint64_t, const double*, double*);

}  // namespace keel::kernels
