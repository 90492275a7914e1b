// Operators that change the axes of a tensor: those of a map stay views on it, constants are copied.
#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/import/known.h"
#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

constexpr std::int64_t kMostConstants = std::int64_t{1} << 27;

void shape(NodeScope& node) {
    Constant result = integer_constant({}, {});
    for (const Axis& axis : axes_of(node.input(0))) {
        result.array.integers.push_back(extent(axis));
        result.batches.push_back(0);
    }
    if (batched(node.input(0))) std::swap(result.array.integers[0], result.batches[0]);
    const std::int64_t rank = std::ssize(result.array.integers);
    const auto place = [&](std::int64_t given) {
        return std::clamp<std::int64_t>(given < 0 ? given + rank : given, 0, rank);
    };
    const std::int64_t start = place(node.integer("start", 0)), end = place(node.integer("end", rank));
    result.array.dims = {rank};
    const std::vector<Axis> part{{{std::max<std::int64_t>(end - start, 0), 0, 1}}};
    node.output(rearranged(result, part, start));
}

/// The extents of one image that a reshape asks for, with 0 and -1 made numbers.
std::vector<std::int64_t> target_dims(NodeScope& node, const std::vector<std::int64_t>& from, const Constant& target,
                                      bool has_batch) {
    const bool allow_zero = node.integer("allowzero", 0) != 0;
    std::vector<std::int64_t> dims;
    std::int64_t known = 1, open = -1;
    for (std::size_t i = 0; i < target.array.integers.size(); ++i) {
        std::int64_t dim = target.array.integers[i];
        const std::int64_t batch = target.batch(i);
        if (batch != 0) {
            node.require(i == 0 && has_batch && dim == 0 && batch > 0,
                         "the number of images as the first extent alone");
            dim = batch;
        } else if (dim == 0 && !allow_zero) {
            node.require(i < from.size(), "an extent to keep where the shape says 0");
            dim = from[i];
        } else if (dim == -1) {
            node.require(open < 0, "one -1 in a shape");
            open = static_cast<std::int64_t>(i);
            dim = 1;
        } else if (i == 0 && has_batch) {
            dim = -2;  // a number of images that was written down; what it says of one image is what remains
        }
        node.require(dim > 0 || dim == -2, "positive extents");
        if (dim > 0 && __builtin_mul_overflow(known, dim, &known)) node.refuse("a shape beyond 64 bits");
        dims.push_back(dim);
    }
    const std::int64_t total = std::accumulate(from.begin(), from.end(), std::int64_t{1}, std::multiplies<>());
    const bool written = !dims.empty() && dims[0] == -2;
    if (written) {
        node.require(known > 0 && total % known == 0 && (open < 0 || total == known || open != 0),
                     "a shape of as many elements");
        // with a second open extent the number of images is taken as that of images alone
        dims[0] = open < 0 ? total / known : 1;
        const std::int64_t images = target.array.integers[0];
        if (images != dims[0] * std::max<std::int64_t>(node.values().declared_batch, 1))
            node.refuse(fmt::format("a shape with {} as its first extent, which is not the number of images", images));
        known *= dims[0];
    }
    if (open >= 0) {
        node.require(total % known == 0, "a shape of as many elements");
        dims[static_cast<std::size_t>(open)] = total / known;
        known = total;
    }
    if (known != total)
        node.refuse(fmt::format("[{}] cannot be reshaped to [{}]", fmt::join(from, ", "), fmt::join(dims, ", ")));
    return dims;
}

void reshape_to(NodeScope& node, const Known& from, const std::vector<std::int64_t>& dims) {
    if (!batched(from)) return node.output(reshaped(std::get<Constant>(from), dims));
    const View& view = std::get<View>(from);
    node.require(!dims.empty(), "the number of images to stay an extent");
    if (auto axes = regrouped(factors_of(view.axes), dims)) return node.output(along(from, std::move(*axes)));
    node.output(flattened(node, view, dims));
}

