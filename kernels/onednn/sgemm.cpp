#include "kernels/onednn/sgemm.h"

#include <string>

#include "kernels/error.h"
#include "kernels/onednn/runtime.h"

namespace keel::kernels::onednn {

void sgemm(const GemmGeometry& g, const float* a, const float* b, bool accumulate, float* c) {
    const Session session;
    const auto code = [](bool transpose) { return transpose ? 'T' : 'N'; };
    const dnnl_status_t status = dnnl_sgemm(code(g.transpose_a), code(g.transpose_b), g.m, g.n, g.k, 1.0F, a, g.lda, b,
                                            g.ldb, accumulate ? 1.0F : 0.0F, c, g.ldc);
    if (status != dnnl_success) throw Error("[gemm] oneDNN failed with status " + std::to_string(status));
}

}  // namespace keel::kernels::onednn
