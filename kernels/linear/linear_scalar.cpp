#include "kernels/linear/variants.h"

namespace keel::kernels {
namespace {

void outputs(const LinearGeometry& g, std::int64_t begin, std::int64_t end, const float* src, const float* weights,
             const float* bias, float* dst) {
    for (std::int64_t n = 0; n < g.n; ++n)
        for (std::int64_t o = begin; o < end; ++o) {
            double sum = bias == nullptr ? 0 : double{bias[o]};
            for (std::int64_t p = 0; p < g.pixels; ++p)
                for (std::int64_t i = 0; i < g.c; ++i)
                    sum += double{src[(n * g.pixels + p) * g.src_ld + i]} * weights[(o * g.pixels + p) * g.c + i];
            dst[n * g.dst_ld + o] = static_cast<float>(sum);
        }
}

}  // namespace

const LinearVariant linear_scalar{Isa::scalar, outputs};

}  // namespace keel::kernels
