// Normalizations, reductions, and the rounding of quantized models.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/ops/binary.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/norm.h"
#include "graph/ops/reduce.h"
#include "graph/ops/softmax.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

/// Adds an operator that keeps the extents of the map that some axis is the channels of.
template <class T>
void along_channels(NodeScope& node, const View& view, std::size_t axis, T op) {
    const Rows rows = rows_of(node, view, axis);
    const Buffer extents = node.builder().map(rows.map);
    node.output(View{node.builder().append(node.name(), rows.map, extents.h, extents.w, rows.map.c, std::move(op)), 0,
                     0, rows.axes});
}

/// The view with all axes from `first` on as one.
View joined_from(const View& view, std::size_t first) {
    View joined = view;
    joined.axes.resize(first);
    joined.axes.push_back(factors_of(std::span(view.axes).subspan(first)));
    return joined;
}

/// Like along_channels() of the axes from `first` on, taken as one.
template <class T>
void along_last(NodeScope& node, const View& view, std::size_t first, T op) {
    node.require(first > 0, "the images to stay apart: an axis of 1 or more");
    if (first + 1 == view.axes.size()) return along_channels(node, view, first, std::move(op));
    const std::vector<std::int64_t> dims = view.dims();
    const Rows rows = rows_of(node, joined_from(view, first), first);
    const Buffer extents = node.builder().map(rows.map);
    View result{node.builder().append(node.name(), rows.map, extents.h, extents.w, rows.map.c, std::move(op)),
                0,
                0,
                {rows.axes.begin(), rows.axes.end() - 1}};
    for (Axis& axis : dense_axes(std::span(dims).subspan(first))) result.axes.push_back(std::move(axis));
    node.output(std::move(result));
}

void instance_norm(NodeScope& node) {
    const View& view = node.view(0);
    node.require(view.axes.size() >= 3, "images");
    const std::int64_t c = extent(view.axes[1]);
    along_channels(node, view, 1,
                   InstanceNorm{node.floats_or(1, c, 1), node.floats_or(2, c, 0), node.number("epsilon", 1e-5F)});
}

void layer_norm(NodeScope& node) {
    const View& view = node.view(0);
    const std::size_t first = node.axis(node.integer("axis", -1), view.axes.size());
    for (std::size_t i = 1; i < node.node().outputs.size(); ++i)
        node.require(node.values().readers[node.node().outputs[i]] == 0, "a norm whose statistics nobody reads");
    const std::int64_t c = elements(std::span(view.axes).subspan(first));
    along_last(node, view, first,
               LayerNorm{node.floats_or(1, c, 1), node.floats_or(2, c, 0), node.number("epsilon", 1e-5F)});
}

void group_norm(NodeScope& node) {
    const View& view = node.view(0);
    node.require(view.axes.size() >= 3, "images");
    const std::vector<std::int64_t> dims = view.dims();
    const std::int64_t groups = node.integer("num_groups", 0), c = dims[1];
    node.require(groups > 0 && c % groups == 0, "groups that the channels are a multiple of");
    const std::vector<std::int64_t> split{dims[0], groups, elements(view.axes) / groups / dims[0]};
    View grouped = view;
    const auto axes = regrouped(factors_of(view.axes), split);
    node.require(dims[0] == 1, "images that stand alone");
    if (axes)
        grouped.axes = *axes;
    else
        grouped = flattened(node, view, split);
    const Rows rows = rows_of(node, grouped, 1);
    const Buffer extents = node.builder().map(rows.map);
    InstanceNorm norm;
    norm.eps = node.number("epsilon", 1e-5F);
    const Value normal = node.builder().append(node.name(), rows.map, extents.h, extents.w, groups, std::move(norm));
    View result{normal, 0, 0, {}};
    const auto back = regrouped(factors_of(rows.axes), dims);
    if (back)
        result.axes = *back;
    else
        result = flattened(node, {normal, 0, 0, rows.axes}, dims);
    // the factors are of each group before opset 21, of each channel since
    const std::int64_t given = node.has(1) ? std::ssize(node.floats(1)) : c;
    node.require(given == groups || given == c, "a scale of each group or each channel");
    const std::vector<float> gamma = node.floats_or(1, given, 1), beta = node.floats_or(2, given, 0);
    const Rows by_channel = rows_of(node, result, 1);
    std::vector<double> scale, shift;
    for (std::int64_t i = 0; i < c; ++i) {
        const auto from = static_cast<std::size_t>(i * given / c);
        scale.push_back(gamma[from]);
        shift.push_back(beta[from]);
    }
    node.output(View{node.builder().affine(node.name(), by_channel.map, scale, shift, false), 0, 0, by_channel.axes});
}

