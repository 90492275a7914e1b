#include "graph/quantize/pass.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "graph/ops/quant_convert.h"
#include "kernels/parallel.h"

namespace keel {

using graph::Value;

QuantizePass::QuantizePass(const graph::Graph& floats, const Calibration& calibration, RangeMethod method,
                           const KeptFloats& kept)
    : floats_(floats), calibration_(calibration), method_(method), kept_(kept) {
    graph::Graph& g = result_.graph;
    g.buffers = floats.buffers;
    g.src = floats.src;
    g.dst = floats.dst;
    for (std::size_t i = 0; i < g.buffers.size(); ++i) {
        const int buffer = static_cast<int>(i);
        g.buffers[i].quantized = buffer != g.src.buffer && buffer != g.dst.buffer && !kept.buffers.contains(buffer);
        params_.emplace_back(static_cast<std::size_t>(g.buffers[i].c));
    }
}

QuantizedGraph QuantizePass::run() && {
    for (step_ = 0; step_ < floats_.nodes.size(); ++step_) {
        const graph::Node& node = floats_.nodes[step_];
        if (stays(node) || !node.op.quantize(*this, node)) keep(node);
    }
    check(result_.graph);
    return std::move(result_);
}

bool QuantizePass::stays(const graph::Node& node) const {
    bool kept = kept_.names.contains(node.name) || kept_.buffers.contains(node.dst.buffer);
    for_each_read(node,
                  [&](const Value& value, std::string_view) { kept = kept || kept_.buffers.contains(value.buffer); });
    return kept;
}

std::vector<QuantParams> QuantizePass::params_of(const Value& value) const {
    const auto begin = params_[static_cast<std::size_t>(value.buffer)].begin() + value.first;
    return {begin, begin + value.c};
}

std::vector<QuantParams> QuantizePass::params_or_floats(const Value& value) const {
    return quantized(value) ? params_of(value) : std::vector<QuantParams>(static_cast<std::size_t>(value.c));
}

void QuantizePass::set_params(const Value& value, const std::vector<QuantParams>& params) {
    std::ranges::copy(params, params_of_buffer(value).begin() + value.first);
}

/// Returns a new buffer of the extents of value's.
Value QuantizePass::aside(const Value& value, bool quantized) {
    const graph::Buffer& like = floats_.map(value);
    result_.graph.buffers.push_back({like.h, like.w, value.c, quantized});
    params_.emplace_back(static_cast<std::size_t>(value.c));
    return {static_cast<int>(result_.graph.buffers.size()) - 1, 0, value.c};
}

QuantizedNode& QuantizePass::append(std::string name, const Value& src, const Value& dst, graph::Op op) {
    result_.graph.nodes.push_back({std::move(name), src, dst, std::move(op)});
    return result_.nodes.emplace_back();
}

QuantizedNode& QuantizePass::complete(const graph::Node& node, const Value& src, const Value& dst, graph::Op op) {
    QuantizedNode& made = append(node.name, src, dst, std::move(op));
    made.completes = static_cast<int>(step_);
    if (quantized(dst)) made.dst = params_of(dst);
    return made;
}

Value QuantizePass::quantized_of(const Value& value) {
    if (value.buffer != floats_.src.buffer) return value;
    if (!images_) {
        images_ = aside(value, true);
        const QuantParams params = quant_params(calibration_.images, RangeMethod::minmax);
        const auto c = static_cast<std::size_t>(value.c);
        params_of_buffer(*images_).assign(c, params);
        append("images", floats_.src, *images_,
               graph::Quantize{std::vector<float>(c, 1 / params.scale), std::vector<float>(c, params.zero)});
    }
    return {images_->buffer, value.first, value.c};
}

Value QuantizePass::floats_of(const Value& value, const std::string& name) {
    if (!quantized(value)) return value;
    const Value dst = aside(value, false);
    graph::Dequantize op;
    for (const QuantParams& params : params_of(value)) {
        op.scale.push_back(params.scale);
        op.shift.push_back(-params.scale * static_cast<float>(params.zero));
    }
    append(name + ".dequantise", value, dst, std::move(op));
    return dst;
}

void QuantizePass::choose_params(const Value& dst) {
    if (!quantized(dst)) return;
    const std::vector<Histogram>& histograms = calibration_.nodes[pooled_from(dst)].dst.of;
    std::vector<QuantParams> all(histograms.size());
    parallel_for(std::ssize(all), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            all[static_cast<std::size_t>(i)] = quant_params(histograms[static_cast<std::size_t>(i)], method_);
    });
    for (std::int64_t c = 0; c < dst.c; ++c)
        params_of_buffer(dst)[static_cast<std::size_t>(dst.first + c)] =
            all[all.size() == 1 ? 0 : static_cast<std::size_t>(c)];
}

/// A maximum keeps quantized values as they are: what it reads has the parameters that its result wants.
std::size_t QuantizePass::pooled_from(const Value& dst) const {
    for (std::size_t i = step_ + 1; i < floats_.nodes.size(); ++i) {
        const graph::Node& node = floats_.nodes[i];
        if (keeps_quantized(node) && node.src == dst) return i;
        if (node.dst.buffer == dst.buffer) break;
    }
    return step_;
}

/// Appends the node as it is, between conversions where its operands or its result are quantized.
void QuantizePass::keep(const graph::Node& node) {
    graph::Node copy = node;
    for_each_read(copy, [&](Value& value, std::string_view role) {
        value = floats_of(value, role.empty() ? node.name : node.name + "." + std::string(role));
    });
    if (!quantized(node.dst)) {
        complete(node, copy.src, node.dst, copy.op).arithmetic = Arithmetic::fp32;
        return;
    }
    copy.dst = aside(node.dst, false);
    append(node.name, copy.src, copy.dst, std::move(copy.op));
    choose_params(node.dst);
    graph::Quantize op;
    for (const QuantParams& params : params_of(node.dst)) {
        op.scale.push_back(1 / params.scale);
        op.shift.push_back(params.zero);
    }
    QuantizedNode& made = complete(node, copy.dst, node.dst, std::move(op));
    result_.graph.nodes.back().name += ".quantise";
    made.arithmetic = Arithmetic::fp32;
}

}  // namespace keel
