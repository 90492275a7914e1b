#include "graph/ops/quant_convert.h"

#include <cmath>

#include "graph/check.h"
#include "graph/run_memory.h"

namespace keel::graph {

void Quantize::fields(Archive& archive) {
    archive.numbers("scale", scale);
    archive.numbers("shift", shift);
}

void Quantize::check(const NodeCheck& node) const {
    node.require_src(false);
    node.require_dst(true);
    node.require_same_extents();
    node.require_factors(scale, shift, node.node().src.c);
}

void Quantize::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::QuantizedMap dst = memory.quantized_to(node.dst);
    if (kernels::quantize({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.floats(), scale.data(),
                          shift.data(), dst.data))
        return;
    const std::int64_t pixels = memory.pixels(node.src) / memory.n();
    for (std::int64_t image = 0; image < memory.n(); ++image)
        if (!stands_for_all(src.floats() + image * pixels * src.ld, pixels, src.ld)) memory.spoil(node, image);
}

bool Quantize::stands_for_all(const float* src, std::int64_t pixels, std::int64_t ld) const {
    for (std::int64_t p = 0; p < pixels; ++p, src += ld)
        for (std::size_t c = 0; c < scale.size(); ++c)
            if (!std::isfinite(std::fma(src[c], scale[c], shift[c]))) return false;
    return true;
}

void Dequantize::fields(Archive& archive) {
    archive.numbers("scale", scale);
    archive.numbers("shift", shift);
}

void Dequantize::check(const NodeCheck& node) const {
    node.require_src(true);
    node.require_dst(false);
    node.require_same_extents();
    node.require_factors(scale, shift, node.node().src.c);
}

void Dequantize::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstQuantizedMap src = memory.quantized_from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    kernels::dequantize({memory.pixels(node.src), node.src.c, src.ld, dst.ld}, src.data, scale.data(), shift.data(),
                        dst.floats());
}

}  // namespace keel::graph