void lrn(NodeScope& node) {
    const std::int64_t size = node.integer("size", 0);
    node.require(size > 0 && size <= 1 << 20, "a size of 1 channel or more");
    node.require(node.view(0).axes.size() >= 2, "a channel axis");
    along_channels(node, node.view(0), 1,
                   LocalResponseNorm{static_cast<int>(size), node.number("alpha", 1e-4F), node.number("beta", 0.75F),
                                     node.number("bias", 1)});
}

/// Before opset 13 all axes from the given one on are one.
void softmax_of(NodeScope& node, bool log) {
    const View& view = node.view(0);
    const bool old = node.opset() < 13;
    const std::size_t axis = node.axis(node.integer("axis", old ? 1 : -1), view.axes.size());
    node.require(axis > 0, "the images to stay apart: an axis of 1 or more");
    old ? along_last(node, view, axis, Softmax{log}) : along_channels(node, view, axis, Softmax{log});
}
void softmax(NodeScope& node) { softmax_of(node, false); }
void log_softmax(NodeScope& node) { softmax_of(node, true); }

template <Reduce::Kind kKind>
void reduce(NodeScope& node) {
    const View& view = node.view(0);
    const std::size_t rank = view.axes.size();
    const auto given = node.list_or_input("axes", 1);
    const bool keep = node.integer("keepdims", 1) != 0;
    if ((!given || given->empty()) && node.integer("noop_with_empty_axes", 0) != 0) return node.output(view);
    node.require(given && !given->empty(), "axes: the images stay apart");
    std::vector<bool> drop(rank);
    for (const std::int64_t axis : *given) drop[node.axis(axis, rank)] = true;
    node.require(!drop[0], "the images to stay apart: axes of 1 or more");
    std::vector<Axis> result;
    if (kKind == Reduce::Kind::mean && rank == 4 && drop == std::vector<bool>{false, false, true, true}) {
        const Value mean = node.builder().adaptive_avg_pool(image_of(node, view), 1, 1);
        result = image_view(node.builder(), mean).axes;
        if (!keep) result.resize(2);
        return node.output(View{mean, 0, 0, std::move(result)});
    }
    std::vector<Axis> kept = view.axes, reduced;
    for (std::size_t i = 0; i < rank; ++i)
        if (drop[i]) reduced.push_back(std::exchange(kept[i], Axis{}));
    View both{view.value, view.first_pixel, view.first_channel, {Axis{}, factors_of(kept), factors_of(reduced)}};
    const Rows rows = rows_of(node, both, 2);
    const Buffer extents = node.builder().map(rows.map);
    const Value value = node.builder().append(node.name(), rows.map, extents.h, extents.w, 1, Reduce{kKind});
    std::vector<std::int64_t> dims;
    for (std::size_t i = 0; i < rank; ++i)
        if (!drop[i] || keep) dims.push_back(drop[i] ? 1 : extent(view.axes[i]));
    auto axes = regrouped(rows.axes[1], dims);
    node.require(axes.has_value(), "axes that follow one another in memory");
    node.output(View{value, 0, 0, std::move(*axes)});
}

/// Scale and zero point of a node that rounds or unrounds.
Rounding rounding_of(NodeScope& node) {
    Rounding rounding{node.floats(1), {}};
    rounding.zero = node.has(2) ? node.integers(2) : std::vector<std::int64_t>(rounding.scale.size(), 0);
    node.require(!rounding.scale.empty() && rounding.zero.size() == rounding.scale.size(),
                 "a zero point of each scale");
    for (const float scale : rounding.scale) node.require(std::isfinite(scale) && scale > 0, "scales above 0");
    node.require(node.integer("block_size", 0) == 0, "scales of tensors or of channels, not of blocks");
    return rounding;
}

