#include "kernels/onednn/sgemm.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "kernels/error.h"
#include "kernels/onednn/runtime.h"
#include "kernels/parallel.h"

namespace keel::kernels::onednn {
namespace {

// Multiply-accumulates of a piece, and how many pieces there are at most; rows and columns in multiples of what its
// kernels compute at a time.
constexpr std::int64_t kMacs = std::int64_t{2} << 20, kMostPieces = 64, kRows = 48, kColumns = 64;

/// Computes the elements of c in the rows [row, row + m) and the columns [column, column + n).
dnnl_status_t multiply(const GemmGeometry& g, std::int64_t row, std::int64_t m, std::int64_t column, std::int64_t n,
                       const float* a, const float* b, bool accumulate, float* c) {
    const auto code = [](bool transpose) { return transpose ? 'T' : 'N'; };
    return dnnl_sgemm(code(g.transpose_a), code(g.transpose_b), m, n, g.k, 1.0F, a + row * (g.transpose_a ? 1 : g.lda),
                      g.lda, b + column * (g.transpose_b ? g.ldb : 1), g.ldb, accumulate ? 1.0F : 0.0F,
                      c + row * g.ldc + column, g.ldc);
}

/// Without oneDNN, slowly.
void multiply_plainly(const GemmGeometry& g, const float* a, const float* b, bool accumulate, float* c) {
    if (!accumulate)
        for (std::int64_t i = 0; i < g.m; ++i) std::fill_n(c + i * g.ldc, g.n, 0.0F);
    gemm_reference(g, a, b, c);
}

}  // namespace

// In pieces of rows or of columns, for the reasons that pieces.h gives.
void sgemm(const GemmGeometry& g, const float* a, const float* b, bool accumulate, float* c) {
    const Multiplying library;
    if (!library.allowed()) return multiply_plainly(g, a, b, accumulate, c);
    const bool rows = g.m >= g.n;
    const std::int64_t extent = rows ? g.m : g.n, other = rows ? g.n : g.m,
                       least = std::max(chunk_count(kMacs, other * g.k), chunk_count(extent, kMostPieces)),
                       unit = rows ? kRows : kColumns, size = chunk_count(least, unit) * unit;
    std::atomic<dnnl_status_t> status{dnnl_success};
    parallel_for(chunk_count(extent, size), 1, [&](std::int64_t begin, std::int64_t end) {
        const Session session;
        for (std::int64_t at = begin * size; at < std::min(end * size, extent); at += size) {
            const std::int64_t length = std::min(size, extent - at);
            const dnnl_status_t one = rows ? multiply(g, at, length, 0, g.n, a, b, accumulate, c)
                                           : multiply(g, 0, g.m, at, length, a, b, accumulate, c);
            if (one != dnnl_success) status = one;
        }
    });
    if (status != dnnl_success) throw Error("[gemm] oneDNN failed with status " + std::to_string(status));
}

}  // namespace keel::kernels::onednn
