#include <algorithm>

#include "graph/import/maps.h"
#include "graph/import/operators.h"
#include "graph/ops/rearrange.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

/// The maps of all parts with the axis as their channels and their pixels in one order.
std::vector<Rows> aligned(NodeScope& node, std::span<const View> parts, std::size_t axis) {
    const auto others = [&](const std::vector<Axis>& axes) {
        std::vector<Axis> rest = axes;
        rest[axis].clear();
        return rest;
    };
    std::vector<Rows> rows;
    for (const View& part : parts) rows.push_back(rows_of(node, part, axis));
    const Buffer like = node.builder().map(rows[0].map);
    const bool same = std::ranges::all_of(rows, [&](const Rows& r) {
        const Buffer& map = node.builder().map(r.map);
        return map.h == like.h && map.w == like.w && others(r.axes) == others(rows[0].axes);
    });
    if (same) return rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const View& part = parts[i];
        const std::vector<Factor> pixels = factors_of(others(part.axes));
        std::int64_t count = 1;
        for (const Factor& f : pixels) count *= f.size;
        rows[i].map = rearranged_map(node, part, pixels, part.axes[axis], 1, count);
        std::int64_t stride = 1;
        for (std::size_t k = part.axes.size(); k-- > 0;) {
            const std::int64_t size = extent(part.axes[k]);
            rows[i].axes[k] = merged({k == axis ? Factor{size, 0, 1} : Factor{size, stride, 0}});
            if (k != axis) stride *= size;
        }
    }
    return rows;
}

}  // namespace

Constant concatenated(std::span<const Constant> parts, std::size_t axis) {
    Constant result = parts[0];
    for (const Constant& part : parts.subspan(1)) {
        std::vector<std::int64_t> dims = result.dims();
        if (part.dims().size() != dims.size() || part.is_float() != result.is_float())
            throw InputError("constants of different ranks or types cannot be joined");
        for (std::size_t i = 0; i < dims.size(); ++i)
            if (i != axis && dims[i] != part.dims()[i])
                throw InputError("constants whose extents differ cannot be joined");
        std::int64_t outer = 1, inner_a = 1, inner_b = 1;
        for (std::size_t i = 0; i < dims.size(); ++i) (i < axis ? outer : inner_a) *= dims[i];
        for (std::size_t i = axis; i < dims.size(); ++i) inner_b *= part.dims()[i];
        const auto join = [&](auto& a, const auto& b) {
            std::remove_reference_t<decltype(a)> both;
            both.reserve(a.size() + b.size());
            for (std::int64_t o = 0; o < outer; ++o) {
                both.insert(both.end(), a.begin() + o * inner_a, a.begin() + (o + 1) * inner_a);
                both.insert(both.end(), b.begin() + o * inner_b, b.begin() + (o + 1) * inner_b);
            }
            a = std::move(both);
        };
        if (result.is_float()) {
            join(result.array.floats, part.array.floats);
        } else {
            std::vector<std::int64_t> batches = part.batches;
            result.batches.resize(result.array.integers.size());
            batches.resize(part.array.integers.size());
            join(result.array.integers, part.array.integers);
            join(result.batches, batches);
        }
        dims[axis] += part.dims()[axis];
        result.array.dims = dims;
    }
    return result;
}

void lower_concat(NodeScope& node, std::span<const View> parts, std::size_t axis) {
    for (const View& part : parts) {
        node.require(part.axes.size() == parts[0].axes.size(), "tensors of as many axes");
        for (std::size_t i = 0; i < part.axes.size(); ++i)
            node.require(i == axis || extent(part.axes[i]) == extent(parts[0].axes[i]), "extents that agree");
    }
    if (parts.size() == 1) return node.output(parts[0]);
    const std::vector<Rows> rows = aligned(node, parts, axis);
    std::int64_t channels = 0;
    for (const Rows& r : rows) channels += r.map.c;
    const Buffer like = node.builder().map(rows[0].map);
    const Value joined = node.builder().reserve(like.h, like.w, channels);
    std::int64_t first = 0;
    for (const Rows& r : rows) {
        Rearrange copy;
        if (like.h * like.w > 1) copy.pixel_axes = {{like.h * like.w, 1, 0}};
        if (r.map.c > 1) copy.channel_axes = {{r.map.c, 0, 1}};
        node.builder().write(node.name(), r.map, {joined.buffer, first, r.map.c}, std::move(copy));
        first += r.map.c;
    }
    View result{joined, 0, 0, rows[0].axes};
    result.axes[axis] = {{channels, 0, 1}};
    const auto& rounding = parts[0].rounding;
    const bool alike = std::ranges::all_of(parts, [&](const View& part) { return part.rounding == rounding; });
    if (alike && rounding && rounding->scale.size() == 1) result.rounding = rounding;
    node.output(std::move(result));
}

}  // namespace keel::graph
