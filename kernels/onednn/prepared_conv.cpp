#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/conv/prepared.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/onednn/conv.h"
#include "kernels/onednn/pieces.h"
#include "kernels/onednn/runtime.h"
#include "kernels/profile.h"
#include "kernels/reduce/reduce.h"
#include "kernels/replicas.h"
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

/// Each summand of a result may reach a quarter of the range of floats: its
/// products, its bias and its residual.
constexpr float kSummands = 4;

/// Returns the factor by which an element of src must be able to grow within
/// the range of floats, so that no sum of products leaves its share of it; no
/// number, or infinity, where weights are.
float growth(std::span<const float> plain, std::int64_t outputs) {
    const std::size_t own = plain.size() / static_cast<std::size_t>(outputs);
    double most = 0;
    for (std::size_t first = 0; first < plain.size(); first += own) {
        double sum = 0;
        for (const float weight : plain.subspan(first, own)) sum += std::abs(double{weight});
        if (!(sum <= most)) most = sum;
        if (std::isnan(most)) break;
    }
    return static_cast<float>(kSummands * (1 + most));
}

/// oneDNN's kernels read and write dense pixels, and add to what dst holds.
/// Whatever else the operands ask for is a pass of its own, through scratch
/// memory. Their ReLU makes 0 of a NaN: it is fused where there can be none,
/// which is asked of what the convolution reads, as a rule less than it writes.
class OnednnConv final : public PreparedConv {
public:
    OnednnConv(const Conv2dGeometry& g, const ConvFusion& fusion)
        : g_(g), asked_(asked_for(g)), fusion_(fusion), layout_(preferred(typical(asked_), false)) {}

    /// oneDNN's, and growth().
    std::int64_t weights_elements() const override { return layout_->elements() + 1; }
    void pack(const float* plain, float* packed) const override {
        packed[layout_->elements()] = growth({plain, static_cast<std::size_t>(g_.weights_elements())}, g_.oc);
        if (asked_.groups == g_.groups) return layout_->pack(plain, packed);
        const std::int64_t taps = std::int64_t{g_.kh} * g_.kw, own = g_.ic / g_.groups * taps,
                           together = g_.groups / asked_.groups, outputs = g_.oc / g_.groups;
        std::vector<float> merged(static_cast<std::size_t>(g_.oc * own * together));
        for (std::int64_t o = 0; o < g_.oc; ++o)
            std::copy_n(plain + o * own, own, merged.data() + (o * together + o / outputs % together) * own);
        layout_->pack(merged.data(), packed);
    }
    std::string algorithm() const override { return implementation(key(typical(asked_), fusion_.relu)); }

    void run(std::int64_t n, const ConvOperands& o) const override {
        require_maps(o, DType::f32);
        if (!ran(n, o, fusion_.relu)) ran(n, o, false);
    }

private:
    /// Runs with oneDNN's ReLU or without; false, and nothing has run, where it would lose a NaN.
    bool ran(std::int64_t n, const ConvOperands& o, bool fused_relu) const {
        Conv2dGeometry g = asked_;
        g.n = n;
        Conv2dGeometry of_caller = g_;
        of_caller.n = n;
        const PieceRun pieces(cut(g), [&](const Conv2dGeometry& piece) { return key(piece, fused_relu); });
        const profile::Span span(g.pointwise() ? "conv2d_forward 1x1" : "conv2d_forward", conv2d_cost(of_caller));
        const UnaryGeometry dst{n * g.oh() * g.ow(), g.oc, g.oc, o.dst.ld};
        const bool copy_src = fusion_.src_affine || o.src.ld != g.ic || padded(), copy_dst = o.dst.ld != g.oc;
        const Sections at(pieces, copy_src ? n * g.ih * g.iw * g.ic : 0, copy_dst ? dst.rows * dst.c : 0);
        if (copy_src) write_src(n, o, at.src);
        float* result = copy_dst ? at.dst : o.dst.floats();
        if (fusion_.residual && result != o.residual.floats())
            copy({dst.rows, dst.c, o.residual.ld, dst.c}, o.residual.floats(), result);
        const float* src = copy_src ? at.src : o.src.floats();
        if (fused_relu && !makes_numbers(g, o, src, result)) return false;
        pieces.run(o.weights, at.pieces, [&](const PieceRun::Place& place) {
            const Plan& plan = place.plan;
            execute(plan.primitive, {{DNNL_ARG_SRC, wrap(plan.src, src + place.piece.src_offset(g))},
                                     {DNNL_ARG_WEIGHTS, wrap(plan.weights, place.weights)},
                                     {DNNL_ARG_BIAS, wrap(plan.bias, o.bias)},
                                     {DNNL_ARG_DST, wrap(plan.dst, result + place.piece.dst_offset(g))},
                                     {DNNL_ARG_SCRATCHPAD, wrap(plan.scratchpad, place.scratchpad)}});
        });
        if (fusion_.relu && !fused_relu) relu_forward({dst.rows, dst.c, dst.c, dst.c}, result, result);
        if (fusion_.activation.kind != ActivationKind::none)
            activation_forward(fusion_.activation, dst, result, o.dst.floats());
        else if (copy_dst)
            copy(dst, result, o.dst.floats());
        return true;
    }

    /// Whether no result can be NaN, before ReLU; `result` holds the residual.
    bool makes_numbers(const Conv2dGeometry& g, const ConvOperands& o, const float* src, const float* result) const {
        return all_finite(g.n * g.ih * g.iw * g.ic, src, near_copy(o.weights)[layout_->elements()]) &&
               (!fusion_.bias || all_finite(g.oc, o.bias, kSummands)) &&
               (!fusion_.residual || all_finite(g.n * g.oh() * g.ow() * g.oc, result, kSummands));
    }

    /// The calling thread's scratch memory, divided for one call.
    struct Sections {
        Sections(const PieceRun& run, std::int64_t src_elements, std::int64_t dst_elements) {
            const auto floats = [](std::int64_t count) {
                return section(static_cast<std::size_t>(count) * sizeof(float));
            };
            pieces = scratch(run.bytes() + floats(src_elements) + floats(dst_elements));
            src = reinterpret_cast<float*>(pieces + run.bytes());
            dst = reinterpret_cast<float*>(pieces + run.bytes() + floats(src_elements));
        }

        std::byte* pieces;
        float *src, *dst;
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

    PlanKey key(const Conv2dGeometry& piece, bool relu) const {
        return {piece, Pass::forward_inference, fusion_.bias, layout_.get(), fusion_.residual, relu};
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
