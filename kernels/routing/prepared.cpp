#include "kernels/routing/prepared.h"

#include "kernels/igemm/igemm.h"
#include "kernels/igemm/prepared.h"
#include "kernels/onednn/conv.h"
#include "kernels/routing/choice.h"

namespace keel::kernels {

std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    check_geometry(g);
    if (igemm_serves(g) && prefers_own(g))
        if (auto own = prepare_own_conv(g, fusion)) return own;
    return onednn::prepare_conv(g, fusion);
}

}  // namespace keel::kernels