void reshape(NodeScope& node) {
    const Known& from = node.input(0);
    Constant target = node.has(1) ? node.constant(1) : integer_constant({}, node.list("shape"));
    node.require(!target.is_float(), "a shape of integers");
    reshape_to(node, from, target_dims(node, dims_of(from), target, batched(from)));
}

void flatten(NodeScope& node) {
    const std::vector<std::int64_t> dims = dims_of(node.input(0));
    const std::int64_t given = node.integer("axis", 1), rank = std::ssize(dims);
    node.require(given >= -rank && given <= rank, "an axis of the tensor");
    const auto axis = static_cast<std::ptrdiff_t>(given < 0 ? given + rank : given);
    node.require(!batched(node.input(0)) || axis > 0, "the images to stay apart: an axis of 1 or more");
    const auto product = [](auto begin, auto end) {
        return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>());
    };
    reshape_to(node, node.input(0),
               {product(dims.begin(), dims.begin() + axis), product(dims.begin() + axis, dims.end())});
}

void squeeze(NodeScope& node) {
    const Known& from = node.input(0);
    const std::vector<Axis> axes = axes_of(from);
    const auto given = node.list_or_input("axes", 1);
    std::vector<bool> drop(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i)
        drop[i] = !given && extent(axes[i]) == 1 && !(batched(from) && i == 0);
    for (const std::int64_t axis : given.value_or(std::vector<std::int64_t>{}))
        drop[node.axis(axis, axes.size())] = true;
    std::vector<Axis> kept;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        node.require(!drop[i] || extent(axes[i]) == 1, "an axis of extent 1 to leave out");
        node.require(!drop[i] || !batched(from) || i > 0, "the images to stay an axis");
        if (!drop[i]) kept.push_back(axes[i]);
    }
    node.output(along(from, std::move(kept)));
}

void unsqueeze(NodeScope& node) {
    const Known& from = node.input(0);
    std::vector<Axis> axes = axes_of(from);
    std::vector<std::int64_t> given = node.list_or_input("axes", 1).value_or(std::vector<std::int64_t>{});
    node.require(!given.empty() && given.size() < 16, "axes");
    std::vector<std::size_t> places;
    for (const std::int64_t axis : given) places.push_back(node.axis(axis, axes.size() + given.size()));
    std::ranges::sort(places);
    for (const std::size_t place : places) {
        node.require(place > 0 || !batched(from), "the images to stay the first axis");
        axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(std::min(place, axes.size())), Axis{});
    }
    node.output(along(from, std::move(axes)));
}

