#include "graph/ops/activation.h"

#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"

namespace keel::graph {

void fields(Archive& archive, kernels::Activation& activation) {
    int kind = static_cast<int>(activation.kind);
    archive.word("activation", kind, kernels::kActivationNames);
    activation.kind = static_cast<kernels::ActivationKind>(kind);
    archive.number("alpha", activation.alpha);
    archive.number("beta", activation.beta);
}

void check_activation(const NodeCheck& node, const kernels::Activation& activation) {
    node.require(std::isfinite(activation.alpha) && std::isfinite(activation.beta), "finite numbers of the activation");
    node.require(activation.kind != kernels::ActivationKind::clip || activation.alpha <= activation.beta,
                 "a clip whose bounds are in order");
}

void Activate::fields(Archive& archive) { graph::fields(archive, activation); }

void Activate::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
    check_activation(node, activation);
}

void Activate::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::activation_forward(activation, {memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.floats(),
                                dst.floats());
}

}  // namespace keel::graph
