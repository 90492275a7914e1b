#include "graph/ops/binary.h"

#include <array>
#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"

namespace keel::graph {
namespace {

constexpr std::array<const char*, 7> kBinaryKinds{"add", "sub", "mul", "div", "max", "min", "pow"};

bool same_or_one(std::int64_t extent, std::int64_t of_src) { return extent == of_src || extent == 1; }

/// 0 where an axis is repeated.
std::int64_t step(std::int64_t extent, std::int64_t of_src, std::int64_t distance) {
    return extent == of_src ? distance : 0;
}

}  // namespace

void Binary::fields(Archive& archive) {
    archive.choice("kind", kind, kBinaryKinds);
    archive.flag("swapped", swapped);
    if (archive.optional("operand", operand)) archive.slice("operand", *operand);
    archive.numbers("constant", constant);
}

void Binary::check(const NodeCheck& node) const {
    node.require_floats();
    node.require_same_extents();
    node.require(operand.has_value() == constant.empty(), "an operand or a constant");
    const Buffer& src = node.src();
    const std::int64_t c = node.node().src.c;
    if (operand) {
        const Buffer& other = node.graph().map(*operand);
        node.require(!other.quantized, "an operand of floats");
        node.require(same_or_one(other.h, src.h) && same_or_one(other.w, src.w) && same_or_one(operand->c, c),
                     "an operand whose extents are each src's or 1");
    } else {
        const std::int64_t count = std::ssize(constant);
        node.require(count == 1 || count == c || count == src.h * src.w * c,
                     "a constant of one number, of src's channels or of src's elements");
        // a bound may be infinite
        node.require(count == 1 ? !std::isnan(constant[0]) : all_finite(constant), "finite constants");
    }
}

void Binary::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const Buffer& map = memory.graph().map(node.src);
    const std::int64_t c = node.src.c;
    kernels::BroadcastGeometry g{memory.n(), map.h, map.w, c, src.ld, dst.ld, 0, 0, 0, 0};
    const float* other = constant.data();
    if (operand) {
        const Buffer& of = memory.graph().map(*operand);
        const kernels::ConstMap from = memory.from(*operand);
        other = from.floats();
        g.other_image = of.h * of.w * from.ld;
        g.other_row = step(of.h, map.h, of.w * from.ld);
        g.other_pixel = step(of.w, map.w, from.ld);
        g.other_channel = step(operand->c, c, 1);
    } else {
        const std::int64_t count = std::ssize(constant);
        g.other_channel = count > 1 ? 1 : 0;
        g.other_pixel = count > c ? c : 0;
        g.other_row = map.w * g.other_pixel;
    }
    kernels::binary_forward(g, kind, swapped, src.floats(), other, dst.floats());
}

}  // namespace keel::graph
