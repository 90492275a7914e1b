#include "graph/ops/pad.h"

#include <array>
#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

constexpr std::array<const char*, 3> kModes{"constant", "reflect", "edge"};

}  // namespace

void Pad::fields(Archive& archive) {
    archive.choice("mode", mode, kModes);
    archive.integer("top", top);
    archive.integer("left", left);
    archive.integer("front", front);
    std::vector<float> one{value};  // of any kind: the border of a maximum is -infinity
    archive.numbers("value", one);
    if (one.size() != 1) throw InputError("wanted one value of a border, got " + std::to_string(one.size()));
    value = one[0];
}

void Pad::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(!std::isnan(value), "a border that is a number");
    const Buffer &src = node.src(), &dst = node.dst();
    const auto fits = [&](std::int64_t in, std::int64_t out, std::int64_t before) {
        node.require(before >= 0 && before <= out - in, "a dst that src lies in");
        node.require(mode != Mode::reflect || (before < in && out - in - before < in),
                     "a reflected border that is narrower than src");
    };
    fits(src.h, dst.h, top);
    fits(src.w, dst.w, left);
    fits(node.node().src.c, node.node().dst.c, front);
}

void Pad::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const Buffer &in = memory.graph().map(node.src), &out = memory.graph().map(node.dst);
    kernels::pad_forward(
        {memory.n(), in.h, in.w, node.src.c, out.h, out.w, node.dst.c, src.ld, dst.ld, top, left, front}, mode, value,
        src.floats(), dst.floats());
}

}  // namespace keel::graph
