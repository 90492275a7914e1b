// Normalizations, reductions, images of another size, borders, and the rounding of quantized models.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/norm.h"
#include "graph/ops/pad.h"
#include "graph/ops/reduce.h"
#include "graph/ops/resize.h"
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

/// The scales of rows and columns, and the extents: of scales, or of sizes.
struct Size {
    float scale_h, scale_w;
    std::int64_t h, w;
};

/// What `values` say of rows and columns, where they are of all four axes or of those named by `axes`.
std::pair<double, double> of_image(NodeScope& node, const std::vector<double>& values, double unchanged_n,
                                   double unchanged_c) {
    std::vector<std::int64_t> axes = node.list("axes");
    if (axes.empty()) axes = {0, 1, 2, 3};
    node.require(values.size() == axes.size(), "a number of each axis");
    std::array<double, 4> all{unchanged_n, unchanged_c, 0, 0};
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = node.axis(axes[i], 4);
        node.require(axis > 1 || values[i] == all[axis], "images and channels that stay as many");
        all[axis] = values[i];
    }
    return {all[2], all[3]};
}

Size size_of(NodeScope& node, const Buffer& map, std::int64_t c) {
    const std::size_t scales = node.node().op == "Upsample" || node.opset() < 11 ? 1 : 2;
    const auto h = static_cast<double>(map.h), w = static_cast<double>(map.w);
    Size size{};
    if (node.has(3)) {
        node.require(node.text("keep_aspect_ratio_policy", "stretch") == "stretch", "sizes taken as they are");
        const Constant& sizes = node.constant(3);
        std::vector<double> values(sizes.array.integers.begin(), sizes.array.integers.end());
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += static_cast<double>(sizes.batch(i));
        const bool of_all = values.size() == 4;
        const auto [oh, ow] = of_image(node, values, of_all ? values[0] : 1, static_cast<double>(c));
        node.require(oh >= 1 && ow >= 1 && oh <= 1 << 20 && ow <= 1 << 20, "extents of 1 to 2^20 pixels");
        size.h = static_cast<std::int64_t>(oh);
        size.w = static_cast<std::int64_t>(ow);
        size.scale_h = static_cast<float>(oh / h);
        size.scale_w = static_cast<float>(ow / w);
        return size;
    }
    std::vector<double> values;
    if (node.has_attribute("scales")) {
        const auto* given = std::get_if<std::vector<float>>(&node.node().attributes.at("scales"));
        node.require(given != nullptr, "scales of floats");
        values.assign(given->begin(), given->end());
    } else {
        values.assign(node.floats(scales).begin(), node.floats(scales).end());
    }
    const auto [sh, sw] = of_image(node, values, 1, 1);
    node.require(sh > 0 && sw > 0 && h * sh <= 1 << 20 && w * sw <= 1 << 20 && h * sh >= 1 && w * sw >= 1,
                 "scales to extents of 1 to 2^20 pixels");
    return {static_cast<float>(sh), static_cast<float>(sw), static_cast<std::int64_t>(std::floor(h * sh)),
            static_cast<std::int64_t>(std::floor(w * sw))};
}

template <class T>
T one_of(NodeScope& node, const std::string& given, std::initializer_list<std::pair<const char*, T>> words,
         const char* wanted) {
    for (const auto& [word, value] : words)
        if (given == word) return value;
    node.refuse(fmt::format("wanted {}, got {}", wanted, given));
}

void resize(NodeScope& node) {
    using kernels::NearestRounding;
    using kernels::ResizeCoordinates;
    using kernels::ResizeKind;
    const bool old = node.node().op == "Upsample" || node.opset() < 11;
    const Value map = image_of(node, node.view(0));
    node.require(node.integer("antialias", 0) == 0, "a resize without antialiasing");
    const Size size = size_of(node, node.builder().map(map), map.c);
    Resize op;
    op.scale_h = size.scale_h;
    op.scale_w = size.scale_w;
    op.kind = one_of<ResizeKind>(
        node, node.text("mode", "nearest"),
        {{"nearest", ResizeKind::nearest}, {"linear", ResizeKind::linear}, {"bilinear", ResizeKind::linear}},
        "a mode nearest or linear");
    op.coordinates =
        one_of<ResizeCoordinates>(node, old ? "asymmetric" : node.text("coordinate_transformation_mode", "half_pixel"),
                                  {{"half_pixel", ResizeCoordinates::half_pixel},
                                   {"pytorch_half_pixel", ResizeCoordinates::pytorch_half_pixel},
                                   {"align_corners", ResizeCoordinates::align_corners},
                                   {"asymmetric", ResizeCoordinates::asymmetric}},
                                  "coordinates half_pixel, pytorch_half_pixel, align_corners or asymmetric");
    op.rounding = one_of<NearestRounding>(node, old ? "floor" : node.text("nearest_mode", "round_prefer_floor"),
                                          {{"round_prefer_floor", NearestRounding::round_prefer_floor},
                                           {"round_prefer_ceil", NearestRounding::round_prefer_ceil},
                                           {"floor", NearestRounding::floor},
                                           {"ceil", NearestRounding::ceil}},
                                          "a rounding round_prefer_floor, round_prefer_ceil, floor or ceil");
    node.output(image_view(node.builder(), node.builder().append(node.name(), map, size.h, size.w, map.c, op)));
}

