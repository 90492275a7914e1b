#include "kernels/routing/gemm.h"

#include <algorithm>
#include <type_traits>

#include "kernels/onednn/sgemm.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
profile::Cost cost(const GemmGeometry& g, bool accumulate) {
    const std::int64_t elements = g.m * g.k + g.k * g.n + (accumulate ? 2 : 1) * g.m * g.n;
    return {2 * static_cast<double>(g.m * g.n) * static_cast<double>(g.k),
            static_cast<double>(elements) * double{sizeof(T)}};
}

template <class T>
void clear(const GemmGeometry& g, T* c) {
    for (std::int64_t i = 0; i < g.m; ++i) std::fill_n(c + i * g.ldc, g.n, T{0});
}

}  // namespace

template <class T>
void gemm(const GemmGeometry& g, const T* a, const T* b, bool accumulate, T* c) {
    check_geometry(g);
    if (g.m == 0 || g.n == 0) return;
    const profile::Span span("gemm", cost<T>(g, accumulate));
    if (g.k == 0) {
        if (!accumulate) clear(g, c);
    } else if constexpr (std::is_same_v<T, float>) {
        onednn::sgemm(g, a, b, accumulate, c);
    } else {
        if (!accumulate) clear(g, c);
        gemm_reference(g, a, b, c);
    }
}

template void gemm(const GemmGeometry&, const float*, const float*, bool, float*);
template void gemm(const GemmGeometry&, const double*, const double*, bool, double*);

}  // namespace keel::kernels
