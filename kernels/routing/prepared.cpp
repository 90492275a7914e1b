#include "kernels/routing/prepared.h"

#include "kernels/depthwise/prepared.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/prepared.h"
#include "kernels/onednn/conv.h"
#include "kernels/routing/choice.h"

namespace keel::kernels {
namespace {

/// Whether a vector is multiplied by a matrix of a size for which oneDNN's kernels were measured to be the faster ones,
/// by a third: below, a call costs more than the product; above, it is the memory that counts.
bool is_vector_product(const Conv2dGeometry& g) {
    constexpr std::int64_t kLeast = 128 << 10, kMost = 2 << 20;
    const std::int64_t weights = g.weights_elements();
    return g.pointwise() && g.n * g.ih * g.iw == 1 && weights >= kLeast && weights <= kMost;
}

}  // namespace

std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    check_geometry(g);
    if (igemm_serves(g) && prefers_own(g) && !is_vector_product(g))
        if (auto own = prepare_own_conv(g, fusion)) return own;
    if (auto depthwise = prepare_depthwise_conv(g, fusion)) return depthwise;
    return onednn::prepare_conv(g, fusion);
}

}  // namespace keel::kernels