void transpose(NodeScope& node) {
    const Known& from = node.input(0);
    const std::vector<Axis> axes = axes_of(from);
    std::vector<std::int64_t> order = node.list("perm");
    if (order.empty())
        for (std::size_t i = axes.size(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    node.require(order.size() == axes.size(), "an order of all axes");
    std::vector<Axis> turned;
    std::vector<bool> seen(axes.size());
    for (const std::int64_t given : order) {
        const std::size_t axis = node.axis(given, axes.size());
        node.require(!seen[axis], "each axis once");
        seen[axis] = true;
        turned.push_back(axes[axis]);
    }
    node.require(!batched(from) || node.axis(order[0], axes.size()) == 0, "the images to stay the first axis");
    node.output(along(from, std::move(turned)));
}

void expand(NodeScope& node) {
    const Known& from = node.input(0);
    const Constant& target = node.constant(1);
    node.require(!target.is_float(), "a shape of integers");
    std::vector<std::int64_t> wanted = target.array.integers;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (target.batch(i) != 0) {
            node.require(batched(from) && i == 0 && wanted[0] == 0,
                         "the number of images as the first extent of a map");
            wanted[0] = target.batch(i);
        }
    const std::vector<std::int64_t> dims = broadcast_dims(dims_of(from), wanted);
    if (!batched(from)) {
        std::int64_t total = 1;
        for (const std::int64_t dim : dims)
            node.require(dim >= 0 && !__builtin_mul_overflow(total, dim, &total) && total <= kMostConstants,
                         "a constant of at most 2^27 elements");
        return node.output(expanded(std::get<Constant>(from), dims));
    }
    std::vector<Axis> axes = axes_of(from);
    node.require(axes.size() == dims.size() && extent(axes[0]) == dims[0], "the images to stay the first axis");
    for (std::size_t i = 1; i < axes.size(); ++i)
        if (axes[i].empty() && dims[i] != 1) axes[i] = {{dims[i], 0, 0}};
    node.output(along(from, std::move(axes)));
}

void constant(NodeScope& node) {
    for (const char* key : {"value", "value_float", "value_floats", "value_int", "value_ints"}) {
        const auto found = node.node().attributes.find(key);
        if (found == node.node().attributes.end()) continue;
        const onnx::Attribute& value = found->second;
        if (const auto* array = std::get_if<onnx::Array>(&value)) return node.output(Constant{*array, {}, {}});
        if (const auto* number = std::get_if<float>(&value)) return node.output(float_constant({}, {*number}));
        if (const auto* whole = std::get_if<std::int64_t>(&value)) return node.output(integer_constant({}, {*whole}));
        if (const auto* list = std::get_if<std::vector<float>>(&value))
            return node.output(float_constant({std::ssize(*list)}, *list));
        if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value))
            return node.output(integer_constant({std::ssize(*list)}, *list));
    }
    node.refuse("wanted a value of numbers");
}

void constant_of_shape(NodeScope& node) {
    const std::vector<std::int64_t> dims = node.integers(0);
    std::int64_t total = 1;
    for (const std::int64_t dim : dims)
        node.require(dim >= 0 && !__builtin_mul_overflow(total, dim, &total) && total <= kMostConstants,
                     "a constant of at most 2^27 elements");
    Constant value = float_constant({1}, {0});
    if (const auto found = node.node().attributes.find("value"); found != node.node().attributes.end()) {
        const auto* array = std::get_if<onnx::Array>(&found->second);
        node.require(array != nullptr && array->elements() == 1, "a value of one element");
        value = {*array, {}, {}};
    }
    node.output(expanded(reshaped(std::move(value), {}), dims));
}

void cast(NodeScope& node) {
    const std::int64_t to = node.integer("to", 0);
    node.require(to > 0 && to <= 16, "a type");
    const auto type = static_cast<onnx::ElementType>(to);
    if (batched(node.input(0))) {
        node.require(onnx::is_float(type), "maps to stay floats");
        return node.output(node.input(0));
    }
    Constant from = node.constant(0);
    if (onnx::is_float(type) && !from.is_float()) {
        node.require(!from.free(), "integers that are known");
        from.array.floats.assign(from.array.integers.begin(), from.array.integers.end());
        from.array.integers.clear();
    } else if (!onnx::is_float(type) && from.is_float()) {
        for (const float value : from.array.floats) {
            node.require(value > -9.2e18F && value < 9.2e18F, "floats that integers can hold");
            from.array.integers.push_back(type == onnx::ElementType::boolean ? value != 0
                                                                             : static_cast<std::int64_t>(value));
        }
        from.array.floats.clear();
    }
    from.array.type = type;
    node.output(std::move(from));
}

void pass(NodeScope& node) { node.output(node.input(0)); }

constexpr LowerEntry kShapeOperators[]{
    {"Shape", shape},     {"Reshape", reshape},     {"Flatten", flatten},
    {"Squeeze", squeeze}, {"Unsqueeze", unsqueeze}, {"Transpose", transpose},
    {"Expand", expand},   {"Constant", constant},   {"ConstantOfShape", constant_of_shape},
    {"Cast", cast},       {"Identity", pass},       {"Dropout", pass},
};

}  // namespace

std::span<const LowerEntry> shape_operators() { return kShapeOperators; }

}  // namespace keel::graph
