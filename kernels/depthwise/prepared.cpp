#include "kernels/depthwise/prepared.h"

#include "kernels/depthwise/depthwise.h"

namespace keel::kernels {
namespace {

class DepthwiseConv final : public PreparedConv {
public:
    DepthwiseConv(const Conv2dGeometry& g, const ConvFusion& fusion) : g_(g), fusion_(fusion) {}

    std::int64_t weights_elements() const override { return depthwise_weights_floats(g_); }
    void pack(const float* plain, float* packed) const override { depthwise_pack(g_, plain, packed); }
    std::string algorithm() const override { return "depthwise"; }

    void run(std::int64_t n, const ConvOperands& o) const override {
        require_maps(o, DType::f32);
        Conv2dGeometry g = g_;
        g.n = n;
        DepthwiseFusion fusion;
        if (fusion_.bias) fusion.bias = o.bias;
        if (fusion_.residual) fusion.residual = with_ld(o.residual, g.oc);
        fusion.relu = fusion_.relu;
        fusion.activation = fusion_.activation;
        depthwise_forward(g, with_ld(o.src, g.ic), o.weights, fusion, with_ld(o.dst, g.oc));
    }

private:
    Conv2dGeometry g_;
    ConvFusion fusion_;
};

}  // namespace

std::unique_ptr<const PreparedConv> prepare_depthwise_conv(const Conv2dGeometry& g, const ConvFusion& fusion) {
    check_geometry(g);
    if (!depthwise_serves(g) || fusion.src_affine) return nullptr;
    return std::make_unique<DepthwiseConv>(g, fusion);
}

}  // namespace keel::kernels
