#include <algorithm>

#include "kernels/activation/activation.h"
#include "kernels/conv/prepared.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/onednn/conv.h"
#include "kernels/onednn/conv_plan.h"
#include "kernels/onednn/runtime.h"
#include "kernels/profile.h"
#include "kernels/scratch.h"

namespace keel::kernels::onednn {
namespace {

/// oneDNN's kernels read and write dense pixels, and add to what dst holds. Whatever else the operands ask for is a
/// pass of its own, through scratch memory.
class OnednnConv final : public PreparedConv {
public:
    OnednnConv(const Conv2dGeometry& g, const ConvFusion& fusion) : g_(g), fusion_(fusion), layout_(layout_for(g)) {}

    std::int64_t weights_elements() const override { return layout_->elements(); }
    void pack(const float* plain, float* packed) const override { layout_->pack(plain, packed); }
    std::string algorithm() const override { return implementation(key(g_, Session())); }

    void run(std::int64_t n, const ConvOperands& o) const override {
        require_f32(o);
        const Conv2dGeometry g = with_images(n);
        const Session session;
        const Plan& plan = plan_for(key(g, session));
        const profile::Span span(g.pointwise() ? "conv2d_forward 1x1" : "conv2d_forward", conv2d_cost(g));
        const UnaryGeometry src{n * g_.ih * g_.iw, g_.ic, o.src.ld, g_.ic},
            dst{n * g_.oh() * g_.ow(), g_.oc, g_.oc, o.dst.ld};
        const bool copy_src = fusion_.src_affine || o.src.ld != g_.ic, copy_dst = o.dst.ld != g_.oc;
        const Sections at(plan, copy_src ? src.rows * src.c : 0, copy_dst ? dst.rows * dst.c : 0);

        if (fusion_.src_affine)
            affine_forward(src, o.src.floats(), o.src_scale, o.src_shift, true, at.src);
        else if (copy_src)
            copy(src, o.src.floats(), at.src);
        float* result = copy_dst ? at.dst : o.dst.floats();
        if (fusion_.residual && result != o.residual.floats())
            copy({dst.rows, dst.c, o.residual.ld, dst.c}, o.residual.floats(), result);
        const float* weights = o.weights;
        if (plan.reorder) {  // another number of images may want another layout
            plan.reorder->run(weights, at.weights, at.pad);
            weights = at.weights;
        }
        execute(plan.primitive, {{DNNL_ARG_SRC, wrap(plan.src, copy_src ? at.src : o.src.floats())},
                                 {DNNL_ARG_WEIGHTS, wrap(plan.weights, weights)},
                                 {DNNL_ARG_BIAS, wrap(plan.bias, o.bias)},
                                 {DNNL_ARG_DST, wrap(plan.dst, result)},
                                 {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, at.pad)}});
        if (fusion_.activation.kind != ActivationKind::none)
            activation_forward(fusion_.activation, dst, result, o.dst.floats());
        else if (copy_dst)
            copy(dst, result, o.dst.floats());
    }

private:
    /// The calling thread's scratch memory, divided for one call.
    struct Sections {
        Sections(const Plan& plan, std::int64_t src_elements, std::int64_t dst_elements) {
            const auto floats = [](std::int64_t count) {
                return section(static_cast<std::size_t>(count) * sizeof(float));
            };
            std::size_t pad_bytes = plan.scratchpad.get_size(), weights_bytes = 0;
            if (plan.reorder) {
                pad_bytes = std::max(pad_bytes, plan.reorder->scratchpad_bytes());
                weights_bytes = section(plan.weights.get_size());
            }
            pad_bytes = section(pad_bytes);
            pad = scratch(pad_bytes + weights_bytes + floats(src_elements) + floats(dst_elements));
            weights = reinterpret_cast<float*>(pad + pad_bytes);
            src = reinterpret_cast<float*>(pad + pad_bytes + weights_bytes);
            dst = reinterpret_cast<float*>(pad + pad_bytes + weights_bytes + floats(src_elements));
        }

        std::byte* pad;
        float *weights, *src, *dst;
    };

    Conv2dGeometry with_images(std::int64_t n) const {
        Conv2dGeometry g = g_;
        g.n = n;
        return g;
    }

    static std::shared_ptr<const DescLayout> layout_for(const Conv2dGeometry& g) {
        const Session session;
        return preferred(g, false);
    }

    PlanKey key(const Conv2dGeometry& g, const Session& session) const {
        return {g,           Pass::forward_inference, fusion_.bias, layout_.get(), session.threads(), fusion_.residual,
                fusion_.relu};
    }

    Conv2dGeometry g_;
    ConvFusion fusion_;
    std::shared_ptr<const DescLayout> layout_;
};

}  // namespace

std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    return std::make_unique<OnednnConv>(g, fusion);
}

}  // namespace keel::kernels::onednn
