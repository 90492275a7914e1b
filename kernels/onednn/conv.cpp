#include "kernels/onednn/conv.h"

#include <algorithm>
#include <vector>

#include "kernels/onednn/conv_plan.h"
#include "kernels/onednn/library.h"
#include "kernels/onednn/runtime.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace onednn {
namespace {

/// The calling thread's scratch memory, divided for one call: the primitive's scratchpad (the reorder's, too, for they
/// run one after the other), then the weights in the primitive's layout if they are not the caller's.
struct CallScratch {
    explicit CallScratch(const Plan& plan) {
        std::size_t pad = plan.scratchpad.get_size();
        if (plan.reorder) pad = std::max(pad, plan.reorder->scratchpad_bytes());
        pad = section(pad);
        scratchpad = kernels::scratch(pad + (plan.reorder ? plan.weights.get_size() : 0));
        if (plan.reorder) weights = reinterpret_cast<float*>(scratchpad + pad);
    }

    std::byte* scratchpad;
    float* weights = nullptr;
};

/// The caller's weights as the primitive wants them.
const float* reordered(const Plan& plan, const CallScratch& scratch, const float* weights) {
    if (!plan.reorder) return weights;
    plan.reorder->run(weights, scratch.weights, scratch.scratchpad);
    return scratch.weights;
}

/// The caller's layout as oneDNN knows it: null (plain OIHW) for one of another owner, from or to which `plain` is
/// copied.
struct CallerLayout {
    CallerLayout(const Conv2dGeometry& g, const WeightsLayout& layout) {
        if (layout == nullptr) return;
        require_dims(*layout, g);
        desc = dynamic_cast<const DescLayout*>(layout.get());
        if (desc == nullptr) plain.resize(static_cast<std::size_t>(g.weights_elements()));
    }

    /// Returns weights that are read in the layout `desc`.
    const float* readable(const WeightsLayout& layout, const float* weights) {
        if (plain.empty()) return weights;
        layout->unpack(weights, plain.data());
        return plain.data();
    }

    const DescLayout* desc = nullptr;
    std::vector<float> plain;
};

}  // namespace

WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training) {
    const Session session;
    return preferred(g, training);
}

void forward(const Conv2dGeometry& g, bool training, const float* src, const float* weights,
             const WeightsLayout& layout, const float* bias, float* dst) {
    const Pass pass = training ? Pass::forward_training : Pass::forward_inference;
    CallerLayout caller(g, layout);
    const float* readable = caller.readable(layout, weights);
    const Session session;
    const Plan& plan = plan_for({g, pass, bias != nullptr, caller.desc, session.threads()});
    const CallScratch scratch(plan);
    execute(plan.primitive, {{DNNL_ARG_SRC, wrap(plan.src, src)},
                             {DNNL_ARG_WEIGHTS, wrap(plan.weights, reordered(plan, scratch, readable))},
                             {DNNL_ARG_BIAS, wrap(plan.bias, bias)},
                             {DNNL_ARG_DST, wrap(plan.dst, dst)},
                             {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratch.scratchpad)}});
}

void backward_data(const Conv2dGeometry& g, const float* diff_dst, const float* weights, const WeightsLayout& layout,
                   float* diff_src) {
    CallerLayout caller(g, layout);
    const float* readable = caller.readable(layout, weights);
    const Session session;
    const Plan& plan = plan_for({g, Pass::backward_data, false, caller.desc, session.threads()});
    const CallScratch scratch(plan);
    execute(plan.primitive, {{DNNL_ARG_DIFF_DST, wrap(plan.dst, diff_dst)},
                             {DNNL_ARG_WEIGHTS, wrap(plan.weights, reordered(plan, scratch, readable))},
                             {DNNL_ARG_DIFF_SRC, wrap(plan.src, diff_src)},
                             {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratch.scratchpad)}});
}

void backward_weights(const Conv2dGeometry& g, const float* src, const float* diff_dst, float* diff_weights,
                      const WeightsLayout& layout, float* diff_bias) {
    CallerLayout caller(g, layout);
    const Session session;
    const Plan& plan = plan_for({g, Pass::backward_weights, diff_bias != nullptr, caller.desc, session.threads()});
    const CallScratch scratch(plan);
    float* wanted = caller.plain.empty() ? diff_weights : caller.plain.data();
    float* written = plan.reorder ? scratch.weights : wanted;
    execute(plan.primitive, {{DNNL_ARG_SRC, wrap(plan.src, src)},
                             {DNNL_ARG_DIFF_DST, wrap(plan.dst, diff_dst)},
                             {DNNL_ARG_DIFF_WEIGHTS, wrap(plan.weights, written)},
                             {DNNL_ARG_DIFF_BIAS, wrap(plan.bias, diff_bias)},
                             {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, scratch.scratchpad)}});
    if (plan.reorder) plan.reorder->run(written, wanted, scratch.scratchpad);
    if (wanted != diff_weights) layout->pack(wanted, diff_weights);
}

}  // namespace onednn

ConvImplementations conv2d_implementations(const Conv2dGeometry& g) {
    const onednn::Session session;
    const auto layout = onednn::preferred(g, true);
    const auto name = [&](onednn::Pass pass) {
        return onednn::implementation({g, pass, false, layout.get(), session.threads()});
    };
    return {name(onednn::Pass::forward_training), name(onednn::Pass::backward_data),
            name(onednn::Pass::backward_weights)};
}

std::int64_t conv2d_primitive_count() { return onednn::plan_count(); }

}  // namespace keel::kernels
