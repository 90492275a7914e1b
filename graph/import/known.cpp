#include "graph/import/known.h"

namespace keel::graph {

std::vector<Axis> axes_of(const Known& known) {
    const auto* view = std::get_if<View>(&known);
    return view != nullptr ? view->axes : dense_axes(std::get<Constant>(known).dims());
}

Known along(const Known& known, std::vector<Axis> axes, const Factor& offset) {
    const auto* view = std::get_if<View>(&known);
    if (view == nullptr) return rearranged(std::get<Constant>(known), axes, offset.channels);
    View result = *view;
    result.axes = std::move(axes);
    result.first_pixel += offset.pixels;
    result.first_channel += offset.channels;
    return result;
}

std::vector<std::int64_t> dims_of(const Known& known) {
    std::vector<std::int64_t> dims;
    for (const Axis& axis : axes_of(known)) dims.push_back(extent(axis));
    return dims;
}

}  // namespace keel::graph
