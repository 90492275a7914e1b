#include "kernels/activation/activation.h"

#include <algorithm>

#include "kernels/activation/variants.h"
#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

/// Elements a thread must have to be worth waking.
constexpr std::int64_t kGrain = 8192;

}  // namespace

void activation_forward(const Activation& activation, const UnaryGeometry& g, const float* src, float* dst) {
    const profile::Span span("activation_forward", profile::per_element<float>(g.rows * g.c, 1, 2));
    const auto kernel = select(activation_variants).forward;
    if ((g.src_ld == g.c && g.dst_ld == g.c) || g.rows == 1) {
        parallel_for(g.rows * g.c, kGrain, [&](std::int64_t begin, std::int64_t end) {
            kernel(activation, {1, end - begin, end - begin, end - begin}, src + begin, dst + begin);
        });
        return;
    }
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        kernel(activation, {end - begin, g.c, g.src_ld, g.dst_ld}, src + begin * g.src_ld, dst + begin * g.dst_ld);
    });
}

}  // namespace keel::kernels
