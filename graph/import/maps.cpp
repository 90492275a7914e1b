#include "graph/import/maps.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/ops/rearrange.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

bool one_run(const Axis& axis, std::int64_t size, const Factor& step) {
    const Axis run = merged(axis);
    return size == 1 ? run.empty() : run == Axis{{size, step.pixels, step.channels}};
}

std::int64_t product(std::span<const Factor> factors) {
    std::int64_t result = 1;
    for (const Factor& f : factors) result *= f.size;
    return result;
}

/// Whether factors lead through [0, count) once each; `stride` says which of their two steps is meant.
bool cover(std::vector<Factor> factors, std::int64_t Factor::*stride, std::int64_t count) {
    std::ranges::sort(factors, {}, stride);
    std::int64_t next = 1;
    for (const Factor& f : factors) {
        if (f.*stride != next) return false;
        next *= f.size;
    }
    return next == count;
}

std::vector<RearrangeAxis> axes_of(std::span<const Factor> factors) {
    std::vector<RearrangeAxis> axes;
    for (const Factor& f : merged({factors.begin(), factors.end()})) axes.push_back({f.size, f.pixels, f.channels});
    return axes;
}

}  // namespace

std::optional<Value> covered(const Builder& builder, const View& view) {
    std::vector<Factor> pixels, channels;
    for (const Factor& f : factors_of(view.axes)) {
        if ((f.pixels == 0) == (f.channels == 0)) return {};
        (f.channels == 0 ? pixels : channels).push_back(f);
    }
    const Buffer& map = builder.map(view.value);
    const std::int64_t c = product(channels);
    if (view.first_pixel != 0 || !cover(pixels, &Factor::pixels, map.h * map.w) ||
        !cover(channels, &Factor::channels, c))
        return {};
    return Value{view.value.buffer, view.value.first + view.first_channel, c};
}

View image_view(const Builder& builder, const Value& map) {
    const Buffer& extents = builder.map(map);
    View view{map, 0, 0, {{}, {{map.c, 0, 1}}, {{extents.h, extents.w, 0}}, {{extents.w, 1, 0}}}};
    for (Axis& axis : view.axes) axis = merged(axis);
    return view;
}

Value rearranged_map(NodeScope& node, const View& view, std::span<const Factor> pixels,
                     std::span<const Factor> channels, std::int64_t h, std::int64_t w) {
    Rearrange copy;
    copy.pixel_axes = axes_of(pixels);
    copy.channel_axes = axes_of(channels);
    copy.first_pixel = view.first_pixel;
    copy.first_channel = view.first_channel;
    return node.builder().append(node.name(), view.value, h, w, product(channels), std::move(copy));
}

Value image_of(NodeScope& node, const View& view) {
    if (view.axes.size() != 4 || !view.axes[0].empty())
        throw InputError(fmt::format("wanted images {{n, channels, rows, columns}}, got a tensor of {{{}}}",
                                     fmt::join(view.dims(), ", ")));
    const std::int64_t c = extent(view.axes[1]), h = extent(view.axes[2]), w = extent(view.axes[3]);
    const Buffer& map = node.builder().map(view.value);
    if (view.first_pixel == 0 && map.h == h && map.w == w && one_run(view.axes[1], c, {0, 0, 1}) &&
        one_run(view.axes[2], h, {0, w, 0}) && one_run(view.axes[3], w, {0, 1, 0}))
        return {view.value.buffer, view.value.first + view.first_channel, c};
    const std::vector<Factor> pixels = factors_of(std::span(view.axes).subspan(2));
    return rearranged_map(node, view, pixels, view.axes[1], h, w);
}

Rows rows_of(NodeScope& node, const View& view, std::size_t axis) {
    const std::int64_t c = extent(view.axes[axis]);
    std::vector<Axis> others = view.axes;
    others[axis].clear();
    const std::vector<Factor> pixels = factors_of(others);
    const auto map = covered(node.builder(), view);
    if (map && map->c == c && one_run(view.axes[axis], c, {0, 0, 1})) return {*map, view.axes};
    const Buffer from = node.builder().map(view.value);
    const bool same_pixels = merged(pixels) == merged({{from.h * from.w, 1, 0}}) && view.first_pixel == 0;
    Rows rows{rearranged_map(node, view, pixels, view.axes[axis], same_pixels ? from.h : 1,
                             same_pixels ? from.w : product(pixels)),
              view.axes};
    std::int64_t stride = 1;
    for (std::size_t i = rows.axes.size(); i-- > 0;) {
        const std::int64_t size = extent(view.axes[i]);
        rows.axes[i] = merged({i == axis ? Factor{size, 0, 1} : Factor{size, stride, 0}});
        if (i != axis) stride *= size;
    }
    return rows;
}

View whole_of(NodeScope& node, const View& view) {
    if (covered(node.builder(), view)) return view;
    if (view.axes.size() == 4 && view.axes[0].empty()) return image_view(node.builder(), image_of(node, view));
    if (view.axes.size() < 2) return flattened(node, view, view.dims());
    Rows rows = rows_of(node, view, view.axes.size() - 1);
    return {rows.map, 0, 0, std::move(rows.axes)};
}

View flattened(NodeScope& node, const View& view, std::span<const std::int64_t> dims) {
    return {rearranged_map(node, view, {}, factors_of(view.axes), 1, 1), 0, 0, dense_axes(dims)};
}

Value map_of(NodeScope& node, const View& view) {
    const auto map = covered(node.builder(), view);
    node.require(map.has_value(), "a tensor that covers its map");
    return *map;
}

View moved(View view, const Value& map) {
    view.value = map;
    view.first_channel = 0;
    return view;
}

}  // namespace keel::graph
