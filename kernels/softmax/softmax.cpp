#include "kernels/softmax/softmax.h"

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/loss/portable_math.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/softmax/variants.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 4096;  // exponentials worth waking a thread for

}  // namespace

void softmax_forward(const UnaryGeometry& g, bool log, const float* src, float* dst) {
    const profile::Span span("softmax_forward", profile::per_element<float>(g.rows * g.c, 20, 2));
    const SoftmaxVariant& variant = select(softmax_variants);
    parallel_for(g.rows, chunk_count(kGrain, std::max<std::int64_t>(g.c, 1)),
                 [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t r = begin; r < end; ++r) {
                         const float* from = src + r * g.src_ld;
                         float* to = dst + r * g.dst_ld;
                         const float largest = variant.largest(g.c, from);
                         const double sum = variant.exponentials(g.c, from, largest, log ? nullptr : to);
                         if (log)
                             variant.subtract(g.c, from, largest, static_cast<float>(portable::log(sum)), to);
                         else
                             variant.divide(g.c, static_cast<float>(sum), to);
                     }
                 });
}

}  // namespace keel::kernels
