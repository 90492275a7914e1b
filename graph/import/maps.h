// Between views and the maps that operators work on. A map is made anew only where none lies in the wanted order.
#pragma once

#include <optional>

#include "graph/import/node_scope.h"

namespace keel::graph {

/// Returns the slice of a map whose elements a view leads through exactly once each, in any order; none where it leaves
/// some out, repeats them or goes backwards.
std::optional<Value> covered(const Builder& builder, const View& view);

/// An image {h, w, c} as a tensor {n, c, h, w}.
View image_view(const Builder& builder, const Value& map);

/// Returns a tensor {n, c, h, w} as a map of these extents, copied where it is not one. Throws InputError for other
/// tensors.
Value image_of(NodeScope& node, const View& view);

/// A tensor as a map whose channels are one of its axes, and its pixels all others in some order, and the axes that
/// lead through it.
struct Rows {
    Value map;
    std::vector<Axis> axes;
};
/// Returns a tensor so, copied where it does not lie so. `axis` is not the batch.
Rows rows_of(NodeScope& node, const View& view, std::size_t axis);

/// Returns a tensor as a map each of whose elements it leads through once: itself where it can be, else a copy.
View whole_of(NodeScope& node, const View& view);

/// Returns a copy of one row, {1, 1, elements}, in the order of the axes, with these extents (of one image).
View flattened(NodeScope& node, const View& view, std::span<const std::int64_t> dims);

/// Returns the map of a view that covers it (whole_of, covered). Throws where it does not.
Value map_of(NodeScope& node, const View& view);

/// Returns the view with another map of the same extents.
View moved(View view, const Value& map);

/// Adds a copy that reads a view in this order: `pixels` are the factors of the result's rows and columns, `channels`
/// those of its channels.
Value rearranged_map(NodeScope& node, const View& view, std::span<const Factor> pixels,
                     std::span<const Factor> channels, std::int64_t h, std::int64_t w);

/// The operands of an element-wise operator.
struct Operands {
    View first;                     ///< covers its map; as large as the result
    std::optional<Value> second{};  ///< a map of first's extents or 1 each
    std::vector<float> constant{};  ///< in its place: one number, one of each channel, or one of each element
    bool swapped = false;           ///< the first is the node's second input
};
/// Broadcasts two inputs against each other by numpy's rules, one of which may be a constant.
Operands operands_of(NodeScope& node, std::size_t a, std::size_t b);

}  // namespace keel::graph
