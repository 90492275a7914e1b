#include "kernels/igemm/prepared.h"

#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu.h"
#include "kernels/igemm/panels.h"
#include "kernels/igemm/winograd.h"

namespace keel::kernels {
namespace {

/// The layout of panels was that of the ISA active when it was made, and so must be the kernels.
class OwnConv final : public PreparedConv {
public:
    OwnConv(const Conv2dGeometry& g, const ConvFusion& fusion)
        : g_(g), fusion_(fusion), winograd_(winograd_wins_transformed(g, active_isa(), fusion.maps)) {}

    bool halves() const { return fusion_.maps == DType::bf16; }

    bool serves() const { return !fusion_.src_affine || winograd_ || (g_.pointwise() && g_.unpadded()); }

    std::int64_t weights_elements() const override { return halves() ? floats() / 2 : floats(); }

    void pack(const float* plain, float* packed) const override {
        if (!halves()) return pack_floats(plain, packed);
        std::vector<float> whole(static_cast<std::size_t>(floats()));
        pack_floats(plain, whole.data());
        igemm_pair_weights(floats(), whole.data(), packed);
    }

    void run(std::int64_t n, const ConvOperands& o) const override {
        require_maps(o, fusion_.maps);
        Conv2dGeometry g = g_;
        g.n = n;
        const profile::Span span(g.pointwise() ? "conv2d_forward 1x1" : "conv2d_forward", conv2d_cost(g));
        IgemmFusion fusion;
        if (fusion_.src_affine) fusion.src_affine = {o.src_scale, o.src_shift, true};
        if (fusion_.bias) fusion.bias = o.bias;
        if (fusion_.residual) fusion.residual = o.residual;
        fusion.relu = fusion_.relu;
        fusion.activation = fusion_.activation;
        const auto forward = winograd_ ? winograd_forward_transformed : halves() ? igemm_forward_paired : igemm_forward;
        forward(g, o.src, o.weights, fusion, o.dst);
    }

    std::string algorithm() const override {
        return std::string(winograd_ ? "winograd" : "igemm") + (halves() ? ":bf16" : "");
    }

private:
    /// Of weights before they are paired.
    std::int64_t floats() const { return winograd_ ? winograd_weights_floats(g_) : g_.weights_elements(); }

    void pack_floats(const float* plain, float* packed) const {
        if (!winograd_) return pack_weights(panel_layout(g_), plain, packed);
        std::vector<float> panels(static_cast<std::size_t>(g_.weights_elements()));
        pack_weights(panel_layout(g_), plain, panels.data());
        winograd_transform_weights(g_, panels.data(), packed);
    }

    Conv2dGeometry g_;
    ConvFusion fusion_;
    bool winograd_;
};

}  // namespace

std::unique_ptr<const PreparedConv> prepare_own_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    check_geometry(g);
    if (!(fusion.maps == DType::bf16 ? igemm_forwards_bf16(g) : igemm_forwards(g))) return nullptr;
    auto conv = std::make_unique<OwnConv>(g, fusion);
    return conv->serves() ? std::move(conv) : nullptr;
}

}  // namespace keel::kernels
