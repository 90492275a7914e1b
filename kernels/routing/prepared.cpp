#include "kernels/routing/prepared.h"

#include "kernels/cpu.h"
#include "kernels/depthwise/prepared.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/prepared.h"
#include "kernels/linear/linear.h"
#include "kernels/onednn/conv.h"
#include "kernels/routing/choice.h"

namespace keel::kernels {
namespace {

/// Whether a linear layer's sums are long enough for lanes that are added up at their end; else only for few images.
bool is_linear(const Conv2dGeometry& g) { return g.ih * g.iw * g.ic >= 128 || g.n <= 2; }

/// Whether Keel's own kernels serve best, by measurement where choices are measured.
bool is_own(const Conv2dGeometry& g) { return igemm_serves(g) ? prefers_own(g) : forwards_own(g, active_isa()); }

}  // namespace

std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    check_geometry(g);
    if (fusion.maps == DType::bf16) return prepare_own_conv(g, fusion);
    if (is_linear(g))
        if (auto linear = prepare_linear(g, fusion)) return linear;
    if (is_own(g))
        if (auto own = prepare_own_conv(g, fusion)) return own;
    if (auto depthwise = prepare_depthwise_conv(g, fusion)) return depthwise;
    return onednn::prepare_conv(g, fusion);
}

}  // namespace keel::kernels
