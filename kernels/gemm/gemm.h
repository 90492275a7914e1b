// Row-major matrix product; float runs on oneDNN, double is the plain reference.
#pragma once

#include <cstdint>

namespace keel::kernels {

/// op(a) is [m, k], op(b) is [k, n], c is [m, n]; lda, ldb, ldc are the distances between the rows as stored.
struct GemmGeometry {
    bool transpose_a, transpose_b;
    std::int64_t m, n, k;
    std::int64_t lda, ldb, ldc;
};

/// c = op(a) op(b) + (accumulate ? c : 0)
template <class T>
void gemm(const GemmGeometry& g, const T* a, const T* b, bool accumulate, T* c);

}  // namespace keel::kernels
