#include "graph/ops/norm.h"

#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/norm/norm.h"

namespace keel::graph {
namespace {

const float* given(const std::vector<float>& values) { return values.empty() ? nullptr : values.data(); }

void fields_of(Archive& archive, std::vector<float>& scale, std::vector<float>& shift, float& eps) {
    archive.numbers("scale", scale);
    archive.numbers("shift", shift);
    archive.number("eps", eps);
}

void check_of(const NodeCheck& node, const std::vector<float>& scale, const std::vector<float>& shift, float eps) {
    node.require_floats();
    node.require_same_extents();
    for (const auto* factors : {&scale, &shift})
        node.require(factors->empty() || (std::ssize(*factors) == node.node().src.c && all_finite(*factors)),
                     "finite factors of each channel, or none");
    node.require(eps >= 0 && std::isfinite(eps), "an eps of at least 0 that is finite");
}

kernels::NormGeometry geometry(const Node& node, const RunMemory& memory, std::int64_t pixels) {
    return {pixels, node.src.c, memory.ld(node.src), memory.ld(node.dst)};
}

}  // namespace

void LayerNorm::fields(Archive& archive) { fields_of(archive, scale, shift, eps); }

void LayerNorm::check(const NodeCheck& node) const { check_of(node, scale, shift, eps); }

void LayerNorm::run(const Node& node, const RunMemory& memory) const {
    kernels::layer_norm_forward(geometry(node, memory, memory.pixels(node.src)), memory.from(node.src).floats(),
                                given(scale), given(shift), eps, memory.to(node.dst).floats());
}

void InstanceNorm::fields(Archive& archive) { fields_of(archive, scale, shift, eps); }

void InstanceNorm::check(const NodeCheck& node) const { check_of(node, scale, shift, eps); }

void InstanceNorm::run(const Node& node, const RunMemory& memory) const {
    const Buffer& map = memory.graph().map(node.src);
    kernels::instance_norm_forward(memory.n(), geometry(node, memory, map.h * map.w), memory.from(node.src).floats(),
                                   given(scale), given(shift), eps, memory.to(node.dst).floats());
}

void LocalResponseNorm::fields(Archive& archive) {
    archive.integer("size", size);
    archive.number("alpha", alpha);
    archive.number("beta", beta);
    archive.number("bias", bias);
}

void LocalResponseNorm::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
    node.require(1 <= size && size <= kMostSize, "a size of 1 to 1024 channels");
    node.require(std::isfinite(alpha) && std::isfinite(beta) && std::isfinite(bias), "finite factors");
}

void LocalResponseNorm::run(const Node& node, const RunMemory& memory) const {
    kernels::lrn_forward(geometry(node, memory, memory.pixels(node.src)), {size, alpha, beta, bias},
                         memory.from(node.src).floats(), memory.to(node.dst).floats());
}

}  // namespace keel::graph
