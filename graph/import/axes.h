// How the axes of an ONNX tensor run through memory: reshapes, transposes, slices and expansions change the axes and
// leave the numbers where they are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace keel::graph {

/// `size` places, each `pixels` pixels and `channels` channels of a map after the one before.
struct Factor {
    std::int64_t size, pixels, channels;
    bool operator==(const Factor&) const = default;
};

/// An axis as factors, the outermost first, none of size 1: its extent is the product of their sizes. One of H and W
/// flattened has two.
using Axis = std::vector<Factor>;

std::int64_t extent(const Axis& axis);
std::int64_t elements(std::span<const Axis> axes);

/// Returns the factors of all axes in a row.
std::vector<Factor> factors_of(std::span<const Axis> axes);

/// Returns the same axis with as few factors as can be: neighbours that are one run become one.
Axis merged(const Axis& axis);

/// Returns axes of the given extents over the same factors in the same order, which are split where an extent ends
/// within one; none where that is impossible. The product of extents is that of the factors' sizes.
std::optional<std::vector<Axis>> regrouped(std::span<const Factor> factors, std::span<const std::int64_t> extents);

/// Returns two lists of factors with the same sizes, place by place, made of those of two axes of one extent; none
/// where a factor of one would end within a factor of the other.
struct Common {
    Axis first, second;
};
std::optional<Common> common_factors(const Axis& first, const Axis& second);

/// `count` places of an axis from `start` on, `step` apart, which may be negative; `offset` is what comes before the
/// first. None where the axis has several factors and the slice cuts through them.
struct Slice {
    Axis axis;
    Factor offset;  ///< size 1
};
std::optional<Slice> sliced(const Axis& axis, std::int64_t start, std::int64_t step, std::int64_t count);

/// Returns the axes of a dense row-major tensor, one factor each, counted in `channels`.
std::vector<Axis> dense_axes(std::span<const std::int64_t> dims);

}  // namespace keel::graph