/// Pads one axis after the other, each as the channels of a map.
void pad_axes(NodeScope& node, View view, const std::vector<std::int64_t>& pads, Pad op) {
    const std::size_t rank = view.axes.size();
    for (std::size_t i = 0; i < rank; ++i) {
        if (pads[i] == 0 && pads[i + rank] == 0) continue;
        const Rows rows = rows_of(node, view, i);
        const Buffer map = node.builder().map(rows.map);
        const std::int64_t channels = rows.map.c + pads[i] + pads[i + rank];
        op.front = static_cast<int>(pads[i]);
        view = {node.builder().append(node.name(), rows.map, map.h, map.w, channels, op), 0, 0, rows.axes};
        view.axes[i] = {{channels, 0, 1}};
    }
    node.output(std::move(view));
}

void pad(NodeScope& node) {
    const View& view = node.view(0);
    const std::size_t rank = view.axes.size();
    const bool old = node.opset() < 11;
    std::vector<std::int64_t> given = old ? node.list("pads") : node.integers(1), pads(2 * rank, 0), axes(rank);
    std::iota(axes.begin(), axes.end(), 0);
    if (!old && node.has(3)) axes = node.integers(3);
    node.require(given.size() == 2 * axes.size(), "two pads of each axis");
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = node.axis(axes[i], rank);
        pads[axis] = given[i];
        pads[axis + rank] = given[i + axes.size()];
    }
    node.require(pads[0] == 0 && pads[rank] == 0, "as many images as there are");
    Pad op;
    op.mode = one_of<Pad::Mode>(
        node, node.text("mode", "constant"),
        {{"constant", Pad::Mode::constant}, {"reflect", Pad::Mode::reflect}, {"edge", Pad::Mode::edge}},
        "a mode constant, reflect or edge");
    op.value = node.number("value", 0);
    if (!old && node.has(2)) op.value = node.floats_or(2, 1, 0)[0];
    View src = view;
    std::vector<std::int64_t> extents(rank);
    for (std::size_t i = 0; i < rank; ++i) {
        std::int64_t &before = pads[i], &after = pads[i + rank], size = extent(src.axes[i]);
        node.require(std::abs(before) <= 1 << 20 && std::abs(after) <= 1 << 20, "pads of 2^20 at most");
        const std::int64_t cut = std::max<std::int64_t>(-before, 0), end = std::max<std::int64_t>(-after, 0);
        if (cut + end > 0) {
            node.require(cut + end < size, "an image that is larger than what is cut off");
            const auto part = sliced(src.axes[i], cut, 1, size - cut - end);
            node.require(part.has_value(), "an axis that can be cut");
            src.axes[i] = part->axis;
            src.first_pixel += part->offset.pixels;
            src.first_channel += part->offset.channels;
            size -= cut + end;
        }
        before = std::max<std::int64_t>(before, 0);
        after = std::max<std::int64_t>(after, 0);
        extents[i] = size + before + after;
    }
    if (std::ranges::all_of(pads, [](std::int64_t p) { return p == 0; })) return node.output(std::move(src));
    if (rank != 4 || !src.axes[0].empty()) return pad_axes(node, std::move(src), pads, op);
    op.front = static_cast<int>(pads[1]);
    op.top = static_cast<int>(pads[2]);
    op.left = static_cast<int>(pads[3]);
    const Value map = image_of(node, src);
    node.output(
        image_view(node.builder(), node.builder().append(node.name(), map, extents[2], extents[3], extents[1], op)));
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

void dequantize_linear(NodeScope& node) {
    const Rounding rounding = rounding_of(node);
    if (!node.is_constant(0)) {
        View view = node.view(0);
        node.require(view.rounding == rounding, "what QuantizeLinear rounded, with its scale and zero point");
        view.rounding.reset();
        return node.output(std::move(view));
    }
    const Constant& from = node.constant(0);
    node.require(!from.is_float() && !from.free(), "integers");
    Constant result = float_constant(from.dims(), {});
    std::size_t inner = 1, count = rounding.scale.size();
    if (count > 1) {
        const std::size_t axis = node.axis(node.integer("axis", 1), from.dims().size());
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

constexpr LowerEntry kOperators[]{
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
    {"Resize", resize},
    {"Upsample", resize},
    {"Pad", pad},
    {"QuantizeLinear", quantize_linear},
    {"DequantizeLinear", dequantize_linear},
};

}  // namespace

std::span<const LowerEntry> norm_operators() { return kOperators; }

}  // namespace keel::graph
