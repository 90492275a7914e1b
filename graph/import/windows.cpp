#include "graph/import/windows.h"

#include <algorithm>

#include "graph/import/node_scope.h"

namespace keel::graph {
namespace {

constexpr std::int64_t kMost = 1 << 20;  // what graphs hold

/// A list of the node, of `count` numbers a spatial axis; `otherwise` where it is not given.
std::vector<std::int64_t> numbers(NodeScope& node, const char* key, bool row, std::int64_t otherwise,
                                  std::size_t times) {
    std::vector<std::int64_t> given = node.list(key);
    if (given.empty()) given.assign((row ? 1 : 2) * times, otherwise);
    node.require(given.size() == (row ? 1 : 2) * times, "as many strides, pads and dilations as spatial axes");
    if (row)
        for (std::size_t i = times; i-- > 0;) given.insert(given.begin() + static_cast<std::ptrdiff_t>(i), otherwise);
    for (const std::int64_t number : given)
        node.require(number >= (times == 2 ? 0 : 1) && number <= kMost,
                     "strides and dilations of 1 or more, pads of 0 or more");
    return given;
}

void pad_to_same(Stretch& s, std::int64_t extent, bool upper) {
    const std::int64_t windows = (extent + s.stride - 1) / s.stride;
    const std::int64_t all =
        std::max<std::int64_t>((windows - 1) * s.stride + std::int64_t{s.size - 1} * s.dilation + 1 - extent, 0);
    s.before = static_cast<int>(upper ? all / 2 : all - all / 2);
    s.after = static_cast<int>(all - s.before);
}

}  // namespace

std::int64_t Stretch::windows(std::int64_t extent, bool ceil) const {
    const std::int64_t room = extent + before + after - (std::int64_t{size - 1} * dilation + 1);
    if (room < 0) return 0;
    std::int64_t count = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (count - 1) * stride >= extent + before) --count;
    return count;
}

Window window_of(NodeScope& node, const std::array<std::int64_t, 2>& kernel, bool row, std::int64_t h, std::int64_t w) {
    for (const std::int64_t size : kernel) node.require(size >= 1 && size <= kMost, "a window of 1 pixel or more");
    const auto strides = numbers(node, "strides", row, 1, 1), dilations = numbers(node, "dilations", row, 1, 1),
               pads = numbers(node, "pads", row, 0, 2);
    const auto stretch = [&](std::size_t i) {
        return Stretch{static_cast<int>(kernel[i]), static_cast<int>(strides[i]), static_cast<int>(dilations[i]),
                       static_cast<int>(pads[i]), static_cast<int>(pads[i + 2])};
    };
    Window window{stretch(0), stretch(1)};
    const std::string how = node.text("auto_pad", "NOTSET");
    node.require(how == "NOTSET" || how == "VALID" || how == "SAME_UPPER" || how == "SAME_LOWER",
                 "an auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    if (how == "NOTSET") return window;
    for (auto [s, extent] : {std::pair(&window.rows, h), std::pair(&window.columns, w)}) {
        s->before = s->after = 0;
        if (how != "VALID") pad_to_same(*s, extent, how == "SAME_UPPER");
    }
    return window;
}

}  // namespace keel::graph
