// Operators that take parts of tensors, or join them: parts of maps are views.
#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/import/known.h"
#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

/// `count` places of one axis; a map is copied where its factors do not allow a view.
Known slice_of(NodeScope& node, const Known& from, std::size_t axis, std::int64_t start, std::int64_t step,
               std::int64_t count) {
    std::vector<Axis> axes = axes_of(from);
    if (start == 0 && step == 1 && count == extent(axes[axis])) return from;
    node.require(axis > 0 || !batched(from), "all images: the first axis is not cut");
    node.require(count > 0, "a slice that is not empty");
    auto part = sliced(axes[axis], start, step, count);
    if (!part) return slice_of(node, flattened(node, std::get<View>(from), dims_of(from)), axis, start, step, count);
    axes[axis] = part->axis;
    return along(from, std::move(axes), part->offset);
}

void slice(NodeScope& node) {
    Known from = node.input(0);
    const bool old = node.opset() < 10;
    const std::vector<std::int64_t> starts = old ? node.list("starts") : node.integers(1),
                                    ends = old ? node.list("ends") : node.integers(2);
    std::vector<std::int64_t> axes = old           ? node.list("axes")
                                     : node.has(3) ? node.integers(3)
                                                   : std::vector<std::int64_t>{};
    const std::vector<std::int64_t> steps =
        !old && node.has(4) ? node.integers(4) : std::vector<std::int64_t>(starts.size(), 1);
    if (axes.empty())
        for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
    node.require(starts.size() == ends.size() && starts.size() == axes.size() && starts.size() == steps.size(),
                 "as many starts as ends, axes and steps");
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const std::vector<std::int64_t> dims = dims_of(from);
        const std::size_t axis = node.axis(axes[i], dims.size());
        const std::int64_t extent = dims[axis], step = steps[i];
        node.require(step != 0 && step > std::numeric_limits<std::int64_t>::min(), "steps that are not 0");
        const auto place = [&](std::int64_t given, std::int64_t low, std::int64_t high) {
            return std::clamp(given < 0 && given >= -extent ? given + extent : given < 0 ? low : given, low, high);
        };
        const std::int64_t start = step > 0 ? place(starts[i], 0, extent) : place(starts[i], 0, extent - 1),
                           end = step > 0            ? place(ends[i], 0, extent)
                                 : ends[i] < -extent ? -1
                                                     : place(ends[i], -1, extent - 1);
        const std::int64_t length = step > 0 ? end - start : start - end, by = step > 0 ? step : -step;
        from = slice_of(node, from, axis, start, step, length <= 0 ? 0 : (length - 1) / by + 1);
    }
    node.output(std::move(from));
}

void split(NodeScope& node) {
    const Known from = node.input(0);
    const std::vector<std::int64_t> dims = dims_of(from);
    const std::size_t axis = node.axis(node.integer("axis", 0), dims.size());
    std::vector<std::int64_t> sizes = node.list_or_input("split", 1).value_or(std::vector<std::int64_t>{});
    const std::int64_t count = std::ssize(node.node().outputs);
    node.require(count > 0, "outputs");
    if (sizes.empty()) {
        const std::int64_t size = (dims[axis] + count - 1) / count;
        for (std::int64_t i = 0; i < count; ++i) sizes.push_back(std::min(size, dims[axis] - i * size));
    }
    node.require(
        std::ssize(sizes) == count && std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == dims[axis],
        "parts that together are the axis, one for each output");
    std::int64_t start = 0;
    for (std::size_t i = 0; i < sizes.size(); start += sizes[i++]) {
        node.require(sizes[i] >= 1 && sizes[i] <= dims[axis] - start, "parts that are not empty");
        node.output(slice_of(node, from, axis, start, 1, sizes[i]), i);
    }
}

Known without_axis(const Known& from, std::size_t axis) {
    std::vector<Axis> axes = axes_of(from);
    axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(axis));
    return along(from, std::move(axes));
}

