// Images of another size, and borders around them.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/ops/pad.h"
#include "graph/ops/resize.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

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

constexpr LowerEntry kImageOperators[]{
    {"Resize", resize},
    {"Upsample", resize},
    {"Pad", pad},
};

}  // namespace

std::span<const LowerEntry> image_operators() { return kImageOperators; }

}  // namespace keel::graph
