#include <algorithm>
#include <vector>

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

/// Whether each window along one axis holds a pixel of the map.
bool windows_meet(std::int64_t in, std::int64_t out, int kernel, int stride, int pad, int dilation) {
    for (std::int64_t o = 0; o < out; ++o) {
        bool meets = false;
        for (int k = 0; k < kernel && !meets; ++k) {
            const std::int64_t at = o * stride - pad + std::int64_t{k} * dilation;
            meets = at >= 0 && at < in;
        }
        if (!meets) return false;
    }
    return true;
}

/// Returns how many groups of fewer than eight channels are made one, with
/// zeros as weights between them: oneDNN has kernels for eight and more, which
/// make twice the products in half the time and less.
int groups_together(const Conv2dGeometry& g) {
    constexpr std::int64_t kChannels = 8;
    const std::int64_t ic = g.ic / g.groups, oc = g.oc / g.groups;
    if (g.groups == 1 || ic == 1 || ic >= kChannels || kChannels % ic != 0) return 1;
    const std::int64_t together = kChannels / ic;
    return g.groups % together == 0 && oc * together % kChannels == 0 ? static_cast<int>(together) : 1;
}

/// Returns the geometry without padding, of a source that is padded in memory,
/// where a window lies in the padding altogether. There the AVX-512 kernels
/// of 2.6 ("brgconv") go astray with what is fused.
Conv2dGeometry without_bare_windows(const Conv2dGeometry& g) {
    if (windows_meet(g.ih, g.oh(), g.kh, g.stride_h, g.pad_h, g.dilation_h) &&
        windows_meet(g.iw, g.ow(), g.kw, g.stride_w, g.pad_w, g.dilation_w))
        return g;
    Conv2dGeometry padded = g;
    padded.ih += 2 * g.pad_h + g.far_h;
    padded.iw += 2 * g.pad_w + g.far_w;
    padded.pad_h = padded.pad_w = padded.far_h = padded.far_w = 0;
    return padded;
}

/// Returns the geometry that oneDNN is asked for.
Conv2dGeometry asked_for(const Conv2dGeometry& g) {
    Conv2dGeometry asked = without_bare_windows(g);
    asked.groups /= groups_together(g);
    return asked;
}

/// oneDNN's kernels read and write dense pixels, and add to what dst holds.
/// Whatever else the operands ask for is a pass of its own, through scratch
/// memory.
class OnednnConv final : public PreparedConv {
public:
    OnednnConv(const Conv2dGeometry& g, const ConvFusion& fusion)
        : g_(g), asked_(asked_for(g)), fusion_(fusion), layout_(layout_for(asked_)) {}

    std::int64_t weights_elements() const override { return layout_->elements(); }
    void pack(const float* plain, float* packed) const override {
        if (asked_.groups == g_.groups) return layout_->pack(plain, packed);
        const std::int64_t taps = std::int64_t{g_.kh} * g_.kw, own = g_.ic / g_.groups * taps,
                           together = g_.groups / asked_.groups, outputs = g_.oc / g_.groups;
        std::vector<float> merged(static_cast<std::size_t>(g_.oc * own * together));
        for (std::int64_t o = 0; o < g_.oc; ++o)
            std::copy_n(plain + o * own, own, merged.data() + (o * together + o / outputs % together) * own);
        layout_->pack(merged.data(), packed);
    }
    std::string algorithm() const override { return implementation(key(asked_, Session())); }

    void run(std::int64_t n, const ConvOperands& o) const override {
        require_f32(o);
        Conv2dGeometry g = asked_;
        g.n = n;
        Conv2dGeometry of_caller = g_;
        of_caller.n = n;
        const Session session;
        const Plan& plan = plan_for(key(g, session));
        const profile::Span span(g.pointwise() ? "conv2d_forward 1x1" : "conv2d_forward", conv2d_cost(of_caller));
        const UnaryGeometry dst{n * g.oh() * g.ow(), g.oc, g.oc, o.dst.ld};
        const bool copy_src = fusion_.src_affine || o.src.ld != g.ic || padded(), copy_dst = o.dst.ld != g.oc;
        const Sections at(plan, copy_src ? n * g.ih * g.iw * g.ic : 0, copy_dst ? dst.rows * dst.c : 0);
        if (copy_src) write_src(n, o, at.src);
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

    /// Whether the padding is part of what oneDNN reads.
    bool padded() const { return asked_.ih != g_.ih || asked_.iw != g_.iw; }

    /// Writes what oneDNN reads: dense, normalized, padded.
    void write_src(std::int64_t n, const ConvOperands& o, float* to) const {
        const auto write = [&](std::int64_t pixels, const float* from, float* first) {
            const UnaryGeometry src{pixels, g_.ic, o.src.ld, g_.ic};
            if (fusion_.src_affine)
                affine_forward(src, from, o.src_scale, o.src_shift, true, first);
            else
                copy(src, from, first);
        };
        if (!padded()) return write(n * g_.ih * g_.iw, o.src.floats(), to);
        std::fill_n(to, n * asked_.ih * asked_.iw * g_.ic, 0.0F);
        for (std::int64_t row = 0; row < n * g_.ih; ++row) {
            const std::int64_t y = row / g_.ih * asked_.ih + row % g_.ih + g_.pad_h;
            write(g_.iw, o.src.floats() + row * g_.iw * o.src.ld, to + (y * asked_.iw + g_.pad_w) * g_.ic);
        }
    }

    static std::shared_ptr<const DescLayout> layout_for(const Conv2dGeometry& g) {
        const Session session;
        return preferred(g, false);
    }

    PlanKey key(const Conv2dGeometry& g, const Session& session) const {
        return {g,           Pass::forward_inference, fusion_.bias, layout_.get(), session.threads(), fusion_.residual,
                fusion_.relu};
    }

    Conv2dGeometry g_, asked_;
    ConvFusion fusion_;
    std::shared_ptr<const DescLayout> layout_;
};

}  // namespace

std::unique_ptr<const PreparedConv> prepare_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    check_geometry(g);
    return std::make_unique<OnednnConv>(g, fusion);
}

}  // namespace keel::kernels::onednn
