#include "graph/bf16_maps.h"

#include <algorithm>
#include <vector>

namespace keel::graph {
namespace {

/// Calls f(value) for each value that a node reads or writes.
template <class F>
void for_each_value(const Node& node, F&& f) {
    for_each_read(node, [&](const Value& value, std::string_view) { f(value); });
    f(node.dst);
}

/// A flag for each buffer.
class Flags {
public:
    explicit Flags(const Graph& graph) : set_(graph.buffers.size()) {}
    bool operator[](const Value& value) const { return set_[static_cast<std::size_t>(value.buffer)]; }
    void set(const Value& value) { set_[static_cast<std::size_t>(value.buffer)] = true; }

private:
    std::vector<bool> set_;
};

bool any_read(const Node& node, const Flags& flags) {
    bool any = false;
    for_each_read(node, [&](const Value& value, std::string_view) { any = any || flags[value]; });
    return any;
}

/// The buffers that a product's result leads to.
Flags after_products(const Graph& graph) {
    Flags after(graph);
    for (const Node& node : graph.nodes)
        if (node.op.multiplies_floats() || any_read(node, after)) after.set(node.dst);
    return after;
}

/// The buffers that lead to a node of those for which `counts` holds, by their numbers.
template <class Counts>
Flags before(const Graph& graph, Counts counts) {
    Flags flags(graph);
    for (std::size_t i = graph.nodes.size(); i-- > 0;)
        if (const Node& node = graph.nodes[i]; counts(i) || flags[node.dst])
            for_each_read(node, [&](const Value& value, std::string_view) { flags.set(value); });
    return flags;
}

}  // namespace

std::string use_bf16_maps(Graph& graph) {
    if (std::ranges::any_of(graph.buffers, &Buffer::quantized))
        return "the model is quantized: its layers of int8 stay so, and what is left of floats stays f32";
    const Flags after = after_products(graph),
                before_any = before(graph, [&](std::size_t i) { return graph.nodes[i].op.multiplies_floats(); });
    Flags halves(graph);
    std::vector<bool> chosen;
    for (const Node& node : graph.nodes) {
        chosen.push_back(any_read(node, after) && before_any[node.dst] && node.op.multiplies_bf16(graph, node));
        if (chosen.back()) for_each_value(node, [&](const Value& value) { halves.set(value); });
    }
    if (std::ranges::find(chosen, true) == chosen.end())
        return "no layer between the first and the last one has kernels for bf16";
    const Flags before_chosen = before(graph, [&](std::size_t i) { return chosen[i]; });
    for (int i = 0; i < static_cast<int>(graph.buffers.size()); ++i) {
        const Value whole{i, 0, graph.buffers[static_cast<std::size_t>(i)].c};
        const bool outside = i == graph.src.buffer || i == graph.dst.buffer;
        graph.buffers[static_cast<std::size_t>(i)].halves =
            !outside && (halves[whole] || (after[whole] && before_chosen[whole]));
    }
    return "";
}

bool touches_bf16(const Graph& graph, const Node& node) {
    bool any = false;
    for_each_value(node, [&](const Value& value) { any = any || graph.map(value).halves; });
    return any;
}

bool all_bf16(const Graph& graph, const Node& node) {
    bool all = true;
    for_each_value(node, [&](const Value& value) { all = all && graph.map(value).halves; });
    return all;
}

}  // namespace keel::graph
