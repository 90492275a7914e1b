// The quantized form of a pool.
#include "graph/ops/pool.h"

#include <algorithm>

#include "graph/ops/quant_pool.h"
#include "graph/quantize/pass.h"
#include "graph/quantize/reading.h"

namespace keel::graph {
namespace {

void quantize_max(QuantizePass& pass, const Node& node, const Pool& pool) {
    const Value from = pass.quantized_of(node.src);
    QuantPool op{pool.kind, pool.window, {}, {}, {}, {}};
    if (pool.prologue) {
        pass.choose_params(node.dst);
        op.prologue = read_requantized(pass.params_of(from), *pool.prologue, pass.params_of(node.dst)).prologue;
    } else {
        pass.set_params(node.dst, pass.params_of(from));
    }
    pass.complete(node, from, node.dst, std::move(op));
}

QuantReading reading_of(const QuantizePass& pass, const std::vector<QuantParams>& src, const Pool& pool, bool whole) {
    if (!pool.prologue) return read_plain(src);
    if (!whole) return read_clamped(src, *pool.prologue);
    return read_requantized(
        src, *pool.prologue,
        std::vector<QuantParams>(src.size(), quant_params(pass.calibration().prologue, pass.method())));
}

void quantize_average(QuantizePass& pass, const Node& node, const Pool& pool) {
    const Value from = pass.quantized_of(node.src);
    pass.choose_params(node.dst);
    const bool whole = pool.window.pad > 0 && pool.kind == PoolKind::average;  // what stands for 0 must be whole
    const QuantReading src = reading_of(pass, pass.params_of(from), pool, whole);
    QuantPool op{pool.kind, pool.window, src.prologue, {}, {}, {}};
    if (whole)
        for (const double zero : src.offset) op.pad.push_back(static_cast<std::uint8_t>(zero));
    const std::vector<QuantParams> dst = pass.params_or_floats(node.dst);
    for (std::size_t c = 0; c < dst.size(); ++c) {
        const double scale = src.factor[c] / dst[c].scale;
        double shift = dst[c].zero - scale * src.offset[c];
        // A channel without a slope is a constant, which the shift takes.
        if (pool.prologue && pool.prologue->scale[c] == 0 && src.arithmetic == Arithmetic::int8)
            shift = dst[c].zero + double{std::max(0.0F, pool.prologue->shift[c])} / dst[c].scale;
        op.scale.push_back(static_cast<float>(scale));
        op.shift.push_back(static_cast<float>(shift));
    }
    pass.complete(node, from, node.dst, std::move(op));
}

}  // namespace

void Pool::quantize(QuantizePass& pass, const Node& node) const {
    if (kind == PoolKind::max)
        quantize_max(pass, node, *this);
    else
        quantize_average(pass, node, *this);
}

}  // namespace keel::graph
