#include "kernels/linear/linear.h"

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/linear/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/replicas.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

/// Outputs that a thread takes at once, a cache line of them.
constexpr std::int64_t kOutputs = 16;
/// Multiply-accumulates worth waking a thread for.
constexpr std::int64_t kGrain = 1 << 16;

class Linear final : public PreparedConv {
public:
    Linear(const Conv2dGeometry& g, const ConvFusion& fusion) : g_(g), fusion_(fusion) {}

    std::int64_t weights_elements() const override { return g_.weights_elements(); }
    void pack(const float* plain, float* packed) const override {
        const std::int64_t pixels = g_.ih * g_.iw;
        parallel_for(g_.oc, std::max<std::int64_t>(1, kGrain / (pixels * g_.ic)),
                     [&](std::int64_t begin, std::int64_t end) {
                         for (std::int64_t o = begin; o < end; ++o)
                             for (std::int64_t i = 0; i < g_.ic; ++i)
                                 for (std::int64_t p = 0; p < pixels; ++p)
                                     packed[(o * pixels + p) * g_.ic + i] = plain[(o * g_.ic + i) * pixels + p];
                     });
    }
    std::string algorithm() const override { return "linear"; }

    void run(std::int64_t n, const ConvOperands& o) const override {
        require_maps(o, DType::f32);
        const ConstMap src = with_ld(o.src, g_.ic), residual = with_ld(o.residual, g_.oc);
        const Map dst = with_ld(o.dst, g_.oc);
        // the residual may be dst itself
        float* sums = fusion_.residual ? scratch_for(n) : dst.floats();
        LinearGeometry sized{n, g_.ih * g_.iw, g_.ic, g_.oc, src.ld, dst.ld};
        if (fusion_.residual) sized.dst_ld = g_.oc;
        linear_forward(sized, src.floats(), o.weights, fusion_.bias ? o.bias : nullptr, sums);
        if (fusion_.residual)
            add_forward(BinaryGeometry{n, g_.oc, g_.oc, residual.ld, dst.ld}, sums, residual.floats(), dst.floats());
        const UnaryGeometry rows{n, g_.oc, dst.ld, dst.ld};
        if (fusion_.relu) relu_forward(rows, dst.floats(), dst.floats());
        if (fusion_.activation.kind != ActivationKind::none)
            activation_forward(fusion_.activation, rows, dst.floats(), dst.floats());
    }

private:
    float* scratch_for(std::int64_t n) const {
        return reinterpret_cast<float*>(scratch(static_cast<std::size_t>(n * g_.oc) * sizeof(float)));
    }

    Conv2dGeometry g_;
    ConvFusion fusion_;
};

}  // namespace

void linear_forward(const LinearGeometry& g, const float* src, const float* weights, const float* bias, float* dst) {
    const auto macs = static_cast<double>(g.n * g.pixels * g.c * g.out);
    const auto bytes = static_cast<double>((g.n + g.out) * g.pixels * g.c) * sizeof(float);
    const profile::Span span("linear_forward", profile::Cost{2 * macs, bytes});
    const auto& variant = select(linear_variants);
    const std::int64_t chunks = chunk_count(g.out, kOutputs);
    const std::int64_t each = std::max<std::int64_t>(1, g.n * g.pixels * g.c * kOutputs);
    parallel_for(chunks, std::max<std::int64_t>(1, kGrain / each), [&](std::int64_t begin, std::int64_t end) {
        variant.outputs(g, begin * kOutputs, std::min(end * kOutputs, g.out), src, near_copy(weights), bias, dst);
    });
}

std::unique_ptr<const PreparedConv> prepare_linear(const Conv2dGeometry& g, const ConvFusion& fusion) {
    const bool whole = g.kh == g.ih && g.kw == g.iw && g.oh() * g.ow() == 1 && g.pad_h == 0 && g.pad_w == 0 &&
                       g.far_h == 0 && g.far_w == 0 && g.groups == 1;
    if (!whole || fusion.src_affine) return nullptr;
    return std::make_unique<Linear>(g, fusion);
}

}  // namespace keel::kernels
