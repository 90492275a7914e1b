#include "graph/import/constant.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernels/error.h"

namespace keel::graph {
namespace {

/// Calls visit(i) with the place of each element that the axes lead through, in their order.
template <class Visit>
void for_each_place(std::span<const Factor> factors, std::int64_t offset, Visit&& visit) {
    if (factors.empty()) return visit(offset);
    for (std::int64_t i = 0; i < factors.front().size; ++i)
        for_each_place(factors.subspan(1), offset + i * factors.front().channels, visit);
}

}  // namespace

bool Constant::free() const {
    return !images.empty() || std::ranges::any_of(batches, [](std::int64_t b) { return b != 0; });
}

Constant float_constant(std::vector<std::int64_t> dims, std::vector<float> values) {
    return {{onnx::ElementType::f32, std::move(dims), std::move(values), {}}, {}, {}};
}

Constant integer_constant(std::vector<std::int64_t> dims, std::vector<std::int64_t> values) {
    return {{onnx::ElementType::s64, std::move(dims), {}, std::move(values)}, {}, {}};
}

Constant rearranged(const Constant& from, std::span<const Axis> axes, std::int64_t offset) {
    Constant to{{from.array.type, {}, {}, {}}, {}, {}};
    for (const Axis& axis : axes) to.array.dims.push_back(extent(axis));
    const auto count = static_cast<std::size_t>(elements(axes));
    to.array.floats.reserve(from.is_float() ? count : 0);
    to.array.integers.reserve(from.is_float() ? 0 : count);
    for_each_place(factors_of(axes), offset, [&](std::int64_t place) {
        const auto i = static_cast<std::size_t>(place);
        if (from.is_float()) {
            to.array.floats.push_back(from.array.floats[i]);
        } else {
            to.array.integers.push_back(from.array.integers[i]);
            if (!from.batches.empty()) to.batches.push_back(from.batches[i]);
            if (!from.images.empty()) to.images.push_back(from.images[i]);
        }
    });
    return to;
}

Constant reshaped(Constant from, std::vector<std::int64_t> dims) {
    from.array.dims = std::move(dims);
    return from;
}

Constant mapped(const Constant& from, const std::function<double(double)>& function) {
    Constant to = from;
    for (float& value : to.array.floats) value = static_cast<float>(function(double{value}));
    for (std::int64_t& value : to.array.integers)
        value = static_cast<std::int64_t>(function(static_cast<double>(value)));
    return to;
}

Constant expanded(const Constant& from, std::span<const std::int64_t> dims) {
    if (std::ranges::equal(from.dims(), dims)) return from;
    if (from.dims().size() > dims.size() || broadcast_dims(from.dims(), dims) != std::vector(dims.begin(), dims.end()))
        throw InputError(fmt::format("a tensor of [{}] cannot be repeated to [{}]", fmt::join(from.dims(), ", "),
                                     fmt::join(dims, ", ")));
    std::vector<Axis> axes = dense_axes(from.dims());
    axes.insert(axes.begin(), dims.size() - axes.size(), Axis{});
    for (std::size_t i = 0; i < axes.size(); ++i)
        if (axes[i].empty() && dims[i] != 1) axes[i] = {{dims[i], 0, 0}};
    return rearranged(from, axes);
}

std::vector<std::int64_t> broadcast_dims(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
    std::vector<std::int64_t> dims(std::max(a.size(), b.size()), 1);
    for (const std::span<const std::int64_t> from : {a, b})
        for (std::size_t i = 0; i < from.size(); ++i) {
            std::int64_t& to = dims[dims.size() - from.size() + i];
            if (from[i] == 1 || from[i] == to) continue;
            if (to != 1)
                throw InputError(fmt::format("tensors of [{}] and [{}] cannot be broadcast", fmt::join(a, ", "),
                                             fmt::join(b, ", ")));
            to = from[i];
        }
    return dims;
}

}  // namespace keel::graph
