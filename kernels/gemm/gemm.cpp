#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <string>

#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel::kernels {

void check_geometry(const GemmGeometry& g) {
    const std::int64_t a_row = g.transpose_a ? g.m : g.k, b_row = g.transpose_b ? g.k : g.n;
    if (g.m >= 0 && g.n >= 0 && g.k >= 0 && g.lda >= a_row && g.ldb >= b_row && g.ldc >= g.n) return;
    throw UsageError("[gemm] wanted m, n, k of 0 or more and rows no longer than lda, ldb, ldc, got m " +
                     std::to_string(g.m) + ", n " + std::to_string(g.n) + ", k " + std::to_string(g.k) + ", rows of " +
                     std::to_string(a_row) + ", " + std::to_string(b_row) + ", " + std::to_string(g.n) +
                     " at distances " + std::to_string(g.lda) + ", " + std::to_string(g.ldb) + ", " +
                     std::to_string(g.ldc));
}

template <class T>
void gemm_reference(const GemmGeometry& g, const T* a, const T* b, T* c) {
    // A tile of op(b) stays in the cache while the rows pass by.
    constexpr std::int64_t kTile = 64;
    const std::int64_t a_i = g.transpose_a ? 1 : g.lda, a_l = g.transpose_a ? g.lda : 1;
    const std::int64_t b_l = g.transpose_b ? 1 : g.ldb, b_j = g.transpose_b ? g.ldb : 1;
    parallel_for(g.m, 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t l0 = 0; l0 < g.k; l0 += kTile)
            for (std::int64_t j0 = 0; j0 < g.n; j0 += kTile)
                for (std::int64_t i = begin; i < end; ++i)
                    for (std::int64_t l = l0; l < std::min(l0 + kTile, g.k); ++l)
                        for (std::int64_t j = j0; j < std::min(j0 + kTile, g.n); ++j)
                            c[i * g.ldc + j] += a[i * a_i + l * a_l] * b[l * b_l + j * b_j];
    });
}

template void gemm_reference(const GemmGeometry&, const float*, const float*, float*);
template void gemm_reference(const GemmGeometry&, const double*, const double*, double*);

}  // namespace keel::kernels
