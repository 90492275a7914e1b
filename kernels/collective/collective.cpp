#include "kernels/collective/collective.h"

#include "kernels/collective/reference.h"
#include "kernels/collective/variants.h"
#include "kernels/dispatch.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr CollectiveVariant<T> kReference{Isa::scalar,          reference::add_received<T>, reference::sum_in_place<T>,
                                          reference::pack_bf16, reference::unpack_bf16,     reference::add_bf16};

template <class T>
const CollectiveVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const CollectiveVariant<float>& chosen() {
    return select(collective_variants);
}

}  // namespace

const CollectiveVariant<float> collective_scalar = kReference<float>;

template <class T>
void add_received(std::int64_t n, const T* src, T* dst) {
    const profile::Span span("add_received", profile::per_element<T>(n, 1, 3));
    chosen<T>().add_received(n, src, dst);
}

template <class T>
void sum_in_place(std::int64_t n, std::int64_t count, T* const* maps) {
    const profile::Span span(
        "sum_in_place", profile::per_element<T>(n, static_cast<double>(count - 1), 2 * static_cast<double>(count)));
    chosen<T>().sum_in_place(n, count, maps);
}

void pack_bf16(std::int64_t n, const float* src, std::uint16_t* dst) {
    const profile::Span span("pack_bf16", profile::per_element<float>(n, 1, 1.5));
    chosen<float>().pack_bf16(n, src, dst);
}

void unpack_bf16(std::int64_t n, const std::uint16_t* src, float* dst) {
    const profile::Span span("unpack_bf16", profile::per_element<float>(n, 1, 1.5));
    chosen<float>().unpack_bf16(n, src, dst);
}

void add_bf16(std::int64_t n, const std::uint16_t* src, float* dst) {
    const profile::Span span("add_bf16", profile::per_element<float>(n, 1, 2.5));
    chosen<float>().add_bf16(n, src, dst);
}

template void add_received(std::int64_t, const float*, float*);
template void add_received(std::int64_t, const double*, double*);
template void sum_in_place(std::int64_t, std::int64_t, float* const*);
template void sum_in_place(std::int64_t, std::int64_t, double* const*);

}  // namespace keel::kernels