/// The elements of each image by their numbers in the batch as one row, which is what is left of as_strided.
void gather_of_images(NodeScope& node) {
    const View& view = node.view(0);
    const Constant& indices = node.constant(1);
    node.require(view.axes.size() == 1 && node.integer("axis", 0) == 0 && !indices.dims().empty(), "one row");
    const std::int64_t each = extent(view.axes[0]);
    bool in_order = true;
    for (std::size_t i = 0; i < indices.array.integers.size(); ++i) {
        const std::int64_t index = indices.array.integers[i];
        node.require(indices.image(i) == each && indices.batch(i) == 0 && index >= 0 && index < each,
                     "elements of the same image");
        in_order = in_order && index == static_cast<std::int64_t>(i);
    }
    node.require(in_order && std::ssize(indices.array.integers) == each, "all elements of an image, in their order");
    auto axes = regrouped(view.axes[0], indices.dims());
    if (!axes) return node.output(flattened(node, view, indices.dims()));
    View result = view;
    result.axes = std::move(*axes);
    node.output(std::move(result));
}

void gather(NodeScope& node) {
    if (node.is_constant(1) && !node.constant(1).images.empty()) return gather_of_images(node);
    const Known from = node.input(0);
    const std::vector<std::int64_t> dims = dims_of(from);
    const std::size_t axis = node.axis(node.integer("axis", 0), dims.size());
    std::vector<std::int64_t> indices = node.integers(1);
    const std::vector<std::int64_t>& shape = node.constant(1).dims();
    node.require(!indices.empty() && indices.size() <= 65536 && shape.size() <= 1, "a few indices in a row, or one");
    node.require(!batched(from) || axis > 0, "all images: the first axis is not cut");
    for (std::int64_t& index : indices) {
        if (index < 0) index += dims[axis];
        node.require(index >= 0 && index < dims[axis], "indices within the axis");
    }
    const std::int64_t step = indices.size() > 1 ? indices[1] - indices[0] : 1;
    bool even = step != 0;
    for (std::size_t i = 1; i < indices.size(); ++i) even = even && indices[i] - indices[i - 1] == step;
    if (even) {
        const Known part = slice_of(node, from, axis, indices[0], step, std::ssize(indices));
        return node.output(shape.empty() ? without_axis(part, axis) : part);
    }
    std::vector<View> views;
    std::vector<Constant> constants;
    for (const std::int64_t index : indices) {
        Known part = slice_of(node, from, axis, index, 1, 1);
        if (batched(from))
            views.push_back(std::get<View>(std::move(part)));
        else
            constants.push_back(std::get<Constant>(std::move(part)));
    }
    if (batched(from)) return lower_concat(node, views, axis);
    node.output(concatenated(constants, axis));
}

/// Whole numbers, or those of the images: from 0 to how many they are.
void range(NodeScope& node) {
    const Constant &first = node.constant(0), &limit = node.constant(1), &step = node.constant(2);
    for (const Constant* each : {&first, &limit, &step})
        node.require(!each->is_float() && each->array.integers.size() == 1, "three whole numbers");
    const std::int64_t from = first.array.integers[0], to = limit.array.integers[0], by = step.array.integers[0];
    if (limit.batch(0) == 1 && to == 0) {
        node.require(from == 0 && by == 1 && !first.free() && !step.free(), "all images");
        Constant images = integer_constant({1}, {0});
        images.images = {1};
        return node.output(std::move(images));
    }
    node.require(!first.free() && !limit.free() && !step.free() && by != 0, "numbers that are known");
    Constant result = integer_constant({}, {});
    for (std::int64_t i = from; by > 0 ? i < to : i > to; i += by) {
        node.require(std::ssize(result.array.integers) < 65536, "65536 numbers at most");
        result.array.integers.push_back(i);
    }
    result.array.dims = {std::ssize(result.array.integers)};
    node.output(std::move(result));
}

void concat(NodeScope& node) {
    std::vector<View> views;
    std::vector<Constant> constants;
    for (std::size_t i = 0; i < node.inputs(); ++i)
        if (node.is_constant(i))
            constants.push_back(node.constant(i));
        else
            views.push_back(node.view(i));
    node.require(views.empty() || constants.empty(), "maps alone, or constants alone");
    const std::size_t rank = views.empty() ? node.constant(0).dims().size() : views[0].axes.size();
    const std::size_t axis = node.axis(node.integer("axis", 1), rank);
    if (views.empty()) return node.output(concatenated(constants, axis));
    node.require(axis > 0, "the images to stay apart: an axis of 1 or more");
    lower_concat(node, views, axis);
}

constexpr LowerEntry kSliceOperators[]{
    {"Slice", slice}, {"Split", split}, {"Gather", gather}, {"Range", range}, {"Concat", concat},
};

}  // namespace

std::span<const LowerEntry> slice_operators() { return kSliceOperators; }

}  // namespace keel::graph
