// Two inputs broadcast against each other: the second laid out as the first lies.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/import/known.h"
#include "graph/import/maps.h"
#include "kernels/error.h"

namespace keel::graph {
namespace {

/// A step through the first operand, and the one through the second that goes with it.
struct Joint {
    Factor first, second;
};

/// Prepends axes of extent 1, repeats what is 1 where `dims` is not.
void repeat(std::vector<Axis>& axes, std::span<const std::int64_t> dims) {
    axes.insert(axes.begin(), dims.size() - axes.size(), Axis{});
    for (std::size_t i = 0; i < axes.size(); ++i)
        if (axes[i].empty() && dims[i] != 1) axes[i] = {{dims[i], 0, 0}};
}

/// Steps through both, the order being that of the first's memory: its pixels, then its channels. None where the two
/// axes of one extent have no factors in common.
struct JointSteps {
    std::vector<Joint> pixels, channels;
};
std::optional<JointSteps> joint_steps(std::span<const Axis> first, std::span<const Axis> second) {
    JointSteps steps;
    for (std::size_t i = 0; i < first.size(); ++i) {
        const bool repeated =
            std::ranges::all_of(second[i], [](const Factor& f) { return f.pixels == 0 && f.channels == 0; });
        const auto common = repeated ? std::optional<Common>{} : common_factors(first[i], second[i]);
        if (!repeated && !common) return {};
        for (std::size_t k = 0; k < (repeated ? first[i].size() : common->first.size()); ++k) {
            const Factor& step = repeated ? first[i][k] : common->first[k];
            const Joint joint{step, repeated ? Factor{step.size, 0, 0} : common->second[k]};
            (step.channels == 0 ? steps.pixels : steps.channels).push_back(joint);
        }
    }
    std::ranges::sort(steps.pixels, std::greater(), [](const Joint& j) { return j.first.pixels; });
    std::ranges::sort(steps.channels, std::greater(), [](const Joint& j) { return j.first.channels; });
    return steps;
}

std::vector<Factor> seconds(const std::vector<Joint>& joints) {
    std::vector<Factor> factors;
    for (const Joint& j : joints) factors.push_back(j.second);
    return factors;
}

bool stands_still(const std::vector<Factor>& factors) {
    return std::ranges::all_of(factors, [](const Factor& f) { return f.pixels == 0 && f.channels == 0; });
}

/// The constant as one number, one of each channel, or one of each element, in the order of the first's memory.
std::vector<float> laid_out(const Constant& constant, const JointSteps& steps) {
    const std::vector<Factor> pixels = seconds(steps.pixels), channels = seconds(steps.channels);
    std::vector<Axis> order;
    if (!stands_still(pixels)) order.push_back(pixels);
    if (!order.empty() || !stands_still(channels)) order.push_back(channels);
    const Constant flat = rearranged(constant, order);
    if (flat.is_float()) return flat.array.floats;
    return {flat.array.integers.begin(), flat.array.integers.end()};
}

/// The second map in the extents of the first, or 1 where it stands still.
Value laid_out(NodeScope& node, const View& second, const JointSteps& steps, const Value& first) {
    std::vector<Factor> pixels = seconds(steps.pixels), channels = seconds(steps.channels);
    const Buffer like = node.builder().map(first), map = node.builder().map(second.value);
    const Factor in_order{like.h * like.w, 1, 0}, of_channels{first.c, 0, 1};
    const bool one_pixel = stands_still(pixels), one_channel = stands_still(channels);
    const auto runs = [](const std::vector<Factor>& factors, const Factor& run) {
        return merged(factors) == merged({run});
    };
    const bool same_pixels =
        one_pixel ? map.h * map.w == 1 : map.h == like.h && map.w == like.w && runs(pixels, in_order);
    if (second.first_pixel == 0 && same_pixels && (one_channel || runs(channels, of_channels)))
        return {second.value.buffer, second.value.first + second.first_channel, one_channel ? 1 : first.c};
    if (one_pixel) pixels.clear();
    if (one_channel) channels.clear();
    return rearranged_map(node, second, pixels, channels, one_pixel ? 1 : like.h, one_pixel ? 1 : like.w);
}

}  // namespace

Operands operands_of(NodeScope& node, std::size_t a, std::size_t b) {
    Operands result{};
    const std::vector<std::int64_t> dims_a = dims_of(node.input(a)), dims_b = dims_of(node.input(b));
    const std::vector<std::int64_t> dims = broadcast_dims(dims_a, dims_b);
    result.swapped = node.is_constant(a) || (!node.is_constant(b) && dims_a != dims && dims_b == dims);
    const std::size_t first = result.swapped ? b : a, second = result.swapped ? a : b;
    result.first = node.view(first);
    if (result.first.axes.size() < dims.size() ||
        (!node.is_constant(second) && node.view(second).axes.size() != dims.size()))
        throw InputError(
            fmt::format("tensors of {{{}}} and {{{}}}: the number of images is not the first extent of both",
                        fmt::join(dims_a, ", "), fmt::join(dims_b, ", ")));
    repeat(result.first.axes, dims);
    result.first = whole_of(node, result.first);
    if (node.is_constant(second)) {
        const Constant& constant = node.constant(second);
        if (constant.free()) throw InputError("arithmetic of maps with the number of images");
        std::vector<Axis> axes = dense_axes(constant.dims());
        repeat(axes, dims);
        auto steps = joint_steps(result.first.axes, axes);
        if (!steps) {
            result.first = flattened(node, result.first, dims);
            steps = joint_steps(result.first.axes, axes);
        }
        result.constant = laid_out(constant, *steps);
        return result;
    }
    View other = node.view(second);
    repeat(other.axes, dims);
    auto steps = joint_steps(result.first.axes, other.axes);
    if (!steps) {
        other = flattened(node, other, dims);
        steps = joint_steps(result.first.axes, other.axes);
    }
    if (!steps) {
        result.first = flattened(node, result.first, dims);
        steps = joint_steps(result.first.axes, other.axes);
    }
    result.second = laid_out(node, other, *steps, map_of(node, result.first));
    return result;
}

}  // namespace keel::graph
