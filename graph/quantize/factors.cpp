#include "graph/quantize/factors.h"

#include <algorithm>

namespace keel::graph {

void set_factors(const Conv& conv, const RoundedWeights& rounded, const std::vector<double>& offset,
                 const ConvParams& params, QuantConv& op) {
    const WeightExtents e(conv);
    for (std::int64_t o = 0; o < e.oc; ++o) {
        const auto at = static_cast<std::size_t>(o);
        const std::int8_t* k = rounded.values.data<std::int8_t>() + o * e.of_output();
        const QuantParams& dst = params.dst[at];
        double zeros = 0;
        for (std::int64_t i = 0; i < e.of_output(); ++i) zeros += k[i] * offset[e.channel(o, i)];
        double shift = (conv.bias[at] - rounded.step[at] * zeros) / dst.scale + dst.zero;
        if (conv.residual) {
            const double scale = double{params.residual[at].scale} / dst.scale;
            op.residual_scale.push_back(static_cast<float>(scale));
            shift -= scale * params.residual[at].zero;
        }
        op.scale.push_back(static_cast<float>(rounded.step[at] / dst.scale));
        op.shift.push_back(static_cast<float>(shift));
    }
}

bool ends_with_codes(const kernels::Activation& activation, std::span<const QuantParams> dst) {
    return activation.kind == kernels::ActivationKind::clip && activation.alpha == 0 &&
           std::ranges::all_of(dst, [&](const QuantParams& p) {
               return (255 - p.zero) * double{p.scale} <= activation.beta + double{p.scale} / 2;
           });
}

}  // namespace keel::graph