void quantize_linear(NodeScope& node) {
    const Rounding rounding = rounding_of(node);
    const onnx::ElementType type = node.has(2) ? node.constant(2).array.type : onnx::ElementType::u8;
    node.require(type == onnx::ElementType::u8 || type == onnx::ElementType::s8, "a zero point of 8 bits");
    FakeQuantize op{rounding.scale, rounding.zero, 0, 255};
    if (type == onnx::ElementType::s8) {
        op.low = -128;
        op.high = 127;
    }
    node.require(!node.is_constant(0), "a map: constants are stored as they are quantized");
    View view = node.view(0);
    const bool by_axis = rounding.scale.size() > 1;
    const std::size_t axis = by_axis ? node.axis(node.integer("axis", 1), view.axes.size()) : 0;
    node.require(!by_axis || (axis > 0 && extent(view.axes[axis]) == std::ssize(rounding.scale)),
                 "a scale of each channel");
    if (by_axis) {
        const Rows rows = rows_of(node, view, axis);
        view = {rows.map, 0, 0, rows.axes};
    } else {
        view = whole_of(node, view);
    }
    const Value map = map_of(node, view);
    const Buffer extents = node.builder().map(map);
    View result = moved(view, node.builder().append(node.name(), map, extents.h, extents.w, map.c, std::move(op)));
    result.rounding = rounding;
    node.output(std::move(result));
}

/// What was rounded about one zero point, read about another: where a convolution pads with a number of its own.
View with_other_zero(NodeScope& node, View view, const Rounding& rounding) {
    node.require(rounding.scale.size() == 1, "the zero points that QuantizeLinear had");
    const float offset = static_cast<float>(view.rounding->zero[0] - rounding.zero[0]) * rounding.scale[0];
    view = whole_of(node, view);
    const Value map = map_of(node, view);
    const Buffer extents = node.builder().map(map);
    Binary add{kernels::BinaryKind::add, false, {}, {offset}};
    return moved(view, node.builder().append(node.name(), map, extents.h, extents.w, map.c, std::move(add)));
}

void dequantize_linear(NodeScope& node) {
    const Rounding rounding = rounding_of(node);
    if (!node.is_constant(0)) {
        View view = node.view(0);
        node.require(view.rounding && view.rounding->scale == rounding.scale,
                     "what QuantizeLinear rounded, with its scale");
        if (view.rounding->zero != rounding.zero) view = with_other_zero(node, view, rounding);
        view.rounding.reset();
        return node.output(std::move(view));
    }
    const Constant& from = node.constant(0);
    node.require(!from.is_float() && !from.free(), "integers");
    Constant result = float_constant(from.dims(), {});
    result.steps = rounding.scale;
    std::size_t inner = 1, count = rounding.scale.size();
    if (count > 1) {
        const std::size_t axis = result.steps_axis = node.axis(node.integer("axis", 1), from.dims().size());
        node.require(from.dims()[axis] == std::ssize(rounding.scale), "a scale of each channel");
        for (std::size_t i = axis + 1; i < from.dims().size(); ++i) inner *= static_cast<std::size_t>(from.dims()[i]);
    }
    result.array.floats.reserve(from.array.integers.size());
    for (std::size_t i = 0; i < from.array.integers.size(); ++i) {
        const std::size_t channel = i / inner % count;
        result.array.floats.push_back(static_cast<float>(from.array.integers[i] - rounding.zero[channel]) *
                                      rounding.scale[channel]);
    }
    node.output(std::move(result));
}

constexpr LowerEntry kNormOperators[]{
    {"InstanceNormalization", instance_norm},
    {"LayerNormalization", layer_norm},
    {"GroupNormalization", group_norm},
    {"LRN", lrn},
    {"Softmax", softmax},
    {"LogSoftmax", log_softmax},
    {"ReduceMean", reduce<Reduce::Kind::mean>},
    {"ReduceSum", reduce<Reduce::Kind::sum>},
    {"ReduceMax", reduce<Reduce::Kind::max>},
    {"ReduceMin", reduce<Reduce::Kind::min>},
    {"QuantizeLinear", quantize_linear},
    {"DequantizeLinear", dequantize_linear},
};

}  // namespace

std::span<const LowerEntry> norm_operators() { return kNormOperators; }

}  // namespace keel::graph
