// Row-major matrix product: c = op(a) op(b), with op(a) [m, k], op(b) [k, n] and c [m, n].
#pragma once

#include <cstdint>

namespace keel::kernels {

/// lda, ldb, ldc are the distances between the rows as stored.
struct GemmGeometry {
    bool transpose_a, transpose_b;
    std::int64_t m, n, k;
    std::int64_t lda, ldb, ldc;
};

/// Throws UsageError for negative extents or rows longer than the distances between them, naming the numbers.
void check_geometry(const GemmGeometry& g);

/// c += op(a) op(b), each element summed in the order of k.
template <class T>
void gemm_reference(const GemmGeometry& g, const T* a, const T* b, T* c);

}  // namespace keel::kernels
