#include "graph/ops/resize.h"

#include <array>
#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"

namespace keel::graph {
namespace {

constexpr std::array<const char*, 2> kResizeKinds{"nearest", "linear"};
constexpr std::array<const char*, 4> kCoordinates{"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"};
constexpr std::array<const char*, 4> kRoundings{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

}  // namespace

void Resize::fields(Archive& archive) {
    archive.choice("kind", kind, kResizeKinds);
    archive.choice("coordinates", coordinates, kCoordinates);
    archive.choice("rounding", rounding, kRoundings);
    archive.number("scale_h", scale_h);
    archive.number("scale_w", scale_w);
}

void Resize::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(node.node().src.c == node.node().dst.c, "as many channels in dst as in src");
    node.require(std::isfinite(scale_h) && std::isfinite(scale_w) && scale_h > 0 && scale_w > 0, "scales above 0");
}

void Resize::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const Buffer &in = memory.graph().map(node.src), &out = memory.graph().map(node.dst);
    kernels::resize_forward({memory.n(), in.h, in.w, node.src.c, out.h, out.w, src.ld, dst.ld, scale_h, scale_w, kind,
                             coordinates, rounding},
                            src.floats(), dst.floats());
}

}  // namespace keel::graph
