#include "graph/prologue.h"

#include "graph/check.h"
#include "kernels/error.h"

namespace keel::graph {

void fields(Archive& archive, std::optional<Prologue>& prologue) {
    if (!archive.optional("before", prologue)) return;
    archive.numbers("before.scale", prologue->scale);
    archive.numbers("before.shift", prologue->shift);
    bool relu = true;
    archive.flag("before.relu", relu);
    if (!relu) throw InputError("wanted a ReLU in 'before'");
}

void check_prologue(const NodeCheck& node, const std::optional<Prologue>& prologue) {
    const std::int64_t c = node.node().src.c;
    if (prologue) node.require_factors(prologue->scale, prologue->shift, c);
}

kernels::QuantPrologue QuantPrologue::view() const {
    const auto given = [](const auto& values) { return values.empty() ? nullptr : values.data(); };
    return {given(low), given(high), given(scale), given(shift)};
}

void fields(Archive& archive, QuantPrologue& prologue) {
    archive.numbers("before.low", prologue.low);
    archive.numbers("before.high", prologue.high);
    archive.numbers("before.scale", prologue.scale);
    archive.numbers("before.shift", prologue.shift);
}

void check_prologue(const NodeCheck& node, const QuantPrologue& p, const std::vector<std::uint8_t>& pad) {
    const std::int64_t c = node.node().src.c;
    const auto sized = [&](const auto& values) { return values.empty() || std::ssize(values) == c; };
    node.require(sized(p.low) && p.low.size() == p.high.size() && sized(p.scale) && p.scale.size() == p.shift.size() &&
                     sized(pad) && (p.low.empty() || p.scale.empty()) && all_finite(p.scale) && all_finite(p.shift),
                 "a clamp or an affine of src's channels as the prologue, and a pad of them");
}

}  // namespace keel::graph
